"""What must hold of machines, their disks and snapshots after any operation: the model of random_rounds.py, and what a look at
the real ones through the wire and on the disk gives in the same words."""
import contextlib
import copy
import dataclasses
import os
import pathlib
import re
import subprocess
import time

from hyperv import OFF, PAUSED, RUNNING, SAVED
from wsvirtd import processes_below

NAMES = {RUNNING: "running", OFF: "off", SAVED: "saved", PAUSED: "paused"}


@dataclasses.dataclass
class Snapshot:
    parent: str  # GUID or ""
    memory: bool
    content: int
    beside: bool = False  # its memory is a file beside the disk


@dataclasses.dataclass
class Machine:
    epr: object
    name: str
    host: str
    state: int
    disk: pathlib.Path  # the file it was given; snapshots may put others above it
    content: int  # the byte that fills the start of the disk
    inside: bool  # snapshots are kept inside the disk
    snapshots: dict = dataclasses.field(default_factory=dict)
    current: str = ""

    @property
    def guid(self):
        return self.epr.selectors["Name"].upper()

    def __str__(self):
        return f"{self.name} ({self.guid[:4]})"  # imported ones have the same name

    def view(self):
        return {"name": self.name, "state": NAMES[self.state], "content": self.content, "current": self.current,
                "snapshots": {guid: (s.parent, s.memory) for guid, s in self.snapshots.items()}}

    # --- what operations on snapshots make of it ----------------------------------------------------------------
    def takes(self, guid, memory):
        self.snapshots[guid] = Snapshot(self.current, memory and self.state != OFF, self.content)
        self.current = guid

    def goes_back(self, guid):
        self.current = guid
        self.content = self.snapshots[guid].content
        self.state = SAVED if self.snapshots[guid].memory else OFF

    def below(self, guid):
        return {guid}.union(*(self.below(g) for g, s in self.snapshots.items() if s.parent == guid))

    def loses(self, guid, tree):
        gone = self.below(guid) if tree else {guid}
        above = self.snapshots[guid].parent
        for g in gone:
            del self.snapshots[g]
        for s in self.snapshots.values():
            if s.parent in gone:
                s.parent = above
        if self.current in gone:
            self.current = above


@dataclasses.dataclass
class Export:
    folder: pathlib.Path
    machine: Machine  # as it was; with the state that an imported one has


def form_of(path):
    suffix = pathlib.Path(path).suffix[1:]
    return suffix if suffix in ("qcow2", "vhdx", "vpc") else "raw"


def frozen(machine):
    return copy.deepcopy(machine)


