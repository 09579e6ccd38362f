"""Snapshots on real QEMU: of machines that are off, running, paused and saved, inside qcow2 disks and beside raw and VHD
ones; what applying brings back; the associations after any sequence; version 1's methods; and what is left when the
service is killed in the middle."""
import os
import pathlib
import random
import re
import subprocess
import time
import xml.etree.ElementTree as ET

import pytest
from console import Console
from embedded import Instance, render
from hyperv import OFF, PAUSED, RUNNING, SAVED, WMI, Epr, HyperV, Item
from test_machines import memory

SERVICE = "Msvm_VirtualSystemSnapshotService"
V1 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/"
V1_SERVICE = "Msvm_VirtualSystemManagementService"
FULL, DISK, RECOVERY = 2, 3, 32768
FORMATS = {"qcow2": "qcow2", "raw": "img", "vpc": "vhd"}
STANDARD, PRODUCTION, PRODUCTION_ONLY, DISABLED = 5, 3, 4, 2


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


class Machine:
    """One machine and what the tests do with it and its snapshots."""

    def __init__(self, hyperv, daemon, disk_format, guest_iso=None, kind=STANDARD, disks=1):
        self.hyperv, self.daemon = hyperv, daemon
        settings = Instance("Msvm_VirtualSystemSettingData", ElementName=f"snapshots {disk_format}",
                            VirtualSystemSubType="Microsoft:Hyper-V:SubType:1", UserSnapshotType=kind)
        self.epr = hyperv.finish(hyperv.define(settings, [memory(96)]))["ResultingSystem"]
        self.guid = self.epr.selectors["Name"].upper()
        daemon.storage.mkdir(exist_ok=True)
        self.disks = [daemon.storage / f"{self.guid}-{n}.{FORMATS.get(disk_format, disk_format)}" for n in range(disks)]
        self.format = disk_format
        controllers = sorted((d for d in hyperv.devices(self.epr) if d["ResourceType"] == "5"), key=lambda d: d["Address"])
        for n, disk in enumerate(self.disks):
            subprocess.run(["qemu-img", "create", "-q", "-f", disk_format, disk, "8M"], check=True)
            self.attach(controllers[1], n, 17, "Synthetic Disk Drive", "Virtual Hard Disk", disk)
        if guest_iso:
            self.attach(controllers[0], 0, 16, "Synthetic DVD Drive", "Virtual CD/DVD Disk", guest_iso)
        port = next(d for d in hyperv.devices(self.epr, "Msvm_SerialPortSettingData"))
        hyperv.modify(Instance("Msvm_SerialPortSettingData", InstanceID=port["InstanceID"], ResourceType=21,
                               ResourceSubType="Microsoft:Hyper-V:Serial Port",
                               Connection=[rf"\\.\pipe\{self.guid[:8]}"]))

    def attach(self, controller, address, kind, drive, medium, path):
        escaped = controller["InstanceID"].replace("\\", "\\\\")
        parent = rf'\\TESTHOST\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID="{escaped}"'
        slot = self.hyperv.add(self.epr, Instance(
            "Msvm_ResourceAllocationSettingData", ResourceType=kind, ResourceSubType=f"Microsoft:Hyper-V:{drive}",
            Parent=parent, AddressOnParent=str(address)))
        self.hyperv.add(self.epr, Instance(
            "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType=f"Microsoft:Hyper-V:{medium}",
            Parent=slot.path("TESTHOST"), HostResource=[str(path)]))

    # --- the machine ------------------------------------------------------------------------------------------
    def turn(self, state):
        self.hyperv.finish(self.hyperv.request_state(self.epr, state))
        self.hyperv.wait_state(self.epr, state)

    def state(self):
        return self.hyperv.state(self.epr)

    def console(self):
        return Console(next(self.daemon.state.glob(f"**/pipes/{self.guid[:8]}*")))

    def path(self, n=0):
        """Where a disk's content is now."""
        paths = [d.all("HostResource")[0] for d in self.hyperv.devices(self.epr, "Msvm_StorageAllocationSettingData")
                 if d["ResourceSubType"].endswith("Hard Disk")]
        return next(p for p in paths if f"{self.guid}-{n}." in p)

    def write(self, pattern, n=0):
        self.io(f"write -P {pattern} 0 64k", n)

    def holds(self, pattern, n=0):
        return "verification failed" not in self.io(f"read -P {pattern} 0 64k", n)

    def io(self, command, n):
        path = self.path(n)
        form = "qcow2" if path.endswith(".qcow2") else self.format
        done = subprocess.run(["qemu-io", "-f", form, "-c", command, path], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT)
        assert "error" not in done.stdout.lower(), done.stdout
        return done.stdout

    def files(self):
        return sorted(p.name for p in self.daemon.storage.iterdir() if p.name.startswith(self.guid))

    # --- snapshots --------------------------------------------------------------------------------------------
    def call(self, method, parameter, target, more=""):
        return self.hyperv.invoke(SERVICE, {"CreationClassName": SERVICE}, method,
                                  f"<p:{parameter}>{target.content()}</p:{parameter}>{more}")

    def begin(self, kind=FULL, settings=None, target=None):
        more = render("cimxml-escaped", "SnapshotSettings", settings, WMI) if settings else ""
        return self.call("CreateSnapshot", "AffectedSystem", target or self.epr,
                         more + f"<p:SnapshotType>{kind}</p:SnapshotType>")

    def create(self, kind=FULL, **settings):
        given = Instance("Msvm_VirtualSystemSnapshotSettingData", **settings) if settings else None
        return self.hyperv.finish(self.begin(kind, given))["ResultingSnapshot"]

    def apply(self, snapshot):
        self.hyperv.finish(self.call("ApplySnapshot", "Snapshot", snapshot))

    def destroy(self, snapshot, tree=False):
        if tree:
            self.hyperv.finish(self.call("DestroySnapshotTree", "SnapshotSettingData", snapshot))
        else:
            self.hyperv.finish(self.call("DestroySnapshot", "AffectedSnapshot", snapshot))

    def associated(self, association, result="Msvm_VirtualSystemSettingData"):
        found = self.hyperv.query(f"ASSOCIATORS OF {{Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',"
                                  f"Name='{self.guid}'}} WHERE AssocClass = {association} ResultClass = {result}")
        return [i["InstanceID"].split(":")[1] for i in found]

    def children(self, guid):
        found = self.hyperv.query(f"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='Microsoft:{guid}'}} "
                                  "WHERE AssocClass = Msvm_ParentChildSettingData Role = Antecedent")
        return sorted(i["InstanceID"].split(":")[1] for i in found)

    def remove(self):
        if self.state() in (RUNNING, PAUSED):
            self.turn(OFF)
        self.hyperv.finish(self.hyperv.destroy(self.epr))


