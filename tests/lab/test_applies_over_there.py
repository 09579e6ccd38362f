"""A snapshot inside disks that only the host's libvirt opens cannot be applied: the machine is what it was."""
import os
import struct

import pytest
from cut_link import Link
from hyperv import OFF, RUNNING, SAVED, HyperV, eventually
from snapshot_kit import Machine, check_files, id_of
from test_libvirtd import LIBVIRTD, Libvirtd, virsh_of
from wsvirtd import Daemon

pytestmark = pytest.mark.skipif(LIBVIRTD is None, reason="Debian's libvirt-daemon is not installed")
CREATE, REVERT, DELETE = (struct.pack(">III", 0x20008086, 1, n) for n in (185, 192, 193))  # in libvirt's protocol


@pytest.fixture(scope="module")
def libvirtd():
    running = Libvirtd()
    try:
        running.start()
        yield running
    finally:
        running.clear()


@pytest.fixture(scope="module")
def link(libvirtd):
    made = Link(None, libvirtd.folder / "runtime/libvirt/libvirt-sock")
    yield made
    made.close()


@pytest.fixture(scope="module")
def daemon(libvirtd, link):
    folder = libvirtd.folder / "vms"
    with Daemon(uri=f"qemu+tcp://127.0.0.1:{link.port}/session", storage_folders=[folder]) as running:
        running.storage = folder
        yield running


@pytest.fixture(scope="module")
def machine(daemon, libvirtd):
    """A snapshot of the machine as it ran, when its disks held 1."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    made = Machine(hyperv, daemon, "qcow2", disks=2, pipe=False)
    if libvirtd.user:
        for owned in (daemon.storage, *made.disks):
            os.chown(owned, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
    write(made, 1)
    made.turn(RUNNING)
    made.snapshot = made.create()
    made.turn(OFF)
    yield made
    made.remove()


def write(machine, pattern):
    for n in (0, 1):
        machine.write(pattern, n)


def apply(machine, link=None, at=None):
    """Which becomes of it, when the service ends by force meanwhile."""
    if link:
        link.silent_after(at)
    job = machine.call("ApplySnapshot", "Snapshot", machine.snapshot)["Job"]
    if link:
        eventually(link.silent.is_set)
        machine.daemon.kill()
        link.cut()
        machine.daemon.start()
    ended = machine.hyperv.wait_applied(job)
    eventually(lambda: not list(machine.daemon.state.glob("unfinished-snapshots/*")))
    return int(ended["JobState"])


def is_whole(machine, libvirtd, pattern, state):
    assert machine.state() == state
    assert virsh_of(libvirtd)("snapshot-list", "--name", machine.guid.lower()).split() == [id_of(machine.snapshot)]
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(machine.snapshot)]
    assert machine.associated("Msvm_MostCurrentSnapshotInBranch") == [id_of(machine.snapshot)]
    check_files(machine, [id_of(machine.snapshot)])
    assert machine.holds(pattern, 0) and machine.holds(pattern, 1)


def test_killed_when_it_can_be_applied(machine, link, libvirtd):
    for at in (CREATE, REVERT, DELETE):
        assert apply(machine, link, at) == 7
        is_whole(machine, libvirtd, 1, SAVED)
        machine.turn(RUNNING)
        machine.turn(OFF)
        write(machine, 2)


def test_memory_over_there_that_cannot_be_read(machine, link, libvirtd):
    content, start = machine.disks[0].read_bytes(), -1
    with machine.disks[0].open("r+b") as disk:
        while (start := content.find(b"QEVM", start + 1)) >= 0:
            disk.seek(start)
            disk.write(b"XXXX")
    assert apply(machine) == 10
    is_whole(machine, libvirtd, 2, OFF)
    assert apply(machine, link, REVERT) == 10
    is_whole(machine, libvirtd, 2, OFF)
