"""Machines and their snapshots, as the lab tests of snapshots use them (fixture new_machine)."""
import copy
import re
import subprocess

from console import Console
from embedded import Instance, render
from hyperv import OFF, PAUSED, RUNNING, WMI

SERVICE = "Msvm_VirtualSystemSnapshotService"
FULL, DISK, RECOVERY = 2, 3, 32768
FORMATS = {"qcow2": "qcow2", "raw": "img", "vpc": "vhd", "vhdx": "vhdx"}
STANDARD, PRODUCTION = 5, 3


class Machine:
    """One machine and what the tests do with it and its snapshots."""

    def __init__(self, hyperv, daemon, disk_format, guest_iso=None, kind=STANDARD, disks=1, generation=1, pipe=True):
        self.hyperv, self.daemon = hyperv, daemon
        settings = Instance("Msvm_VirtualSystemSettingData", ElementName=f"snapshots {disk_format}",
                            VirtualSystemSubType=f"Microsoft:Hyper-V:SubType:{generation}", UserSnapshotType=kind)
        memory = Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory",
                          DynamicMemoryEnabled=False, VirtualQuantity=96, Reservation=96, Limit=96)
        self.epr = hyperv.finish(hyperv.define(settings, [memory]))["ResultingSystem"]
        self.guid = self.stem = self.epr.selectors["Name"].upper()
        daemon.storage.mkdir(exist_ok=True)
        self.disks = [daemon.storage / f"{self.guid}-{n}.{FORMATS.get(disk_format, disk_format)}" for n in range(disks)]
        self.format = disk_format
        if generation == 2:
            hyperv.add(self.epr, Instance("Msvm_ResourceAllocationSettingData", ResourceType=6,
                                          ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"))
        controllers = sorted((d for d in hyperv.devices(self.epr) if d["ResourceType"] in ("5", "6")),
                             key=lambda d: d.get("Address") or "")
        for n, disk in enumerate(self.disks):
            subprocess.run(["qemu-img", "create", "-q", "-f", disk_format, disk, "8M"], check=True)
            self.attach(controllers[-1], n, 17, "Synthetic Disk Drive", "Virtual Hard Disk", disk)
        if guest_iso:
            self.attach(controllers[0], 0, 16, "Synthetic DVD Drive", "Virtual CD/DVD Disk", guest_iso)
        if pipe:
            port = next(d for d in hyperv.devices(self.epr, "Msvm_SerialPortSettingData"))
            hyperv.modify(Instance("Msvm_SerialPortSettingData", InstanceID=port["InstanceID"], ResourceType=21,
                                   ResourceSubType="Microsoft:Hyper-V:Serial Port",
                                   Connection=[rf"\\.\pipe\{self.guid[:8]}"]))

    def arrived(self, reference):
        """The same machine, imported under another identifier: its files and its pipe have the old names."""
        other = copy.copy(self)
        other.epr, other.guid = reference, reference.selectors["Name"].upper()
        return other

    def attach(self, controller, address, kind, drive, medium, path):
        escaped = controller["InstanceID"].replace("\\", "\\\\")
        parent = rf'\\TESTHOST\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID="{escaped}"'
        slot = self.hyperv.add(self.epr, Instance(
            "Msvm_ResourceAllocationSettingData", ResourceType=kind, ResourceSubType=f"Microsoft:Hyper-V:{drive}",
            Parent=parent, AddressOnParent=str(address)))
        return self.hyperv.add(self.epr, Instance(
            "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType=f"Microsoft:Hyper-V:{medium}",
            Parent=slot.path("TESTHOST"), HostResource=[str(path)]))

    # --- the machine ------------------------------------------------------------------------------------------
    def turn(self, state):
        self.hyperv.finish(self.hyperv.request_state(self.epr, state))
        self.hyperv.wait_state(self.epr, state)

    def state(self):
        return self.hyperv.state(self.epr)

    def console(self):
        return Console(next(self.daemon.state.glob(f"**/pipes/{self.stem[:8]}*")))

    def path(self, n=0):
        """Where a disk's content is now."""
        paths = [d.all("HostResource")[0] for d in self.hyperv.devices(self.epr, "Msvm_StorageAllocationSettingData")
                 if d["ResourceSubType"].endswith("Hard Disk")]
        return next(p for p in paths if f"{self.stem}-{n}." in p)

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


def boot(machine):
    machine.turn(RUNNING)
    return machine.console()


def on_disk(console, text):
    """Writes a text to the start of the guest's disk and makes sure that it is there; its memory holds it, too."""
    console.text = ""
    console.send(f"m={text}; echo {text} | dd of=/dev/sda bs=512 count=1 conv=sync,notrunc 2>/dev/null; sync; echo WROTE-{text[:3]}-$((40 + 2))\n")
    console.wait(rf"WROTE-{text[:3]}-42", 90)  # which is not what was typed and comes back


def read_disk(console, tag):
    """What is there, read past the guest's cache."""
    console.text = ""
    console.send(f"echo 3 >/proc/sys/vm/drop_caches; echo {tag}=$(dd if=/dev/sda bs=512 count=1 2>/dev/null | tr -d '\\000')=\n")
    return console.wait(rf"[\r\n]{tag}=([^=$]*)=", 90).group(1).strip()


def remembers(console):
    """What the guest's memory holds of it; nothing when it has booted since."""
    console.text = ""
    console.send("echo memory=$m=\n")
    return console.wait(r"[\r\n]memory=([^=$]*)=", 90).group(1).strip()


def last_tick(console):
    console.text = ""
    return int(console.wait(r"TICK (\d+)[\r\n]", 90).group(1))


def check_files(machine, snapshots):
    """Nothing but what these snapshots need."""
    if machine.format == "qcow2":
        for disk in machine.disks:
            listed = subprocess.run(["qemu-img", "snapshot", "-l", "-U", disk], stdout=subprocess.PIPE, text=True)
            assert sorted(re.findall(r"[0-9A-F]{8}-[0-9A-F-]{27}", listed.stdout)) == sorted(snapshots), (listed.stdout, snapshots)
        assert machine.files() == sorted(d.name for d in machine.disks)
    else:
        stem = machine.disks[0].name.rsplit(".", 1)[0]
        files, needed = machine.files(), sorted([machine.disks[0].name] + [f"{stem}.{guid}.qcow2" for guid in snapshots])
        assert files == needed, (files, needed)
        memories = sorted(p.name.split(".")[0] for p in machine.daemon.state.glob("snapshots/*.mem"))
        assert memories == sorted(snapshots)
