"""Going back to a snapshot that was cut off and cannot be finished yet: nothing else is done to the machine until
then, and what it was stays in its disks as long as it may be needed."""
import pytest
from hyperv import OFF, RUNNING, eventually
from snapshot_kit import check_files, id_of
from test_failed_applies import cut_off, held, inside, opened_by_another, write

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
