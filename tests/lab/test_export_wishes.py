"""What the properties of Msvm_VirtualSystemExportSettingData do on real QEMU, of machines without a guest system."""
import subprocess

import pytest
from exports import content_digest, describe
from hyperv import OFF, PAUSED, RUNNING, SAVED, HyperV
from machine_parts import Parts, epr
from snapshot_kit import DISK
from wsvirtd import processes_below


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def parts(hyperv, daemon):
    made = Parts(hyperv, daemon, None)
    yield made
    made.clear()


def media(hyperv, settings):
    """Paths of the settings of the hard disks that a machine or a snapshot has, by their files."""
    found = hyperv.query("SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE 'Microsoft:" + settings + "%'")
    return {d.all("HostResource")[0]: epr(d.class_name, InstanceID=d["InstanceID"]).path("TESTHOST") for d in found}


def exported_disks(folder):
    definition = describe(folder)
    for disk in definition.disks:
        assert content_digest(folder / disk.get("Path")) == disk.get("Digest")
    files = {p.name for p in (folder / "Virtual Hard Disks").iterdir()}
    assert files == {d.get("Path").split("/")[1] for d in definition.disks}
    return {d.get("Source"): folder / d.get("Path") for d in definition.disks}


def holds(path, pattern, form="qcow2"):
    told = subprocess.run(["qemu-io", "-r", "-f", form, "-c", f"read -P {pattern} 0 64k", path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return "verification failed" not in told


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_one_snapshot_as_if_it_were_the_machine(new_machine, hyperv, parts, form):
    """In every state of the machine; inside the disks, and beside them."""
    machine = new_machine(form, disks=2)
    left, right = (str(d) for d in machine.disks)
    machine.write(1, 0)
    machine.write(5, 1)
    snapshot = machine.create()
    guid = snapshot.selectors["InstanceID"].split(":")[1]
    machine.apply(snapshot)
    machine.write(2, 0)
    below = media(hyperv, guid)
    for state, kind in ((OFF, 2), (RUNNING, 3), (PAUSED, 2)):
        if state != OFF:
            machine.turn(state)
        folder = parts.export(machine.epr, CopySnapshotConfiguration=kind, SnapshotVirtualSystem=snapshot.path("TESTHOST"))
        assert machine.state() == state
        definition = describe(folder)
        assert definition.snapshots == [] and definition.saved == []
        disks = exported_disks(folder)
        assert set(disks) == {left, right}
        assert holds(disks[left], 1, form) and holds(disks[right], 5, form)
    for excluded in (right, below[right], media(hyperv, machine.guid)[machine.path(1)]):
        folder = parts.export(machine.epr, CopySnapshotConfiguration=2, SnapshotVirtualSystem=snapshot.path("TESTHOST"),
                              ExcludedVirtualHardDisks=[excluded])
        assert set(exported_disks(folder)) == {left}
    planned = parts.imported(definition.file, new_identifier=True)
    assert parts.problems(planned) == []
    copy = machine.arrived(parts.realized(planned))
    assert copy.state() == OFF and parts.snapshots(copy.epr) == []
    copy.turn(RUNNING)
    copy.turn(OFF)
    assert set(media(hyperv, copy.guid)) == {str(d) for d in disks.values()}
    assert holds(disks[left], 1, form)
    copy.create()  # what was said of the exported one is not true of it
    assert copy.associated("Msvm_LastAppliedSnapshot") == []


def test_disks_and_memory_stay_on_demand(new_machine, hyperv, parts, daemon):
    machine = new_machine("qcow2", disks=2)
    machine.write(3, 0)
    left, right = (str(d) for d in machine.disks)
    folder = parts.export(machine.epr, CopyVmStorage=False)
    assert exported_disks(folder) == {}
    planned = parts.imported(describe(folder).file, new_identifier=True)
    assert set(media(hyperv, planned.selectors["Name"])) == {left, right}  # where they always were
    folder = parts.export(machine.epr, ExcludedVirtualHardDisks=[media(hyperv, machine.guid)[right]])
    assert set(exported_disks(folder)) == {left}

    machine.turn(RUNNING)
    before = processes_below(daemon.state)
    for kept, without in ((0, True), (1, False)):
        folder = parts.export(machine.epr, CaptureLiveState=kept, CopyVmRuntimeInformation=without)
        disks = exported_disks(folder)
        assert describe(folder).saved == [] and holds(disks[left], 3)
        assert machine.state() == RUNNING
        if kept == 0:  # it was only paused
            assert processes_below(daemon.state) == before
    machine.turn(SAVED)
    folder = parts.export(machine.epr, CopyVmRuntimeInformation=False)
    assert describe(folder).saved == [] and machine.state() == SAVED
    planned = parts.imported(describe(folder).file, new_identifier=True)
    assert hyperv.get(planned)["EnabledState"] == str(OFF)


def test_the_memory_of_snapshots_stays_on_demand(new_machine, parts):
    machine = new_machine("raw")
    machine.turn(RUNNING)
    machine.create()
    machine.create(DISK)
    for wanted in (True, False):
        folder = parts.export(machine.epr, CopyVmRuntimeInformation=wanted)
        memories = [s.find("SavedState") is not None for s in describe(folder).snapshots]
        assert sorted(memories) == [False, wanted]
        assert [s.get("HasMemory") == "true" for s in describe(folder).snapshots] == memories
