"""The methods that change machines, measured against the same work done with virsh and qemu-img in the same run: virsh is one
process that keeps its connection (embedded QEMU, like the daemon's), so that its start does not count. The two take turns, and
the median of each counts. The difference is wsvirt's own share: requests over HTTPS with their sign-in, XML, checks, the job and
its row in the store, and looking until the job has ended. A row says what it may come to."""
import datetime
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "lab"), str(ROOT / "tests" / "support")]

MIB = 1 << 20
IMAGES = "Msvm_ImageManagementService"


class Virsh:
    """virsh with its commands from a pipe; a command's end is seen by the echo of a mark after it."""

    def __init__(self, uri):
        self.process = subprocess.Popen(["virsh", "-c", uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self("list")

    def __call__(self, command):
        mark = f"end-of-{uuid.uuid4()}"
        self.process.stdin.write(f"{command}\necho {mark}\n")
        self.process.stdin.flush()
        lines = []
        while True:
            line = self.process.stdout.readline()
            if not line:
                raise SystemExit("virsh ended:\n" + "".join(lines))
            if mark in line and "echo" not in line:
                break
            lines.append(line)
        text = "".join(lines)
        if "error:" in text:
            raise SystemExit(f"virsh {command}:\n{text}")
        return text

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)


def timed(work):
    start = time.perf_counter()
    result = work()
    return (time.perf_counter() - start) * 1000, result


def medians(rounds, ours, theirs):
    """Both take turns; milliseconds."""
    mine, other = [], []
    for n in range(rounds):
        mine.append(ours(n))
        other.append(theirs(n))
    return statistics.median(mine), statistics.median(other)


OWN_SHARE = 10  # ms of a call
COPY_RATIO = 1.05
OVER = "over"
HEADING = ("work / by hand", "wsvirt", "by hand", "ratio", "difference", "at most", "")


def held(fine):
    return "held" if fine else OVER


def row(what, ours, theirs, calls=0, ratio=0):
    """calls: as many, each with wsvirt's own share at most. ratio: at most so many times what is done by hand."""
    most, fine = "", ""
    if calls:
        most, fine = f"+{calls * OWN_SHARE} ms" + f" ({calls} calls)" * (calls > 1), held(ours - theirs < calls * OWN_SHARE)
    elif ratio:
        most, fine = f"{ratio:.2f} times", held(ours / theirs <= ratio)
    return what, f"{ours:.1f}", f"{theirs:.1f}", f"{ours / theirs:.2f}", f"{ours - theirs:+.1f}", most, fine


def wait(hyperv, job, pause=0):
    while True:
        now = hyperv.get(job)
        if int(now["JobState"]) >= 7:
            if now["JobState"] != "7":
                raise SystemExit(f"{now['Caption']}: {now['ErrorDescription']}")
            return now
        time.sleep(pause)


def until_ended(hyperv, begin):
    """Milliseconds from the call that gives a job until one who asks at the right moment knows that the job has ended: until its
    last change of state, and what it takes to ask. One who kept asking would take the processor from what is measured."""
    begun = time.time()
    job = begin()
    ended = wait(hyperv, job, pause=0.05)
    asking = timed(lambda: hyperv.get(job))[0]
    changed = datetime.datetime.fromisoformat(ended["TimeOfLastStateChange"])
    return (changed.timestamp() - begun) * 1000 + asking


class Bench:
    def __init__(self, daemon, folder, smoke):
        from hyperv import HyperV
        from machine_parts import Parts

        self.daemon, self.folder, self.smoke = daemon, folder, smoke
        self.hyperv = HyperV(daemon)
        self.parts = Parts(self.hyperv, daemon, None)
        root = folder / "virsh"  # with the daemon's configuration, and what libvirt has found out about QEMU already
        (root / "etc").mkdir(parents=True)
        shutil.copy(daemon.state / "qemu/etc/qemu.conf", root / "etc")
        shutil.copytree(daemon.state / "qemu/cache", root / "cache", dirs_exist_ok=True)
        self.virsh = Virsh(f"qemu:///embed?root={root}")

    # --- DefineSystem ----------------------------------------------------------------------------------------------------
    def disk(self, name):
        path = self.folder / name
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"], check=True)
        return path

    def new_machine(self, n):
        """A disk and a machine that has it: (milliseconds, machine)."""
        import embedded
        from embedded import Instance
        from hyperv import WMI
        from machine_parts import FORM, RASD

        path = self.daemon.storage / f"new-{n}.qcow2"
        image = Instance("Msvm_VirtualHardDiskSettingData", Path=str(path), Type=3, MaxInternalSize=1 << 30)
        settings = Instance("Msvm_VirtualSystemSettingData", ElementName=f"new-{n}", UserSnapshotType=5,
                            VirtualSystemSubType="Microsoft:Hyper-V:SubType:1")
        resources = [
            Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=64,
                     Reservation=64, Limit=64, DynamicMemoryEnabled=False),
            Instance(RASD, ResourceType=6, ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller", InstanceID="scsi"),
            Instance(RASD, ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive", Parent="scsi",
                     InstanceID="drive"),
            Instance("Msvm_StorageAllocationSettingData", ResourceType=31, Parent="drive", HostResource=[str(path)],
                     ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk")]
        inner = embedded.render(FORM, "SystemSettings", settings, WMI)
        inner += "".join(embedded.render(FORM, "ResourceSettings", r, WMI) for r in resources)
        image = embedded.render(FORM, "VirtualDiskSettingData", image, WMI)

        def work():
            made = self.hyperv.invoke(IMAGES, {"CreationClassName": IMAGES}, "CreateVirtualHardDisk", image)
            if made["ReturnValue"] == "4096":
                wait(self.hyperv, made["Job"])
            return self.hyperv.finish(self.hyperv.service("DefineSystem", inner))

        spent, output = timed(work)
        return spent, output["ResultingSystem"]

    def definition(self, machine):
        """The machine as libvirt has it."""
        guid = machine.selectors["Name"].lower()
        (file,) = (f for f in (self.daemon.state / "qemu/etc/qemu").glob("*.xml") if guid in f.name)
        return file.read_text()

    def copy_for_virsh(self, machine, name, disk=None):
        """The same definition under another identifier."""
        text = re.sub(r"<name>.*</name>", f"<name>{name}</name>", self.definition(machine))
        text = re.sub(r"<uuid>.*</uuid>", f"<uuid>{uuid.uuid4()}</uuid>", text)
        if disk:
            text = re.sub(r"<source file='[^']*\.qcow2'", f"<source file='{disk}'", text)
        file = self.folder / f"{name}.xml"
        file.write_text(text)
        return file

    def define(self, rounds):
        machines = []

        def ours(n):
            spent, machine = self.new_machine(n)
            machines.append(machine)
            return spent

        def theirs(n):
            name = f"theirs-{n}.qcow2"
            file = self.copy_for_virsh(machines[-1], f"theirs-{n}", self.folder / name)

            def work():
                self.disk(name)
                self.virsh(f"define {file}")

            return timed(work)[0]

        result = medians(rounds, ours, theirs)
        self.machine = machines[-1]
        return row("CreateVirtualHardDisk, DefineSystem / qemu-img create, virsh define", *result, calls=2)

    # --- snapshots -------------------------------------------------------------------------------------------------------
    def snapshots(self, rounds):
        from hyperv import RUNNING
        from machine_parts import SNAPSHOTS

        inner = f"<p:AffectedSystem>{self.machine.content()}</p:AffectedSystem><p:SnapshotType>2</p:SnapshotType>"
        name = "snapped"
        self.virsh(f"define {self.copy_for_virsh(self.machine, name, self.disk('snapped.qcow2'))}")

        def ours(_):
            return until_ended(self.hyperv, lambda: self.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS},
                                                                       "CreateSnapshot", inner)["Job"])

        def theirs(_):
            return timed(lambda: self.virsh(f"snapshot-create-as {name} s-{uuid.uuid4()}"))[0]

        def turn():
            ours(0), theirs(0)  # both once, for what is slower the first time
            return medians(rounds, ours, theirs)

        off = row("CreateSnapshot, off / virsh snapshot-create", *turn(), calls=1)
        self.hyperv.finish(self.hyperv.request_state(self.machine, RUNNING))
        self.virsh(f"start {name}")
        try:
            running = row("CreateSnapshot, running, with memory / virsh snapshot-create", *turn(), calls=1)
        finally:
            self.virsh(f"destroy {name}")  # QEMU outlives the virsh that has started it
        return [off, running]

    # --- export ----------------------------------------------------------------------------------------------------------
    def filled(self, size, data):
        """A sparse qcow2 disk with that much data in pieces all over it."""
        raw, path = self.folder / "filled.raw", self.daemon.storage / "filled.qcow2"
        with open(raw, "wb") as file:
            file.truncate(size)
            for at in range(0, size, size // (data // MIB)):
                file.seek(at)
                file.write(os.urandom(MIB))
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, path], check=True)
        raw.unlink()
        return path

    @staticmethod
    def copying(look, ended):
        """Milliseconds from when the copy's file is there until it is whole and has got its name: of the copying alone, whoever
        started qemu-img, and however. Whoever looks must not take the processor from what is measured, and is himself not
        woken at once when there is other work, so the end is what the file system says of the name."""
        while not (copies := look()):
            time.sleep(0.001)
        begun = time.time()
        return ended(copies[0]).stat().st_ctime_ns / 1e6 - begun * 1000

    @staticmethod
    def is_whole(copy):
        """It has another name until then."""
        whole = copy.parent / "filled.qcow2"
        while not whole.exists():
            time.sleep(0.01)
        return whole

    def export(self, rounds, size, data):
        source = self.filled(size, data)
        machine = self.parts.define("exported")
        self.parts.attach(machine, source)
        whole, whole_by_hand = [], []

        def ours(n):
            folder = self.parts.exports / f"e{n}"
            start = time.perf_counter()
            job = self.parts.start_export(machine, folder, CreateVmExportSubdirectory=False)["Job"]
            spent = self.copying(lambda: list(self.parts.exports.glob(".wsvirt-partial*/Virtual Hard Disks/*")), self.is_whole)
            wait(self.hyperv, job, pause=0.005)
            whole.append((time.perf_counter() - start) * 1000)
            shutil.rmtree(folder)
            return spent

        def theirs(n):
            copy, named = (self.parts.exports / f"{c}{n}.qcow2" for c in "cn")
            start = time.perf_counter()
            convert = subprocess.Popen(["qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", source, copy])

            def is_named(_):
                if convert.wait():
                    raise SystemExit("qemu-img convert failed")
                return copy.rename(named)

            spent = self.copying(lambda: [copy] * copy.exists(), is_named)
            whole_by_hand.append((time.perf_counter() - start) * 1000)
            named.unlink()
            return spent

        ours(0), theirs(0)  # both once with a cold cache
        whole.clear(), whole_by_hand.clear()
        copies = medians(rounds, ours, theirs)
        name = f"export of {size // MIB} MiB with {data // MIB} MiB of data"
        return [row(f"{name}: the copy / qemu-img convert", *copies, ratio=COPY_RATIO),
                row(f"{name}: with checksums / qemu-img convert", *map(statistics.median, (whole, whole_by_hand)))]


def measure(smoke):
    """Rows as HEADING says, in ms."""
    from wsvirtd import Daemon

    folder = pathlib.Path(tempfile.mkdtemp(prefix="m"))
    rounds = 3 if smoke else 15
    try:
        with Daemon(storage_folders=[folder], log_level="warn",
                    more='[jobs]\nsynchronous_window = "30s"\n') as daemon:
            daemon.storage.mkdir(exist_ok=True)
            bench = Bench(daemon, folder, smoke)
            try:
                rows = [bench.define(rounds), *bench.snapshots(rounds)]
                rows += bench.export(2 if smoke else 21, *((256 * MIB, 32 * MIB) if smoke else (2048 * MIB, 512 * MIB)))
            finally:
                bench.virsh.end()
        return rows
    finally:
        shutil.rmtree(folder, ignore_errors=True)
