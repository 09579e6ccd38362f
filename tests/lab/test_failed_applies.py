"""A snapshot inside the disks that cannot be applied: the machine is what it was, whatever had changed by then."""
import contextlib
import re
import subprocess
import time
import uuid

import pytest
from hyperv import OFF, RUNNING, SAVED, eventually
from snapshot_kit import Machine, check_files, id_of


@pytest.fixture(scope="module")
def with_snapshot(hyperv, daemon):
    """Two disks, and a snapshot of the machine as it ran, when they held 1."""
    made = Machine(hyperv, daemon, "qcow2", disks=2, pipe=False)
    write(made, 1)
    made.turn(RUNNING)
    made.snapshot = made.create()
    made.turn(OFF)
    yield made
    made.remove()
    check_files(made, [id_of(made.snapshot)])


@pytest.fixture
def machine(with_snapshot):
    """It is off now, and its disks hold 2."""
    if with_snapshot.state() != OFF:
        with_snapshot.turn(RUNNING)
        with_snapshot.turn(OFF)
    write(with_snapshot, 2)
    return with_snapshot


@pytest.fixture
def damaged(machine):
    """QEMU sets the disks back, and then finds no memory that it could read."""
    content, at = machine.disks[0].read_bytes(), -1
    with machine.disks[0].open("r+b") as disk:
        while (at := content.find(b"QEVM", at + 1)) >= 0:
            disk.seek(at)
            disk.write(b"XXXX")
    return machine


def write(machine, pattern):
    for n in (0, 1):
        machine.write(pattern, n)


def held(machine):
    found = [n for n in (1, 2) if machine.holds(n, 0) and machine.holds(n, 1)]
    return found[0] if found else "neither"


def memory(machine):
    """Saved memory, and what is kept of it meanwhile."""
    return sorted(f.name.split(".", 1)[1] for f in machine.daemon.state.glob("qemu/lib/qemu/save/*"))


def apply(machine):
    return machine.hyperv.wait_job(machine.call("ApplySnapshot", "Snapshot", machine.snapshot)["Job"])


def is_what_it_was(machine, state):
    check_files(machine, [id_of(machine.snapshot)])
    assert held(machine) == 2 and machine.state() == state
    assert memory(machine) == (["save"] if state == SAVED else [])
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(machine.snapshot)]
    assert not list(machine.daemon.state.glob("unfinished-snapshots/*"))
    if state == SAVED:
        machine.turn(RUNNING)
        machine.turn(OFF)
        assert held(machine) == 2


@contextlib.contextmanager
def opened_by_another(disk):
    """No snapshot can be made in it then, as where there is no room."""
    other = subprocess.Popen(["qemu-io", "-f", "qcow2", disk], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    other.stdin.write("length\n")
    other.stdin.flush()
    other.stdout.readline()
    yield
    other.stdin.close()
    other.wait()


def test_disks_that_cannot_be_kept(machine):
    """Nothing begins that could not be undone."""
    machine.turn(RUNNING)
    machine.turn(SAVED)
    with opened_by_another(machine.disks[1]):
        job = apply(machine)
    assert int(job["JobState"]) == 10 and machine.disks[1].name in job["ErrorDescription"], dict(job)
    assert "nothing has been changed" in job["ErrorDescription"]
    is_what_it_was(machine, SAVED)


def inside(action, name, *disks):
    for disk in disks:
        subprocess.run(["qemu-img", "snapshot", "-q", action, name, disk], check=True)


def cut_off(machine, *more, name=None):
    """What the end of the service by force leaves in its folder; the disks hold what they were."""
    definition, = (f for f in machine.daemon.state.glob("qemu/etc/qemu/*.xml") if machine.guid.lower() in f.read_text())
    settings = re.search("<domain.*</domain>", definition.read_text(), re.DOTALL)[0]
    machine.daemon.kill()
    unfinished = name or str(uuid.uuid4()).upper()
    lines = ["host TESTHOST", f"machine {machine.guid}", f"id {unfinished}", *(f"held {disk}" for disk in machine.disks),
             "settings " + settings.replace("\\", "\\\\").replace("\n", "\\n"), *more]
    folder = machine.daemon.state / "unfinished-snapshots"
    folder.mkdir(exist_ok=True)
    (folder / unfinished).write_text("\n".join(lines) + "\n")
    return unfinished


def keep_aside(machine):
    """The memory of a machine that goes back, as a line of its note."""
    saved, = machine.daemon.state.glob("qemu/lib/qemu/save/*")
    return saved, saved.with_name(saved.name + ".before")


def test_killed_before_the_disks_were_changed(machine):
    """One of them held what it was, the other did not yet."""
    name = cut_off(machine)
    inside("-c", name, machine.disks[0])
    machine.daemon.start()
    is_what_it_was(machine, OFF)


def test_killed_and_the_machine_runs(machine):
    """Somebody has started it: it stays as it is, and its disks hold nothing more than before."""
    unfinished = str(uuid.uuid4()).upper()
    inside("-c", unfinished, *machine.disks)
    machine.turn(RUNNING)
    cut_off(machine, f"apply {id_of(machine.snapshot)}", "back", name=unfinished)
    machine.daemon.start()
    check_files(machine, [id_of(machine.snapshot)])
    assert machine.state() == RUNNING
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(machine.snapshot)]
    machine.turn(OFF)
    is_what_it_was(machine, OFF)


