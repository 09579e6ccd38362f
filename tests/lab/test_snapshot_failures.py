"""What snapshots leave behind when a disk is missing, when they are cancelled, and when the service is killed: nothing."""
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import time
import uuid

import pytest
from hyperv import OFF, PAUSED, RUNNING, SAVED, eventually
from machine_parts import Parts, epr, settings_epr
from snapshot_kit import DISK, FORMATS, FULL, Machine, boot, check_files, id_of, last_tick
from wsvirtd import processes_below

SEED = int(os.environ.get("WSVIRT_SEED", "1"))


@pytest.mark.parametrize("disk_format", FORMATS)
def test_a_disk_that_is_missing_leaves_nothing_half_made(new_machine, hyperv, disk_format):
    machine = new_machine(disk_format, disks=2)
    machine.write(1)
    whole = machine.create()
    machine.write(2)
    paths = [pathlib.Path(machine.path(n)) for n in (0, 1)]
    files = machine.files()
    hidden = paths[1].with_name("hidden")
    paths[1].rename(hidden)
    job = hyperv.wait_job(machine.begin()["Job"])
    assert int(job["JobState"]) == 10, dict(job)
    assert paths[1].name in job["ErrorDescription"]
    job = hyperv.wait_job(machine.call("ApplySnapshot", "Snapshot", whole)["Job"])
    assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32773) and paths[1].name in job["ErrorDescription"], dict(job)
    hidden.rename(paths[1])
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(whole)]
    if disk_format == "qcow2":
        check_files(machine, [id_of(whole)])
    else:
        assert machine.files() == files
    assert machine.holds(2)
    machine.destroy(whole)
    assert machine.files() == sorted(d.name for d in machine.disks)
    assert machine.holds(2)


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_qemu_dies_while_a_snapshot_is_taken_or_the_machine_exported(new_machine, hyperv, daemon, disk_format):
    """Each is there as a whole or not at all, as the job says, and the machine can be started again."""
    machine, parts = new_machine(disk_format), Parts(hyperv, daemon, None)
    machine.write(1)
    moments, taken, kept = random.Random(SEED), [], set(parts.exports.iterdir())
    for n in range(8):
        machine.turn(RUNNING)
        qemu, = (p for p in processes_below(machine.guid.lower()) if "qemu-system" in os.readlink(f"/proc/{p}/exe"))
        folder = parts.exports / f"died-{n}"
        output = machine.begin() if n % 2 else parts.start_export(machine.epr, folder, CreateVmExportSubdirectory=False,
                                                                  CaptureLiveState=0)
        time.sleep(moments.uniform(*((0.05, 0.1) if n > 3 else (0, 0.15))))  # also when it has done it and libvirt has not heard yet
        os.kill(qemu, signal.SIGKILL)
        job = hyperv.wait_job(output["Job"])
        whole = int(job["JobState"]) in (7, 32768)
        assert whole or job["ErrorDescription"], dict(job)
        machine.hyperv.wait_state(machine.epr, OFF)
        if n % 2:
            taken += [id_of(output["ResultingSnapshot"])] * whole
        else:
            assert set(parts.exports.iterdir()) - kept == ({folder} if whole else set())
            shutil.rmtree(folder, ignore_errors=True)
        assert sorted(machine.associated("Msvm_SnapshotOfVirtualSystem")) == sorted(taken)
        check_files(machine, taken)
        assert machine.holds(1)