def id_of(snapshot):
    return snapshot.selectors["InstanceID"].split(":")[1]


@pytest.fixture
def new_machine(hyperv, daemon):
    made = []

    def make(*arguments, **options):
        made.append(Machine(hyperv, daemon, *arguments, **options))
        return made[-1]

    yield make
    for machine in made:
        machine.remove()


def boot(machine):
    machine.turn(RUNNING)
    return machine.console()


def on_disk(console, text):
    """Writes a text to the start of the guest's disk and makes sure that it is there."""
    console.text = ""
    console.send(f"echo {text} | dd of=/dev/sda bs=512 count=1 conv=sync,notrunc 2>/dev/null; sync; echo WROTE-{text[:3]}\n")
    console.wait(rf"[\r\n]WROTE-{text[:3]}", 30)


def read_disk(console, tag):
    """What is there, read past the guest's cache."""
    console.text = ""
    console.send(f"echo 3 >/proc/sys/vm/drop_caches; echo {tag}=$(dd if=/dev/sda bs=512 count=1 2>/dev/null | tr -d '\\000')=\n")
    return console.wait(rf"[\r\n]{tag}=([^=]*)=", 30).group(1).strip()


def last_tick(console):
    console.text = ""
    return int(console.wait(r"TICK (\d+)[\r\n]", 30).group(1))