def test_killed_when_a_disk_was_changed(machine):
    name = cut_off(machine, f"apply {id_of(machine.snapshot)}", "then saved")
    inside("-c", name, *machine.disks)
    inside("-a", id_of(machine.snapshot), machine.disks[0])
    machine.daemon.start()
    assert machine.state() == SAVED and memory(machine) == ["save"]
    check_files(machine, [id_of(machine.snapshot)])
    assert held(machine) == 1


def test_killed_at_any_moment(machine):
    for moment in (0.05, 0.3):
        output = machine.call("ApplySnapshot", "Snapshot", machine.snapshot)
        time.sleep(moment)
        machine.daemon.kill()
        machine.daemon.start()
        job = machine.hyperv.wait_applied(output["Job"])
        assert int(job["JobState"]) == 7, dict(job)
        assert machine.state() == SAVED and memory(machine) == ["save"]
        check_files(machine, [id_of(machine.snapshot)])
        assert held(machine) == 1
        assert not list(machine.daemon.state.glob("unfinished-snapshots/*"))


@pytest.mark.parametrize("state", [SAVED, OFF])
def test_memory_that_cannot_be_read(damaged, state):
    machine = damaged
    if state == SAVED:
        machine.turn(RUNNING)
        machine.turn(SAVED)
    job = apply(machine)
    assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32768), dict(job)
    is_what_it_was(machine, state)


def test_killed_when_a_disk_was_changed_and_the_snapshot_cannot_be_applied(damaged):
    machine = damaged
    machine.turn(RUNNING)
    machine.turn(SAVED)
    saved, aside = keep_aside(machine)
    name = cut_off(machine, f"apply {id_of(machine.snapshot)}", "then saved", f"file {aside}")
    saved.rename(aside)
    inside("-c", name, *machine.disks)
    inside("-a", id_of(machine.snapshot), machine.disks[0])
    machine.daemon.start()
    eventually(lambda: not list(machine.daemon.state.glob("unfinished-snapshots/*")))
    is_what_it_was(machine, SAVED)


def test_memory_that_was_given_up_is_not_looked_at(damaged, hyperv, daemon, new_machine):
    """Nor does its guest run."""
    beside = new_machine("raw", pipe=False)
    beside.turn(RUNNING)
    beside.snapshot = beside.create()
    beside.turn(OFF)
    beside.write(2)
    for file in daemon.state.glob("snapshots/*.mem"):
        file.write_bytes(b"x" * 100)
    for machine in (damaged, beside):
        hyperv.finish(machine.call("ClearSnapshotState", "SnapshotSettingData", machine.snapshot))
        job = apply(machine)
        assert int(job["JobState"]) == 7 and machine.state() == OFF, dict(job)
        assert not memory(machine)
    assert held(damaged) == 1 and beside.holds(0)
    check_files(damaged, [id_of(damaged.snapshot)])
