"""Snapshots on real QEMU: of machines that are off, running, paused and saved, inside qcow2 disks and beside raw and VHD
ones; what applying brings back; the associations after any sequence; version 1's methods; and what is left when the
service is killed in the middle."""
import os
import pathlib
import random
import re
import subprocess
import threading
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
        self.disks = [daemon.storage / f"{self.guid}-{n}.{FORMATS[disk_format]}" for n in range(disks)]
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