@pytest.mark.parametrize("disk_format", FORMATS)
def test_an_off_machine_goes_back_and_forth_in_its_tree(new_machine, disk_format):
    machine = new_machine(disk_format, disks=2)
    machine.write(1)
    machine.write(101, 1)
    a = machine.create()
    machine.write(2)
    machine.write(102, 1)
    b = machine.create(DISK)
    machine.write(3)
    machine.apply(a)
    assert machine.state() == OFF
    assert machine.holds(1) and machine.holds(101, 1)
    machine.write(4)
    c = machine.create()
    machine.write(5)
    machine.apply(b)
    assert machine.holds(2) and machine.holds(102, 1)
    machine.apply(c)
    assert machine.holds(4) and machine.holds(101, 1)
    assert machine.children(id_of(a)) == sorted([id_of(b), id_of(c)])
    machine.destroy(b)
    machine.apply(a)
    assert machine.holds(1)
    machine.apply(c)
    machine.destroy(a, tree=True)
    assert machine.holds(4) and machine.holds(101, 1)
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    assert machine.files() == sorted(d.name for d in machine.disks)
    assert machine.path() == str(machine.disks[0])


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_memory_and_disk_of_running_paused_and_saved_machines(new_machine, hyperv, guest_iso, disk_format):
    machine = new_machine(disk_format, guest_iso=guest_iso)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        on_disk(console, "one")
        running = machine.create()
        before = last_tick(console)
        assert machine.state() == RUNNING
        on_disk(console, "two")
        disk_only = machine.create(DISK)
        assert machine.state() == RUNNING
        on_disk(console, "three")
        machine.turn(PAUSED)
        paused = machine.create()
        assert machine.state() == PAUSED
        machine.turn(RUNNING)
        on_disk(console, "four")
        assert int(machine.call("ApplySnapshot", "Snapshot", running)["ReturnValue"]) == 32775
        assert read_disk(console, "still") == "four"
    machine.turn(SAVED)
    saved = machine.create()
    assert machine.state() == SAVED

    for snapshot, text, kept in ((running, "one", True), (disk_only, "two", False), (paused, "three", True),
                                 (saved, "four", True)):
        settings = hyperv.get(snapshot)
        assert settings["IsSaved"] == str(kept).lower()
        machine.apply(snapshot)
        assert machine.state() == (SAVED if kept else OFF)
        with boot(machine) as console:
            if kept:
                assert last_tick(console) < before + 60
                assert "TICK 0" not in console.text
            else:
                console.wait(r"TICK 1\b", 90)
            assert read_disk(console, "now") == text
        machine.turn(OFF)

    # Without its memory the snapshot gives a machine that is off.
    hyperv.finish(machine.call("ClearSnapshotState", "SnapshotSettingData", saved))
    assert int(machine.call("ClearSnapshotState", "SnapshotSettingData", saved)["ReturnValue"]) == 32775
    assert hyperv.get(saved)["IsSaved"] == "false"
    machine.apply(saved)
    assert machine.state() == OFF
    machine.apply(running)
    with boot(machine) as console:  # deleting under a running machine
        last_tick(console)
        machine.destroy(running, tree=True)
        assert machine.state() == RUNNING
        assert read_disk(console, "now") == "one"
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    assert machine.files() == [machine.disks[0].name]
    assert not list(machine.daemon.state.glob("snapshots/*"))


