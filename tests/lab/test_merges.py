"""What deleting snapshots writes into the file below fails half way: nothing is lost, the job says so, and what is left is
merged later."""
import contextlib
import os
import subprocess

import pytest
from hyperv import OFF, RUNNING
from snapshot_kit import DISK
from wsvirtd import Daemon

HELD = "6M"


@pytest.fixture(scope="module")
def daemon():
    """Its disks lie in a file system of their own."""
    with Daemon() as running:
        running.storage.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=26m", "tmpfs", running.storage], check=True)
        try:
            yield running
        finally:
            subprocess.run(["umount", "-l", running.storage], check=True)


@contextlib.contextmanager
def full(folder):
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as out, contextlib.suppress(OSError):
        while True:
            out.write(b"x" * 4096)
    try:
        yield
    finally:
        filler.unlink()


def refused(hyperv, machine, snapshot):
    job = hyperv.wait_job(machine.call("DestroySnapshot", "AffectedSnapshot", snapshot)["Job"])
    assert int(job["JobState"]) == 10 and job["ErrorDescription"], dict(job)


def is_kept(machine, pattern=2):
    return "verification failed" not in machine.io(f"read -P {pattern} 0 {HELD}", 0)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("disk_format", ["raw", "vpc"])
def test_a_full_disk_under_what_a_running_machine_writes_to(new_machine, hyperv, daemon, disk_format):
    machine = new_machine(disk_format, pipe=False)
    machine.write(1)
    snapshot = machine.create()
    machine.io(f"write -P 2 0 {HELD}", 0)
    overlay = machine.path()
    machine.turn(RUNNING)
    with full(daemon.storage):
        refused(hyperv, machine, snapshot)
        assert machine.path() == overlay and os.path.exists(overlay)
    machine.turn(OFF)
    assert is_kept(machine)
    machine.turn(RUNNING)
    machine.destroy(machine.create(DISK))
    assert machine.files() == [machine.disks[0].name]
    machine.turn(OFF)
    assert is_kept(machine)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_between_two_snapshots(new_machine, hyperv, daemon):
    machine = new_machine("raw", pipe=False)
    machine.write(1)
    older = machine.create()
    machine.io(f"write -P 2 0 {HELD}", 0)
    newer = machine.create()
    machine.write(3)
    files = machine.files()
    machine.turn(RUNNING)
    with full(daemon.storage):
        refused(hyperv, machine, older)
        assert machine.files() == files
    machine.turn(OFF)
    assert machine.holds(3)
    machine.apply(newer)
    assert is_kept(machine)
    machine.destroy(newer)
    assert machine.files() == [machine.disks[0].name] and is_kept(machine)
