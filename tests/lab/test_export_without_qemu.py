"""QEMU ends by force while its running machine is exported: the job says so, nothing is left of the export, and the machine is off
with whole disks, as with any end of its QEMU."""
import json
import os
import random
import signal
import subprocess
import time

import pytest
from exports import content_digest, describe
from hyperv import OFF, RUNNING, SAVED, eventually
from machine_parts import Parts
from wsvirtd import processes_below


@pytest.fixture
def parts(hyperv, daemon):
    made = Parts(hyperv, daemon, None)
    yield made
    made.clear()


def signal_qemu(machine, sign):
    """Of the machine; the processes that got it. Signal 0 only looks."""
    found = set()
    for pid in processes_below(machine.guid.lower()):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as line:
                if b"qemu-system" in line.read().split(b"\0")[0]:
                    os.kill(pid, sign)
                    found.add(pid)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def is_whole(machine, pattern, files, snapshots=()):
    """Its disk holds what it did and nothing else, in the files that there were."""
    assert machine.files() == files and machine.holds(pattern)
    told = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", machine.path()], check=True,
                                     stdout=subprocess.PIPE, text=True).stdout)
    assert [s["name"] for s in told.get("snapshots", [])] == list(snapshots)
    assert not told.get("format-specific", {}).get("data", {}).get("bitmaps")
    if told["format"] == "qcow2":
        subprocess.run(["qemu-img", "check", "-q", machine.path()], check=True)


def is_off_and_starts(machine):
    machine.hyperv.wait_state(machine.epr, OFF)
    assert not list(machine.daemon.state.glob(f"qemu/lib/qemu/save/*{machine.guid.lower()}*"))
    machine.turn(RUNNING)


def check_export(folder):
    definition = describe(folder)
    for file in definition.disks + definition.saved:
        assert content_digest(folder / file.get("Path")) == file.get("Digest")


@pytest.mark.parametrize("disk_format", ["qcow2", "raw", "vpc"])
@pytest.mark.parametrize("live", [0, 1])
def test_qemu_dies_while_it_is_asked_to_stand_still(new_machine, hyperv, parts, disk_format, live):
    machine = new_machine(disk_format, pipe=False)
    machine.write(1)
    files = machine.files()
    machine.turn(RUNNING)
    assert len(signal_qemu(machine, signal.SIGSTOP)) == 1
    output = parts.start_export(machine.epr, parts.exports, CaptureLiveState=live)
    eventually(lambda: list(parts.exports.iterdir()))
    time.sleep(2)  # until libvirt has asked QEMU
    assert len(signal_qemu(machine, signal.SIGKILL)) == 1
    job = hyperv.wait_job(output["Job"])
    assert (job["JobState"], job["ErrorCode"]) == ("10", "32768"), dict(job)
    assert f"Cannot {'save' if live else 'pause'} the machine" in job["ErrorDescription"], dict(job)
    assert "monitor" in job["ErrorDescription"], dict(job)  # libvirt's words
    assert list(parts.exports.iterdir()) == []
    is_off_and_starts(machine)
    machine.turn(OFF)
    is_whole(machine, 1, files)


def test_qemu_dies_at_any_moment_of_an_export(new_machine, hyperv, parts):
    machine = new_machine("qcow2", pipe=False)
    machine.write(1)
    files = machine.files()
    machine.turn(RUNNING)
    begun = time.monotonic()
    parts.export(machine.epr, CaptureLiveState=1)
    usual = time.monotonic() - begun
    moments = random.Random(int(os.environ.get("WSVIRT_SEED", random.SystemRandom().randrange(1 << 30))))
    rounds = int(os.environ.get("WSVIRT_ROUNDS", 12))
    for n in range(rounds):
        folder = parts.exports / f"round-{n}"
        before = set(parts.exports.iterdir())
        output = parts.start_export(machine.epr, folder, CreateVmExportSubdirectory=False, CaptureLiveState=1)
        time.sleep(usual * (n + moments.random()) / rounds)
        killed = signal_qemu(machine, signal.SIGKILL)
        job = hyperv.wait_job(output["Job"])
        if job["JobState"] == "7":
            check_export(folder)
            folder.rename(folder.with_name(f"{folder.name}-kept"))
        else:
            assert job["JobState"] == "10" and killed and job["ErrorDescription"], dict(job)
            assert set(parts.exports.iterdir()) == before
        if not killed or signal_qemu(machine, 0) - killed:  # one killed when it had saved all is followed by another
            hyperv.wait_state(machine.epr, RUNNING)
        elif machine.state() == SAVED:  # it was being started again, and has its memory yet
            assert job["JobState"] == "10"
            machine.turn(RUNNING)
        else:
            is_off_and_starts(machine)
    machine.turn(OFF)
    is_whole(machine, 1, files)