@pytest.mark.parametrize("disk_format", ["vpc", "raw"])
@pytest.mark.parametrize("state", [OFF, RUNNING])
def test_a_snapshot_that_libvirt_cannot_write_down(new_machine, hyperv, daemon, disk_format, state):
    """The machine stands on its disk as before, also where QEMU had begun to write to the overlay."""
    machine = new_machine(disk_format, pipe=False)
    machine.write(1)
    if state == RUNNING:
        machine.turn(state)
    name = next(f.stem for f in daemon.state.glob("qemu/etc/qemu/*.xml") if machine.guid.lower() in f.read_text())
    in_the_way = daemon.state / "qemu/lib/qemu/snapshot" / name
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("")
    for kind in (FULL, DISK):
        job = hyperv.wait_job(machine.begin(kind)["Job"])
        assert int(job["JobState"]) == 10 and "snapshot" in job["ErrorDescription"], dict(job)
        assert machine.files() == [machine.disks[0].name] and machine.path() == str(machine.disks[0])
        assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [] and machine.state() == state
        assert not list(daemon.state.glob("snapshots/*.mem"))
    in_the_way.unlink()
    machine.create()
    if state == RUNNING:
        machine.turn(OFF)
    assert machine.holds(1)


def test_a_machine_one_of_whose_disks_is_lost_loses_its_snapshots(hyperv, daemon):
    """What can be merged is; what stands on the lost file stays as it is, and everything else can go."""
    machine = Machine(hyperv, daemon, "raw", disks=2, pipe=False)
    older, newer = machine.create(), machine.create()
    machine.write(2)
    of_lost = [name for name in machine.files() if f"{machine.guid}-1." in name and name.endswith(".qcow2")]
    machine.disks[1].unlink()
    machine.destroy(older)
    assert machine.files() == sorted([machine.disks[0].name, pathlib.Path(machine.path()).name, *of_lost])
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(newer)]
    machine.remove()
    assert machine.files() == sorted([machine.disks[0].name, *of_lost])
    assert b"\2" * 65536 == machine.disks[0].read_bytes()[:65536]
    assert not list(daemon.state.glob("unfinished-snapshots/*"))


def test_a_snapshot_inside_a_disk_that_is_gone(new_machine, hyperv):
    machine = new_machine("qcow2", disks=2)
    older, newer = machine.create(), machine.create()
    lost = machine.disks[1]
    lost.unlink()
    machine.destroy(older)
    medium, = [d for d in hyperv.devices(machine.epr, "Msvm_StorageAllocationSettingData")
               if str(lost) in d.all("HostResource")]
    reference = epr("Msvm_StorageAllocationSettingData", InstanceID=medium["InstanceID"])
    hyperv.finish(hyperv.service("RemoveResourceSettings", f"<p:ResourceSettings>{reference.content()}</p:ResourceSettings>"))
    machine.disks.remove(lost)
    check_files(machine, [id_of(newer)])
    machine.destroy(newer)
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    check_files(machine, [])


