"""Going back to a snapshot that was cut off and cannot be finished yet: nothing else is done to the machine until
then, and what it was stays in its disks as long as it may be needed."""
import subprocess
import time
import uuid

import pytest
from hyperv import OFF, RUNNING, eventually
from snapshot_kit import check_files, id_of
from test_failed_applies import cut_off, held, inside, opened_by_another, write
from test_snapshot_failures import epr

BUSY, INVALID_STATE = 32774, 32775


@pytest.fixture
def machine(new_machine):
    """Two disks that hold 2, and a snapshot inside of when they held 1."""
    made = new_machine("qcow2", disks=2, pipe=False)
    write(made, 1)
    made.snapshot = made.create()
    write(made, 2)
    return made


def half_applied(machine, *more):
    """The first disk was set back to the snapshot when the service was killed, the second was not."""
    name = cut_off(machine, f"apply {id_of(machine.snapshot)}", "then dropped", *more)
    inside("-c", name, *machine.disks)
    inside("-a", id_of(machine.snapshot), machine.disks[0])


def notes(machine):
    return list(machine.daemon.state.glob("unfinished-snapshots/*"))


def is_whole(machine, pattern, snapshots):
    eventually(lambda: not notes(machine))
    assert machine.state() == OFF and held(machine) == pattern
    check_files(machine, snapshots)


def is_refused(machine, answer, code):
    job = machine.hyperv.wait_job(answer["Job"])
    assert int(job["ErrorCode"]) == code, dict(job)
    assert "Going back to a snapshot was cut off" in job["ErrorDescription"], dict(job)


def test_a_note_that_was_half_written_is_none(machine):
    """What it says would be half of it: the one that it was to replace counts."""
    half_applied(machine)
    note, = notes(machine)
    half = note.with_name(note.name + ".new")
    half.write_text("".join(note.read_text().partition("settings ")[:1]))
    machine.daemon.start()
    is_whole(machine, 1, [id_of(machine.snapshot)])


def test_its_storage_is_late_and_the_snapshot_is_deleted(machine):
    half_applied(machine)
    hidden = machine.disks[1].rename(machine.disks[1].with_name("hidden"))
    machine.daemon.start()
    is_refused(machine, machine.call("DestroySnapshot", "AffectedSnapshot", machine.snapshot), INVALID_STATE)
    is_refused(machine, machine.begin(), INVALID_STATE)
    hidden.rename(machine.disks[1])
    machine.turn(RUNNING)
    machine.turn(OFF)
    is_whole(machine, 1, [id_of(machine.snapshot)])


def test_the_snapshot_is_deleted_before_recovery_has_applied_it(machine):
    """It was the last one that was applied, so none is any more."""
    machine.apply(machine.snapshot)
    first, machine.snapshot, newest = machine.snapshot, machine.create(), machine.create()
    half_applied(machine, f"mark {time.time_ns() // 1000} Snapshot.Applied")
    hidden = machine.disks[1].rename(machine.disks[1].with_name("hidden"))
    machine.daemon.start()
    note, = notes(machine)
    eventually(lambda: "\nfailed " in note.read_text())
    hidden.rename(machine.disks[1])
    machine.destroy(machine.snapshot)
    assert machine.associated("Msvm_LastAppliedSnapshot") == []
    is_whole(machine, 1, [id_of(first), id_of(newest)])


def test_the_snapshot_was_deleted_by_others(machine):
    """There is nothing to go back to: the machine becomes what it was."""
    half_applied(machine)
    described, = (f for f in machine.daemon.state.glob("qemu/**/snapshot/**/*.xml") if id_of(machine.snapshot) in f.name)
    described.unlink()
    inside("-d", id_of(machine.snapshot), *machine.disks)
    machine.daemon.start()
    is_whole(machine, 2, [])


def test_somebody_has_a_disk_open(machine, hyperv):
    half_applied(machine)
    with opened_by_another(machine.disks[1]):
        machine.daemon.start()
        is_refused(machine, hyperv.request_state(machine.epr, RUNNING), BUSY)
        is_refused(machine, machine.call("ApplySnapshot", "Snapshot", machine.snapshot), BUSY)
    machine.turn(RUNNING)
    machine.turn(OFF)
    is_whole(machine, 1, [id_of(machine.snapshot)])


def test_other_notes_spare_what_the_way_back_needs(new_machine, daemon):
    """The file that the machine stood on waits to be merged, and is named by the first note alone."""
    machine = new_machine("raw", pipe=False)
    disk, (first, second) = machine.disks[0], (stacked(machine, n) for n in (1, 2))
    machine.write(3)
    top, between = machine.path(), disk.with_name(f"{machine.guid}-0.{id_of(first)}.qcow2")
    user = disk.with_name(f"{machine.guid}-0.{str(uuid.uuid4()).upper()}.qcow2")  # while it is there nothing is merged
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", between, "-F", "qcow2", user], check=True)
    machine.destroy(second)
    user.unlink()
    machine.disks = []  # none holds a part of it inside
    cut_off(machine, f"apply {id_of(first)}", "back", "then dropped", f"file {top}", f"file {between}")
    machine.disks = [disk]
    for _ in range(6):
        name = str(uuid.uuid4()).upper()
        note = daemon.state / "unfinished-snapshots" / name
        note.write_text(f"host TESTHOST\nmachine {machine.guid}\nid {name}\nfile {disk}.{name}.qcow2\n")
    daemon.start()
    eventually(lambda: not notes(machine))
    assert machine.holds(3) and len(machine.files()) == 2


def stacked(machine, pattern):
    machine.write(pattern)
    return machine.create()


def test_it_is_through_and_a_file_of_another_snapshot_is_lost(new_machine, hyperv):
    """It is not gone back to it again, whatever is left of the note."""
    machine = new_machine("qcow2", disks=2, pipe=False)
    machine.create()
    lost = machine.disks.pop()
    medium, = (d for d in hyperv.devices(machine.epr, "Msvm_StorageAllocationSettingData") if str(lost) in d.all("HostResource"))
    reference = epr("Msvm_StorageAllocationSettingData", InstanceID=medium["InstanceID"])
    hyperv.finish(hyperv.service("RemoveResourceSettings", f"<p:ResourceSettings>{reference.content()}</p:ResourceSettings>"))
    lost.unlink()
    machine.write(1)
    machine.snapshot = machine.create()
    machine.write(2)
    name = cut_off(machine, f"apply {id_of(machine.snapshot)}", "then dropped")
    inside("-c", name, *machine.disks)
    machine.daemon.start()
    eventually(lambda: not any("\napply " in note.read_text() for note in notes(machine)), 20)
    machine.write(3)
    machine.turn(RUNNING)
    machine.turn(OFF)
    assert machine.holds(3)