def test_vhd_disks_of_a_running_machine(new_machine, hyperv, guest_iso):
    """QEMU keeps no memory beside a VHD: that is said, and snapshots of the disks alone are taken while it runs."""
    machine = new_machine("vpc", guest_iso=guest_iso)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        for begin in (machine.begin, lambda: hyperv.request_state(machine.epr, SAVED)):
            job = hyperv.wait_job(begin()["Job"])
            assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32770), dict(job)
            assert "convert the disk" in job["ErrorDescription"]
        assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
        check_files(machine, [])
        assert machine.state() == RUNNING
        on_disk(console, "one")
        first = machine.create(DISK)
        on_disk(console, "two")
        second = machine.create(DISK)
        on_disk(console, "three")
        machine.destroy(first)  # merges below the running machine
        assert read_disk(console, "now") == "three"
    machine.turn(OFF)
    machine.apply(second)
    assert machine.state() == OFF
    machine.destroy(second)
    assert machine.files() == [machine.disks[0].name]
    assert machine.path() == str(machine.disks[0])
    assert machine.io("read -v 0 16", 0).count("two") == 1


def test_vhdx_disks_are_refused_by_name(new_machine, hyperv):
    """libvirt has no such format, so no machine can have one; wsvirt converts such images."""
    with pytest.raises(AssertionError, match="convert the disk to VHD"):
        new_machine("vhdx")


def test_of_two_at_once_one_runs_and_the_other_is_told_so(new_machine, hyperv):
    machine = new_machine("raw")
    machine.turn(RUNNING)
    told = []
    for _ in range(20):  # until the second call comes while the first runs
        codes, jobs = [], []
        for output in (machine.begin(), machine.begin()):
            codes.append(int(output["ReturnValue"]))
            jobs.append(hyperv.wait_job(output["Job"]))
        told += [(int(j["JobState"]), int(j["ErrorCode"])) for c, j in zip(codes, jobs) if c == 32774]
        assert codes[0] == 4096 and codes[1] in (4096, 32774)
        assert all(int(j["JobState"]) == 7 for c, j in zip(codes, jobs) if c == 4096)
        if told:
            break
    assert told == [(10, 32774)]


def test_a_snapshot_is_an_instance_with_devices_a_name_and_notes(new_machine, hyperv):
    machine = new_machine("qcow2")
    snapshot = machine.create()
    guid = id_of(snapshot)
    settings = hyperv.get(snapshot)
    assert settings["VirtualSystemType"] == "Microsoft:Hyper-V:Snapshot:Realized"
    assert settings["VirtualSystemIdentifier"].upper() == machine.guid
    assert re.fullmatch(r"snapshots qcow2 - \(\d\d/\d\d/\d{4} - \d\d:\d\d:\d\d [AP]M\)", settings["ElementName"])
    assert f"Microsoft:{guid}" in hyperv.get(hyperv.settings_of(machine.epr))["Parent"]
    devices = hyperv.query(f"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='Microsoft:{guid}'}} "
                           "WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent")
    assert all(d["InstanceID"].upper().startswith(f"MICROSOFT:{guid}\\") for d in devices)
    assert [d["VirtualQuantity"] for d in devices if d.class_name == "Msvm_MemorySettingData"] == ["96"]
    disks = [d for d in devices if (d.get("ResourceSubType") or "").endswith("Virtual Hard Disk")]
    assert [d.all("HostResource") for d in disks] == [[str(machine.disks[0])]]

    hyperv.finish(hyperv.service("ModifySystemSettings", render("cimxml-escaped", "SystemSettings", Instance(
        "Msvm_VirtualSystemSettingData", InstanceID=settings["InstanceID"], ElementName="before <the> update & so",
        Notes=["first", "second line"]), WMI)))
    renamed = hyperv.get(snapshot)
    assert renamed["ElementName"] == "before <the> update & so"
    assert renamed.all("Notes") == ["first", "second line"]
    assert hyperv.get(machine.epr)["ElementName"] == "snapshots qcow2"
    # What the machine is now does not change what the snapshot holds, and comes back with it.
    processor = hyperv.devices(machine.epr, "Msvm_ProcessorSettingData")[0]
    hyperv.modify(Instance("Msvm_ProcessorSettingData", InstanceID=processor["InstanceID"], ResourceType=3,
                           VirtualQuantity=2))
    machine.apply(snapshot)
    assert hyperv.devices(machine.epr, "Msvm_ProcessorSettingData")[0]["VirtualQuantity"] == "1"
    assert hyperv.get(snapshot)["ElementName"] == "before <the> update & so"