class Eyes:
    """Looks at the world of one daemon."""

    def __init__(self, hyperv, daemon, exports):
        self.hyperv, self.daemon, self.exports = hyperv, daemon, exports

    def files_of(self, settings_id):
        """The files of the hard disks of settings, of a machine or of a snapshot."""
        devices = self.hyperv.query(f"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='{settings_id}'}} WHERE "
                                    "AssocClass = Msvm_VirtualSystemSettingDataComponent "
                                    "ResultClass = Msvm_StorageAllocationSettingData")
        return [d.all("HostResource")[0] for d in devices if d["ResourceSubType"].endswith("Hard Disk")]

    @staticmethod
    def content(path):
        done = subprocess.run(["qemu-io", "-r", "-U", "-f", form_of(path), "-c", "read -v 0 512", str(path)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        found = re.search(r"00000000:  ([0-9a-f]{2}) ", done.stdout)
        assert found, done.stdout
        return int(found.group(1), 16)

    @staticmethod
    def chain(path):
        told = subprocess.run(["qemu-img", "info", "-U", "--backing-chain", str(path)], stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT, check=False)
        assert told.returncode == 0, told.stdout
        return re.findall(r"^image: (.*)$", told.stdout, re.MULTILINE)  # the lowest last

    def machine(self, system):
        """(the view of it, all files that it needs)"""
        guid = system["Name"].upper()
        settings = self.hyperv.query("SELECT * FROM Msvm_VirtualSystemSettingData WHERE VirtualSystemIdentifier = "
                                     f"'{guid}'")
        parents, memory, files = {}, {}, set()
        for s in settings:
            one = s["InstanceID"].split(":")[1].upper()
            parent = re.search(r'InstanceID="Microsoft:([0-9A-F-]{36})"', s["Parent"] or "")
            parents[one], memory[one] = parent.group(1) if parent else "", s["IsSaved"] == "true"
            for path in self.files_of(s["InstanceID"]):
                files |= set(self.chain(path))
        current = parents.pop(guid)
        own = self.files_of(f"Microsoft:{guid}")
        view = {"name": system["ElementName"], "state": NAMES.get(int(system["EnabledState"]), system["EnabledState"]),
                "content": self.content(own[0]) if own else None, "current": current,
                "snapshots": {g: (p, memory[g]) for g, p in parents.items()}}
        return view, files

    def systems(self):
        return {s["Name"].upper(): s for s in self.hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")
                if s["Name"] not in self.places()}

    def compare(self, machines, copies):
        """Everything that is there against everything that must be; raises with the first difference."""
        systems = self.systems()
        assert sorted(systems) == sorted(m.guid for m in machines), "machines"
        needed = set()
        for m in machines:
            view, files = self.machine(systems[m.guid])
            assert view == m.view(), f"{m}\nis      {view}\nmust be {m.view()}\nand now {self.machine(self.systems()[m.guid])[0]}"
            needed |= files | {str(m.disk.parent / f"{g}.saved") for g, s in m.snapshots.items() if s.beside}
        there = {str(p) for p in self.daemon.storage.iterdir()}
        there |= {str(p) for folder in copies for p in (folder / "Virtual Hard Disks").iterdir()}
        assert there == needed, f"orphans {there - needed}, lost {needed - there}"
        assert not self.hyperv.query("SELECT * FROM Msvm_PlannedComputerSystem"), "planned systems"
        self.compare_state(machines)

    # --- hosts --------------------------------------------------------------------------------------------------
    def places(self):
        """By host, where its libvirt keeps what it knows."""
        return {self.daemon.settings["name"]: self.daemon.state / "qemu"}

    def host_of(self, _):
        return self.daemon.settings["name"]

    def qemu_processes(self, _):
        found = []
        for p in processes_below(str(self.daemon.state)):
            with contextlib.suppress(OSError):  # one that has just ended
                if "qemu-system" in os.readlink(f"/proc/{p}/exe"):
                    found.append(p)
        return found

    def qemu_of(self, machine):
        return [p for p in processes_below(machine.guid.lower()) if p in self.qemu_processes(machine.host)]

    def disk_servers(self):
        """The qemu-nbd of each VHDX and VHD disk in use."""
        of_state, nbd = (set(processes_below(x)) for x in (str(self.daemon.state), "--fork"))
        return of_state & nbd

    def compare_disk_servers(self, machines):
        served = [m.guid.lower() for m in machines if m.disk.suffix in (".vhdx", ".vpc") and m.state in (RUNNING, PAUSED)]
        end = time.monotonic() + 60  # one ends when its machine has, by itself
        while len(found := self.disk_servers()) != len(served):
            assert time.monotonic() < end, f"{len(found)} servers of disks for {len(served)} machines"
            time.sleep(0.1)

    def compare_state(self, machines):
        """The folders of the service and of libvirt hold nothing of machines and operations that are no more."""
        state = self.daemon.state
        unfinished = [f.read_text() for f in state.glob("unfinished-snapshots/*")]
        assert not unfinished, "\n".join(unfinished)
        for name, place in self.places().items():
            here = [m for m in machines if m.host == name]
            definitions = [f for f in (place / "etc" / "qemu").glob("*.xml")]
            assert len(definitions) == len(here), definitions
            saved = [f.name for f in (place / "lib" / "qemu" / "save").glob("*")]
            assert len(saved) == sum(m.state == SAVED for m in here), saved
            active = sum(m.state in (RUNNING, PAUSED) for m in here)
            processes = self.qemu_processes(name)
            assert len(processes) == active, f"{len(processes)} QEMU processes on {name} for {active} machines that run"
        self.compare_disk_servers(machines)
        kept = {f.name.split(".")[0] for f in (state / "snapshots").glob("*")}
        owners = {g for m in machines for g, s in m.snapshots.items() if s.memory}
        assert kept <= owners, f"memory of nobody: {kept - owners}"

    def compare_exports(self, exports, copies):
        there = sorted(p.name for p in self.exports.iterdir())
        assert there == sorted([e.folder.name for e in exports] + [c.name for c in copies]), there

    def jobs(self):
        return {j["InstanceID"]: j for j in self.hyperv.query("SELECT * FROM Msvm_ConcreteJob")}

    def disks(self):
        """What qemu-img says of the images, for the story of what went wrong."""
        told = [subprocess.run(["qemu-img", "info", "-U", str(p)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False).stdout for p in sorted(self.daemon.storage.iterdir())]
        return ["", *told]
