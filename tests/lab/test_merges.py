"""What deleting snapshots writes into the file below fails half way, or takes long: nothing is lost, the job says so, the
machine starts, and what is left is merged later."""
import contextlib
import os
import pathlib
import signal
import subprocess
import time

import pytest
from hyperv import OFF, RUNNING, SAVED, HyperV, eventually
from snapshot_kit import DISK, Machine
from wsvirtd import Daemon, processes_below

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
        machine.turn(RUNNING)
        assert machine.path() == overlay
    machine.turn(OFF)
    assert is_kept(machine)
    machine.turn(RUNNING)
    assert machine.files() == [machine.disks[0].name]
    machine.turn(OFF)
    assert is_kept(machine)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_machine_that_goes_after_a_full_disk(hyperv, daemon):
    """What it wrote last is in the disk that it was given."""
    machine = Machine(hyperv, daemon, "raw", pipe=False)
    snapshot = machine.create()
    machine.io(f"write -P 2 0 {HELD}", 0)
    with full(daemon.storage):
        refused(hyperv, machine, snapshot)
    machine.remove()
    assert machine.files() == [machine.disks[0].name]
    read = subprocess.run(["qemu-io", "-f", "raw", "-c", f"read -P 2 0 {HELD}", machine.disks[0]], stdout=subprocess.PIPE, text=True)
    machine.disks[0].unlink()
    assert read.returncode == 0 and "verification failed" not in read.stdout, read.stdout


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
    daemon.kill()
    daemon.start()  # it is made up for
    eventually(lambda: len(machine.files()) == 2)
    assert machine.holds(3)
    machine.apply(newer)
    assert is_kept(machine)
    machine.destroy(newer)
    assert machine.files() == [machine.disks[0].name] and is_kept(machine)


def test_memory_that_could_not_follow_its_disk(new_machine, hyperv, daemon):
    """Saved memory names the files of the disks. It is told the new ones when the machine starts."""
    machine = new_machine("raw", pipe=False)
    machine.turn(RUNNING)
    older, newer = machine.create(DISK), machine.create(DISK)
    machine.turn(SAVED)
    (memory,) = daemon.state.glob("qemu/lib/qemu/save/*.save")
    in_the_way = memory.with_name(memory.name + ".part")
    in_the_way.mkdir()
    refused(hyperv, machine, older)
    refused_start = hyperv.wait_job(hyperv.request_state(machine.epr, RUNNING)["Job"])
    assert int(refused_start["JobState"]) == 10 and "saved memory" in refused_start["ErrorDescription"]
    assert machine.state() == SAVED
    in_the_way.rmdir()
    machine.turn(RUNNING)
    (qemu,) = processes_below(machine.guid.lower())
    assert b"\0-incoming\0" in pathlib.Path(f"/proc/{qemu}/cmdline").read_bytes()
    machine.turn(OFF)
    machine.destroy(newer)
    assert machine.files() == [machine.disks[0].name]


def test_merging_takes_longer_than_a_start_may(tmp_path):
    """The machine starts on the files as they are; they are merged when there is time for it."""
    tool, slow = tmp_path / "qemu-img", tmp_path / "slow"
    tool.write_text(f'#!/bin/sh\n[ "$1" = commit ] && [ -e {slow} ] && exec sleep 60\nexec qemu-img "$@"\n')
    tool.chmod(0o755)
    with Daemon(backend=f'call_limit = "8s"\nqemu_img = "{tool}"\n') as daemon:
        hyperv = HyperV(daemon)
        machine = Machine(hyperv, daemon, "vpc", pipe=False)
        machine.turn(RUNNING)
        older, newer = machine.create(DISK), machine.create(DISK)
        machine.destroy(older)
        machine.turn(OFF)
        waiting = machine.files()
        assert len(waiting) == 3
        slow.touch()
        machine.turn(RUNNING)
        assert machine.files() == waiting
        machine.turn(OFF)
        slow.unlink()
        machine.turn(RUNNING)
        assert len(machine.files()) == 2
        machine.turn(OFF)
        machine.apply(newer)
        machine.remove()


def test_a_start_does_not_wait_for_a_merge_that_was_cut_off(tmp_path):
    tool, slow, begun = (tmp_path / name for name in ("qemu-img", "slow", "begun"))
    tool.write_text(f'#!/bin/sh\nif [ "$1" = commit ]; then touch {begun}; while [ -e {slow} ]; do sleep 0.1; done; fi\n'
                    'exec qemu-img "$@"\n')
    tool.chmod(0o755)
    with Daemon(backend=f'qemu_img = "{tool}"\n') as daemon:
        machine = Machine(HyperV(daemon), daemon, "raw", pipe=False)
        snapshot = machine.create()
        machine.write(2)
        slow.touch()
        machine.call("DestroySnapshot", "AffectedSnapshot", snapshot)
        eventually(begun.exists)
        daemon.kill()
        for pid in processes_below(tool):
            os.kill(pid, signal.SIGKILL)
        begun.unlink()
        started = time.monotonic()
        daemon.start()
        assert time.monotonic() - started < 30
        eventually(begun.exists)
        assert list(daemon.state.glob("unfinished-snapshots/*"))
        slow.unlink()
        eventually(lambda: not list(daemon.state.glob("unfinished-snapshots/*")))
        assert machine.files() == [machine.disks[0].name] and machine.holds(2)
        machine.remove()


def test_merges_that_were_cut_off_take_longer_than_a_start_may(tmp_path):
    """Of a machine that stays they are made behind what else is to be finished; one that is removed waits for them."""
    tool, slow, begun = (tmp_path / name for name in ("qemu-img", "slow", "begun"))
    tool.write_text(f'#!/bin/sh\nif [ "$1" = commit ]; then touch {begun}; [ -e {slow} ] && sleep 60 || sleep 3; fi\nexec qemu-img "$@"\n')
    tool.chmod(0o755)
    with Daemon(backend=f'call_limit = "4s"\nqemu_img = "{tool}"\n') as daemon:
        hyperv = HyperV(daemon)
        stays, goes = (Machine(hyperv, daemon, "raw", pipe=False) for _ in range(2))
        snapshot = stays.create()
        goes.create()
        for machine, begin in ((stays, lambda: stays.call("DestroySnapshot", "AffectedSnapshot", snapshot)),
                               (goes, lambda: hyperv.destroy(goes.epr))):
            machine.write(2)
            begun.unlink(missing_ok=True)
            slow.touch()
            begin()
            eventually(begun.exists)
            daemon.kill()
            for pid in processes_below(tool):
                os.kill(pid, signal.SIGKILL)
            slow.unlink()
            begun.unlink()
            daemon.start()
            eventually(begun.exists)  # it goes on, and is not taken for the next one
        eventually(lambda: all(m.files() == [m.disks[0].name] for m in (stays, goes)), 40)
        eventually(lambda: not list(daemon.state.glob("unfinished-snapshots/*")), 20)
        assert [m["Name"] for m in hyperv.query("SELECT Name FROM Msvm_ComputerSystem WHERE Name != __SERVER")] == [stays.guid]
        for machine in (stays, goes):
            shown = subprocess.run(["qemu-io", "-f", "raw", "-r", "-c", "read -P 2 0 64k", machine.disks[0]], stdout=subprocess.PIPE)
            assert b"verification failed" not in shown.stdout, shown.stdout
        stays.remove()