class Tree:
    """What must hold after each step: parents, the one that the machine stands on, the one last applied."""

    def __init__(self):
        self.parent, self.current, self.applied = {}, None, None

    def create(self, guid):
        self.parent[guid] = self.current
        self.current = guid

    def apply(self, guid):
        self.current = self.applied = guid

    def below(self, guid):
        return {guid}.union(*(self.below(c) for c, p in self.parent.items() if p == guid))

    def destroy(self, guid, tree):
        gone = self.below(guid) if tree else {guid}
        above = self.parent[guid]
        if self.current in gone:
            self.current = above
        if self.applied in gone:
            self.applied = None
        self.parent = {c: above if p in gone else p for c, p in self.parent.items() if c not in gone}

    def check(self, machine):
        hyperv = machine.hyperv
        assert sorted(machine.associated("Msvm_SnapshotOfVirtualSystem")) == sorted(self.parent)
        assert machine.associated("Msvm_MostCurrentSnapshotInBranch") == ([self.current] if self.current else [])
        assert machine.associated("Msvm_LastAppliedSnapshot") == ([self.applied] if self.applied else [])
        for guid in self.parent:
            children = [c for c, p in self.parent.items() if p == guid]
            assert machine.children(guid) == sorted(children + ([machine.guid] if guid == self.current else []))
        shown = {}
        for settings in hyperv.query("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemIdentifier = "
                                     f"'{machine.guid}'"):
            parent = re.search(r'InstanceID="Microsoft:([0-9A-F-]{36})"', settings["Parent"] or "")
            shown[settings["InstanceID"].split(":")[1]] = parent and parent.group(1)
        assert shown == {**self.parent, machine.guid: self.current}


@pytest.mark.parametrize("disk_format,seed", [("qcow2", 11), ("raw", 12)])
def test_associations_and_disks_follow_any_sequence(new_machine, disk_format, seed):
    machine, tree, dice = new_machine(disk_format), Tree(), random.Random(seed)
    snapshots, content, now = {}, {}, 1
    machine.write(now)
    for step in range(18):
        kind = dice.choice(["create", "create", "apply", "destroy", "tree"] if len(snapshots) > 1 else ["create"])
        if kind == "create":
            made = machine.create(dice.choice([FULL, DISK]))
            snapshots[id_of(made)], content[id_of(made)] = made, now
            tree.create(id_of(made))
            now = step + 2
            machine.write(now)
        else:
            guid = dice.choice(sorted(snapshots))
            if kind == "apply":
                machine.apply(snapshots[guid])
                tree.apply(guid)
                now = content[guid]
            else:
                machine.destroy(snapshots[guid], kind == "tree")
                tree.destroy(guid, kind == "tree")
                snapshots = {g: s for g, s in snapshots.items() if g in tree.parent}
        tree.check(machine)
        assert machine.holds(now), f"seed {seed}, step {step}: {kind}"
    for guid in sorted(snapshots):
        machine.apply(snapshots[guid])
        assert machine.holds(content[guid])


