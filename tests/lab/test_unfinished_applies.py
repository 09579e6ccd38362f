"""The service ends by force while a machine goes back to a snapshot, at moments that its tool is stopped at."""
import os
import signal
import subprocess
import uuid

import pytest
from hyperv import OFF, RUNNING, SAVED, eventually
from snapshot_kit import DISK, check_files, id_of
from test_export_snapshots import Variables
from test_failed_applies import held, opened_by_another, write
from wsvirtd import Daemon, processes_below


class Tool:
    """A qemu-img that stops before a command, until it is told to go on."""

    def __init__(self, folder):
        self.file, self.stop, self.begun = (folder / name for name in ("qemu-img", "stop", "begun"))
        self.file.write_text(f'#!/bin/sh\nif [ -e {self.stop} ]; then case "$*" in "$(cat {self.stop})"*) touch {self.begun}; '
                             f'while [ -e {self.stop} ]; do sleep 0.1; done;; esac; fi\nexec qemu-img "$@"\n')
        self.file.chmod(0o755)

    def stop_at(self, command):
        self.begun.unlink(missing_ok=True)
        self.stop.write_text(command + "\n")

    def kill(self, daemon):
        eventually(self.begun.exists)
        daemon.kill()
        for pid in processes_below(self.file):
            os.kill(pid, signal.SIGKILL)
        self.stop.unlink()


@pytest.fixture(scope="module")
def tool(tmp_path_factory):
    return Tool(tmp_path_factory.mktemp("tool"))


@pytest.fixture(scope="module")
def daemon(tool):
    with Daemon(backend=f'qemu_img = "{tool.file}"\n') as running:
        yield running


def notes(daemon):
    return list(daemon.state.glob("unfinished-snapshots/*"))


def apply(machine):
    return machine.call("ApplySnapshot", "Snapshot", machine.snapshot)["Job"]


def test_overlays_that_wait_to_be_merged_go_with_an_apply_that_was_cut_off(new_machine, hyperv, daemon, tool):
    machine = new_machine("qcow2", pipe=False)
    disk = machine.disks[0]
    machine.write(1)
    machine.snapshot = machine.create()
    other = disk.with_name(f"{machine.guid}-1.img")
    subprocess.run(["qemu-img", "create", "-q", "-f", "raw", other, "8M"], check=True)
    ide = next(d for d in hyperv.devices(machine.epr) if d["ResourceType"] == "5")
    machine.attach(ide, 1, 17, "Synthetic Disk Drive", "Virtual Hard Disk", other)
    beside = machine.create()
    machine.write(2)
    user = disk.with_name(f"{machine.guid}-0.{str(uuid.uuid4()).upper()}.qcow2")  # while it is there nothing is merged
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", "qcow2", user], check=True)
    machine.destroy(beside)
    user.unlink()
    assert machine.path() != str(disk)
    tool.stop_at("snapshot -q -d")  # it is through, but what it needs no more is there yet
    apply(machine)
    tool.kill(daemon)
    assert len(machine.files()) > 2
    daemon.start()
    eventually(lambda: not notes(daemon))
    assert machine.files() == sorted([disk.name, other.name]) and machine.holds(1)


class Beside:
    """It is saved, its disk holds 2, and the memory of its snapshot, when it held 1, can be waited for."""

    def __init__(self, machine):
        self.machine, self.daemon = machine, machine.daemon
        machine.turn(RUNNING)
        machine.turn(OFF)
        self.variables = Variables(self.daemon, machine) if machine.format == "qcow2" else None
        self.mark("first")
        machine.write(1)
        machine.turn(RUNNING)
        machine.snapshot = machine.create()
        machine.turn(OFF)
        machine.write(2)
        self.mark("second")
        machine.turn(RUNNING)
        machine.turn(SAVED)
        self.files = machine.files()
        self.memory = self.daemon.state / "snapshots" / f"{id_of(machine.snapshot)}.mem"

    def mark(self, text):
        if self.variables:
            self.variables.write(text)

    def is_what_it_was(self):
        machine = self.machine
        assert machine.state() == SAVED and machine.holds(2) and machine.files() == self.files
        assert not notes(self.daemon) and not list(self.daemon.state.glob("qemu/lib/qemu/save/*.before"))
        assert machine.associated("Msvm_MostCurrentSnapshotInBranch") == [id_of(machine.snapshot)]
        if self.variables:
            assert self.variables.read() == "second"
            assert [f.stem for f in self.daemon.state.glob("snapshots/*.nvram")] == [id_of(machine.snapshot)]
        machine.turn(RUNNING)
        machine.turn(OFF)
        assert machine.holds(2)


def test_before_the_disks_were_changed_and_the_storage_is_late(new_machine, hyperv, daemon, tool):
    beside = Beside(new_machine("raw", pipe=False))
    machine = beside.machine
    tool.stop_at("create -q")
    apply(machine)
    tool.kill(daemon)
    beside.memory.write_bytes(b"no memory")
    hidden = machine.disks[0].rename(machine.disks[0].with_name("hidden"))
    daemon.start()
    start = hyperv.wait_job(hyperv.request_state(machine.epr, RUNNING)["Job"])
    assert int(start["JobState"]) == 10, dict(start)
    hidden.rename(machine.disks[0])
    eventually(lambda: not notes(daemon))
    beside.is_what_it_was()


def test_after_the_disks_were_changed(new_machine, hyperv, daemon):
    beside = Beside(new_machine("qcow2", pipe=False, generation=2))
    machine = beside.machine
    beside.memory.unlink()
    os.mkfifo(beside.memory)
    job = apply(machine)
    eventually(lambda: len(machine.files()) > len(beside.files))
    eventually(lambda: beside.variables.read() == "first")
    daemon.kill()
    beside.memory.unlink()
    beside.memory.write_bytes(b"no memory")
    daemon.start()
    ended = hyperv.wait_job(job)
    assert int(ended["JobState"]) == 10, dict(ended)
    eventually(lambda: not notes(daemon))
    beside.is_what_it_was()


def test_no_room_for_the_note_of_what_could_not_be_put_back(new_machine, hyperv, daemon, tool):
    """It stays noted all the same, as the job says."""
    machine = new_machine("qcow2", disks=2, pipe=False)
    write(machine, 1)
    machine.turn(RUNNING)
    machine.snapshot = machine.create(DISK)
    machine.turn(OFF)
    write(machine, 2)
    tool.stop_at("snapshot -q -a")
    job = apply(machine)
    eventually(tool.begun.exists)
    note, = notes(daemon)
    in_its_way = note.with_name(note.name + ".left.new")
    in_its_way.mkdir()
    with opened_by_another(machine.disks[0]), opened_by_another(machine.disks[1]):
        tool.stop.unlink()
        ended = hyperv.wait_job(job)
        assert int(ended["JobState"]) == 10 and "tried again" in ended["ErrorDescription"], dict(ended)
        in_its_way.rmdir()
        assert notes(daemon)
    machine.turn(RUNNING)
    machine.turn(OFF)
    assert held(machine) == 2 and not notes(daemon)
    check_files(machine, [id_of(machine.snapshot)])
