"""The associations between machines and snapshots after any sequence, and version 1's methods, on real QEMU."""
import random
import re
import subprocess

import pytest
from hyperv import OFF, RUNNING, Item
from machine_parts import settings_epr
from snapshot_kit import DISK, FULL, id_of

V1 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/"
V1_SERVICE = "Msvm_VirtualSystemManagementService"


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


@pytest.mark.parametrize("given_away", [False, True])
def test_a_disk_that_was_taken_off_keeps_what_it_stands_on(new_machine, hyperv, given_away):
    machine, patterns = new_machine("raw", disks=2), (1, 2, 3)
    for pattern in patterns:
        machine.io(f"write -P {pattern} {pattern}M 64k", 1)
        if pattern < 3:
            machine.create()
    disk = machine.path(1)
    medium = next(d for d in hyperv.devices(machine.epr, "Msvm_StorageAllocationSettingData")
                  if disk in (d.all("HostResource") or []))
    hyperv.finish(hyperv.service("RemoveResourceSettings", "<p:ResourceSettings>" +
                                 settings_epr(medium["InstanceID"]).content() + "</p:ResourceSettings>"))
    other = new_machine("qcow2") if given_away else None
    if other:
        controllers = sorted((d for d in hyperv.devices(other.epr) if d["ResourceType"] in ("5", "6")),
                             key=lambda d: d.get("Address") or "")
        other.attach(controllers[-1], 1, 17, "Synthetic Disk Drive", "Virtual Hard Disk", disk)
    for snapshot in machine.associated("Msvm_SnapshotOfVirtualSystem"):
        machine.destroy(settings_epr(f"Microsoft:{snapshot}"))
    for pattern in patterns:
        done = subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"read -P {pattern} {pattern}M 64k", disk],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0 and "failed" not in done.stdout, done.stdout
    if other:
        other.turn(RUNNING)
        other.turn(OFF)


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