def v1(hyperv, method, **references):
    """A method of version 1's management service; references are given as path texts."""
    uri = V1 + V1_SERVICE
    inner = "".join(f"<p:{name}>{value}</p:{name}>" for name, value in references.items())
    return Item(hyperv.post(f"{uri}/{method}", uri, {"CreationClassName": V1_SERVICE},
                            f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>')[0])


def test_version_1_takes_applies_and_removes(new_machine, hyperv):
    machine = new_machine("qcow2")
    box = machine.epr.content()
    machine.write(1)
    first = hyperv.finish(v1(hyperv, "CreateVirtualSystemSnapshot", SourceSystem=box))["SnapshotSettingData"]
    assert first.uri == V1 + "Msvm_VirtualSystemSettingData"
    machine.write(2)
    second = hyperv.finish(v1(hyperv, "CreateVirtualSystemSnapshot",
                              SourceSystem=machine.epr.path("TESTHOST")))["SnapshotSettingData"]
    hyperv.finish(v1(hyperv, "ApplyVirtualSystemSnapshot", ComputerSystem=box, SnapshotSettingData=first.content()))
    assert machine.holds(1)
    hyperv.finish(v1(hyperv, "ApplyVirtualSystemSnapshot", ComputerSystem=box, SnapshotSettingData=second.content()))
    assert machine.holds(2)
    assert hyperv.get(first)["ElementName"] == hyperv.get(first)["ElementName"].strip() != ""
    hyperv.finish(v1(hyperv, "RemoveVirtualSystemSnapshot", SnapshotSettingData=second.content()))
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(first)]
    assert int(v1(hyperv, "RemoveVirtualSystemSnapshot", SnapshotSettingData=second.content())["ReturnValue"]) == 32773
    hyperv.finish(v1(hyperv, "RemoveVirtualSystemSnapshotTree", SnapshotSettingData=first.content()))
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []


def test_production_snapshots_freeze_the_guest_or_fall_back(new_machine, hyperv, daemon):
    import shutil

    import guest as guest_builder

    guest = guest_builder.build(os.environ.get("WSVIRT_GUEST", pathlib.Path(__file__).resolve().parents[2] / "build/guest"),
                                agent=True)
    iso = daemon.storage / "agent.iso"
    daemon.storage.mkdir(exist_ok=True)
    shutil.copy(guest.iso, iso)
    machine = new_machine("qcow2", guest_iso=iso, kind=PRODUCTION)
    with boot(machine) as console:
        # Before the agent runs: a standard one, and none at all where only a production one will do.
        wanted = Instance("Msvm_VirtualSystemSnapshotSettingData", ConsistencyLevel=1)
        output = machine.begin(settings=wanted)
        job = hyperv.wait_job(output["Job"])
        assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32770), dict(job)
        assert "agent" in job["ErrorDescription"]
        standard = machine.create()
        assert hyperv.get(standard)["IsSaved"] == "true"
        console.wait(r"TICK 3\b", 90)
        deadline = time.monotonic() + 60
        while True:  # the guest's agent takes a moment to say hello
            job = hyperv.wait_job(machine.begin(settings=wanted)["Job"])
            if int(job["JobState"]) == 7 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert int(job["JobState"]) == 7, dict(job)
        on_disk(console, "one")
        production = machine.create()
        assert hyperv.get(production)["IsSaved"] == "false"
        recovery = machine.create(RECOVERY)
        assert hyperv.get(recovery)["VirtualSystemType"] == "Microsoft:Hyper-V:Snapshot:Recovery"
        on_disk(console, "two")  # and the guest's file systems are not frozen any more
    machine.turn(OFF)
    machine.apply(production)
    assert machine.state() == OFF
    assert machine.io("read -v 0 16", 0).count("one") == 1