def test_recovery_waits_for_the_disks(new_machine, hyperv, daemon):
    """The service starts before the storage is there: what is left of a snapshot is removed when it is."""
    machine = new_machine("raw")
    machine.create()
    daemon.kill()
    unfinished = str(uuid.uuid4()).upper()
    left = machine.disks[0].with_name(f"{machine.stem}-0.{unfinished}.qcow2")
    left.touch()
    note = daemon.state / "unfinished-snapshots" / unfinished
    note.parent.mkdir(exist_ok=True)
    note.write_text(f"machine {machine.guid}\nid {unfinished}\nfile {left}\n")
    unseen = str(uuid.uuid4()).upper()  # whether its files are there, nobody can say
    (daemon.state / "loop").symlink_to("loop")
    chain = [f"{daemon.state}/loop/{n}" for n in range(3)]
    note.with_name(unseen).write_text(f"host TESTHOST\nmachine {machine.guid}\nid {unseen}\ndelete {unseen}\n"
                                      + "".join(f"upper {u}\nlower {w}\n" for u, w in zip(chain, chain[1:])))
    hidden = machine.disks[0].rename(machine.disks[0].with_name("hidden"))
    daemon.start()
    eventually(lambda: "failed" in note.read_text() and "cannot be looked at" in note.with_name(unseen).read_text())
    hidden.rename(machine.disks[0])
    (daemon.state / "loop").unlink()
    eventually(lambda: not list(note.parent.iterdir()))
    assert not left.exists()
    daemon.kill()
    nobody = str(uuid.uuid4()).upper()  # its machine is gone, but not what it had besides its disks
    variables, overlay = daemon.state / "snapshots" / f"{nobody}.nvram", left.with_name(f"disk.{nobody}.qcow2")
    variables.parent.mkdir(exist_ok=True)
    for file in (variables, overlay):
        file.touch()
    note.with_name(nobody).write_text(f"host TESTHOST\nmachine {nobody}\nid {nobody}\nremoved\nfile {variables}\nfile {overlay}\n")
    daemon.start()
    eventually(lambda: not list(note.parent.iterdir()))
    assert not variables.exists() and overlay.exists()
    overlay.unlink()


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_taking_one_is_cancelled_at_any_moment(new_machine, hyperv, disk_format):
    machine, dice = new_machine(disk_format), random.Random(disk_format)
    machine.turn(RUNNING)
    for _ in range(4):
        before = machine.associated("Msvm_SnapshotOfVirtualSystem")
        output = machine.begin()
        time.sleep(dice.uniform(0, 0.3))
        job = output["Job"]
        hyperv.invoke(job.class_name, job.selectors, "RequestStateChange", "<p:RequestedState>4</p:RequestedState>")
        state = int(hyperv.wait_job(job, 30)["JobState"])
        assert state in (7, 8)
        made = [id_of(output["ResultingSnapshot"])] if state == 7 else []
        # A snapshot inside a disk cannot be broken off: it is taken back when it is done.
        deadline = time.monotonic() + 30
        while sorted(machine.associated("Msvm_SnapshotOfVirtualSystem")) != sorted(before + made):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert machine.state() == RUNNING
        check_files(machine, before + made)


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_killed_while_a_snapshot_is_taken(new_machine, hyperv, daemon, guest_iso, disk_format):
    machine, dice = new_machine(disk_format, guest_iso=guest_iso), random.Random(disk_format)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        for round_ in range(5):
            before = machine.associated("Msvm_SnapshotOfVirtualSystem")
            output = machine.begin()
            made = id_of(output["ResultingSnapshot"])
            time.sleep(dice.uniform(0, 0.5))
            daemon.kill()
            daemon.start()
            hyperv.wait_state(machine.epr, RUNNING)
            tick = last_tick(console)
            console.wait(rf"TICK {tick + 1}\b", 30)
            job = hyperv.get(output["Job"])
            now = machine.associated("Msvm_SnapshotOfVirtualSystem")
            assert int(job["JobState"]) in (7, 10), dict(job)
            complete = int(job["JobState"]) == 7
            assert sorted(now) == sorted(before + [made] if complete else before), f"round {round_}: {dict(job)}"
            check_files(machine, now)
    machine.turn(OFF)
    for guid in machine.associated("Msvm_SnapshotOfVirtualSystem"):
        snapshot = settings_epr(f"Microsoft:{guid}")
        machine.apply(snapshot)
        assert machine.state() == SAVED
        machine.turn(RUNNING)
        machine.turn(OFF)
        machine.destroy(snapshot)
    assert machine.files() == [machine.disks[0].name]
    assert not list(daemon.state.glob("snapshots/*"))


