"""The disk is full where the saved memory of an imported machine goes: nothing is made, and it can be realized later."""
import contextlib
import os
import subprocess

import pytest
from exports import content_digest, describe
from hyperv import OFF, RUNNING, SAVED
from machine_parts import Parts

SAVES = "qemu/lib/qemu/save"
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")


@pytest.fixture
def parts(hyperv, daemon):
    made = Parts(hyperv, daemon, None)
    yield made
    made.clear()


@contextlib.contextmanager
def little_room(folder):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def definitions(daemon):
    """What libvirt has of machines and snapshots."""
    return sorted(str(f.relative_to(daemon.state)) for f in daemon.state.glob("qemu/lib/qemu/snapshot/*/*")) + sorted(
        f.name for f in daemon.state.glob("qemu/etc/qemu/*.xml"))


@pytest.mark.parametrize("form, place", [("raw", SAVES), ("qcow2", SAVES), ("raw", "snapshots")])
@pytest.mark.parametrize("other", [False, True])
def test_realizing_finds_no_room_for_memory(hyperv, parts, daemon, form, place, other):
    """Of the machine and, where that is not in its disk, of its snapshot; with its identifiers, and with new ones."""
    machine = parts.define("roomless")
    parts.attach(machine, parts.disk(f"roomless.{form}", form=form, size="8M"))
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    parts.snapshot(machine, "kept")
    hyperv.finish(hyperv.request_state(machine, SAVED))
    folder = parts.export(machine)
    hyperv.finish(hyperv.destroy(machine))
    planned = parts.imported(describe(folder).file, new_identifier=other)
    guid = planned.selectors["Name"]
    digests = {f: content_digest(f) for f in folder.rglob("*") if f.is_file()}
    before = definitions(daemon)
    with little_room(daemon.state / place):
        job, _, _ = parts.planned_job("RealizePlannedSystem", planned)
        assert (job["JobState"], job["ErrorCode"]) == ("10", "32768"), dict(job)
        assert "No space left on device" in job["ErrorDescription"], dict(job)
        assert list((daemon.state / place).iterdir()) == []
    assert not list(daemon.state.glob("snapshots/*")) and not list(daemon.state.glob(SAVES + "/*"))
    assert definitions(daemon) == before
    assert not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{guid}'")
    assert {f: content_digest(f) for f in folder.rglob("*") if f.is_file()} == digests
    assert hyperv.get(planned)["EnabledState"] == str(SAVED)
    assert parts.problems(planned) == []
    arrived = parts.realized(planned)
    assert hyperv.state(arrived) == SAVED
    hyperv.finish(hyperv.request_state(arrived, RUNNING))
    hyperv.finish(hyperv.request_state(arrived, OFF))
    (kept,) = parts.snapshots(arrived)
    parts.apply(kept["InstanceID"])
    hyperv.wait_state(arrived, SAVED)
    hyperv.finish(hyperv.destroy(arrived))