@pytest.mark.parametrize("disk_format", FORMATS)
def test_a_disk_that_is_missing_leaves_nothing_half_made(new_machine, hyperv, disk_format):
    machine = new_machine(disk_format, disks=2)
    machine.write(1)
    whole = machine.create()
    paths = [pathlib.Path(machine.path(n)) for n in (0, 1)]
    files = machine.files()
    hidden = paths[1].with_name("hidden")
    paths[1].rename(hidden)
    job = hyperv.wait_job(machine.begin()["Job"])
    assert int(job["JobState"]) == 10, dict(job)
    assert paths[1].name in job["ErrorDescription"]
    job = hyperv.wait_job(machine.call("ApplySnapshot", "Snapshot", whole)["Job"])
    assert int(job["JobState"]) == 10 or disk_format != "qcow2", dict(job)
    hidden.rename(paths[1])
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(whole)]
    if disk_format == "qcow2":
        check_files(machine, [id_of(whole)])
    else:
        assert len(machine.files()) == len(files)
    assert machine.holds(1)
    machine.destroy(whole)
    assert machine.files() == sorted(d.name for d in machine.disks)


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_taking_one_is_cancelled_at_any_moment(new_machine, hyperv, disk_format):
    machine, dice = new_machine(disk_format), random.Random(disk_format)
    machine.turn(RUNNING)
    for _ in range(4):
        before = machine.associated("Msvm_SnapshotOfVirtualSystem")
        output = machine.begin()
        time.sleep(dice.uniform(0, 0.3))
        job = output["Job"]
        hyperv.invoke(job.class_name, job.selectors, "RequestStateChange", "<p:RequestedState>4</p:RequestedState>")
        state = int(hyperv.wait_job(job, 30)["JobState"])
        assert state in (7, 8)
        made = [id_of(output["ResultingSnapshot"])] if state == 7 else []
        # A snapshot inside a disk cannot be broken off: it is taken back when it is done.
        deadline = time.monotonic() + 30
        while sorted(machine.associated("Msvm_SnapshotOfVirtualSystem")) != sorted(before + made):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert machine.state() == RUNNING
        check_files(machine, before + made)


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_killed_while_a_snapshot_is_taken(new_machine, hyperv, daemon, guest_iso, disk_format):
    machine, dice = new_machine(disk_format, guest_iso=guest_iso), random.Random(disk_format)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        for round_ in range(5):
            before = machine.associated("Msvm_SnapshotOfVirtualSystem")
            output = machine.begin()
            made = id_of(output["ResultingSnapshot"])
            time.sleep(dice.uniform(0, 0.5))
            daemon.kill()
            daemon.start()
            hyperv.wait_state(machine.epr, RUNNING)
            tick = last_tick(console)
            console.wait(rf"TICK {tick + 1}\b", 30)
            job = hyperv.get(output["Job"])
            now = machine.associated("Msvm_SnapshotOfVirtualSystem")
            assert int(job["JobState"]) in (7, 10), dict(job)
            complete = int(job["JobState"]) == 7
            assert sorted(now) == sorted(before + [made] if complete else before), f"round {round_}: {dict(job)}"
            check_files(machine, now)
    machine.turn(OFF)
    for guid in machine.associated("Msvm_SnapshotOfVirtualSystem"):
        element = ET.Element("x")
        ET.SubElement(element, "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}ResourceURI").text = \
            WMI + "Msvm_VirtualSystemSettingData"
        ET.SubElement(element, "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}Selector",
                      Name="InstanceID").text = f"Microsoft:{guid}"
        machine.apply(Epr(element))
        assert machine.state() == SAVED
        machine.turn(RUNNING)
        machine.turn(OFF)
        machine.destroy(Epr(element))
    assert machine.files() == [machine.disks[0].name]
    assert not list(daemon.state.glob("snapshots/*"))


def check_files(machine, snapshots):
    """Nothing but what these snapshots need."""
    if machine.format == "qcow2":
        for disk in machine.disks:
            listed = subprocess.run(["qemu-img", "snapshot", "-l", "-U", disk], stdout=subprocess.PIPE, text=True)
            assert sorted(re.findall(r"[0-9A-F]{8}-[0-9A-F-]{27}", listed.stdout)) == sorted(snapshots)
        assert machine.files() == sorted(d.name for d in machine.disks)
    else:
        stem = machine.disks[0].name.rsplit(".", 1)[0]
        assert machine.files() == sorted([machine.disks[0].name] + [f"{stem}.{guid}.qcow2" for guid in snapshots])
        memories = sorted(p.name.split(".")[0] for p in machine.daemon.state.glob("snapshots/*.mem"))
        assert memories == sorted(snapshots)