def test_killed_while_one_of_a_machine_that_is_off_is_taken(new_machine, hyperv, daemon):
    """It is in every disk and listed, or in none."""
    machine, dice = new_machine("qcow2", disks=2), random.Random(6)
    for round_ in range(6):
        before = machine.associated("Msvm_SnapshotOfVirtualSystem")
        output = machine.begin()
        time.sleep(dice.uniform(0, 0.04))
        daemon.kill()
        daemon.start()
        made = id_of(output["ResultingSnapshot"])
        job = hyperv.wait_job(output["Job"])
        now = machine.associated("Msvm_SnapshotOfVirtualSystem")
        assert sorted(now) == sorted(before + [made] if int(job["JobState"]) == 7 else before), f"round {round_}: {dict(job)}"
        check_files(machine, now)


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_killed_while_snapshots_are_deleted(new_machine, hyperv, daemon, disk_format):
    """What had begun is finished, what had not has changed nothing: no snapshot is listed that its disks do not hold."""
    machine, dice = new_machine(disk_format), random.Random(disk_format)
    machine.turn(RUNNING)
    for round_ in range(6):
        first, second = machine.create(), machine.create()
        output = machine.call("DestroySnapshot", "AffectedSnapshot", first)
        time.sleep(dice.uniform(0, 0.15))
        daemon.kill()
        daemon.start()
        job = hyperv.wait_job(output["Job"])
        if int(job["JobState"]) != 7:  # it had not begun
            assert job["ErrorDescription"]
            assert machine.children(id_of(first)) == [id_of(second)]
            check_files(machine, [id_of(first), id_of(second)])
            machine.destroy(first)
        assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [id_of(second)]
        assert machine.children(id_of(second)) == [machine.guid]
        check_files(machine, [id_of(second)])
        if round_ % 2:
            machine.turn(OFF)
            machine.apply(second)
            assert machine.state() == SAVED
            machine.turn(RUNNING)
        machine.destroy(second)
        check_files(machine, [])
    assert machine.files() == [machine.disks[0].name]


def write_memory_away(monitor):
    """What a save has done when it is cut off at its end: a paused QEMU leaves its disks alone then, until it runs."""
    with socket.socket(socket.AF_UNIX) as to_qemu, socket.create_server(("127.0.0.1", 0)) as listener:
        to_qemu.connect(str(monitor))
        lines = to_qemu.makefile("r")

        def ask(command, **arguments):
            to_qemu.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
            while True:
                answer = json.loads(lines.readline())
                if "return" in answer:
                    return answer["return"]
                assert "error" not in answer, answer

        ask("qmp_capabilities")
        ask("migrate", uri=f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        with listener.accept()[0] as stream:
            while stream.recv(1 << 20):
                pass
        while ask("query-status")["status"] != "postmigrate":
            time.sleep(0.05)


def test_snapshots_of_a_machine_whose_save_was_cut_off_are_deleted(new_machine, daemon):
    machine = new_machine("raw")
    machine.turn(RUNNING)
    snapshot = machine.create(DISK)
    machine.turn(PAUSED)
    daemon.kill()
    (monitor,) = daemon.state.glob("qemu/lib/qemu/domain-*/monitor.sock")
    write_memory_away(monitor)
    daemon.start()
    machine.destroy(snapshot)
    assert machine.state() == PAUSED
    assert machine.files() == [machine.disks[0].name]


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
@pytest.mark.parametrize("state", [SAVED, OFF])
def test_a_machine_starts_after_snapshots_below_were_deleted(new_machine, disk_format, state):
    machine = new_machine(disk_format)
    machine.turn(RUNNING)
    first, second = machine.create(DISK), machine.create(DISK)
    machine.turn(state)
    machine.destroy(first)
    assert machine.state() == state
    machine.turn(RUNNING)
    machine.turn(state)
    machine.destroy(second)
    machine.turn(RUNNING)
    assert machine.files() == [machine.disks[0].name]


def test_a_half_written_description_of_a_snapshot_is_none(new_machine, hyperv, daemon):
    """What a kill between libvirt's writing a file and its renaming it leaves behind."""
    machine = new_machine("qcow2")
    made = id_of(machine.create())
    daemon.kill()
    (file,) = daemon.state.glob(f"qemu/lib/qemu/snapshot/*/{made}.xml")
    other = str(uuid.uuid4()).upper()
    left = file.with_name(f"{other}.xml.new")
    left.write_text(file.read_text().replace(made, other))
    daemon.start()
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == [made]
    assert not left.exists()
