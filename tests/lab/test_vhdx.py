"""VHDX disks, which libvirt has no name for, and VHD disks, which QEMU keeps no memory beside: qemu-nbd opens them for
embedded QEMU, while the machine runs; their snapshots."""
import pathlib
import re
import subprocess
import time
import types

import pytest
from console import Console
from embedded import Instance
from exports import describe
from hyperv import OFF, PAUSED, RUNNING, SAVED
from machine_parts import Parts
from snapshot_kit import DISK, FORMATS, boot, check_files, id_of, last_tick, on_disk, read_disk
from travellers import STORAGE, Traveller
from wsvirtd import processes_below


@pytest.fixture
def parts(hyperv, daemon, guest):
    made = Parts(hyperv, daemon, guest)
    yield made
    made.clear()


@pytest.fixture(params=["vhdx", "vpc"])
def form(request):
    return request.param


def servers(machine):
    return [p for p in processes_below(f"{machine.guid.lower()}-") if p in processes_below("--fork")]


def holds(machine, text):
    return machine.io("read -v 0 16", 0).count(text) == 1


def wait_servers(machine, number):
    deadline = time.monotonic() + 30
    while len(servers(machine)) != number:
        assert time.monotonic() < deadline, servers(machine)
        time.sleep(0.05)


def test_a_machine_lives_with_one(new_machine, daemon, guest_iso, form):
    machine = new_machine(form, guest_iso=guest_iso)
    assert machine.path() == str(machine.disks[0])
    with boot(machine) as console:
        last_tick(console)
        on_disk(console, "one")
        machine.turn(PAUSED)
        machine.turn(RUNNING)
        machine.turn(SAVED)
        wait_servers(machine, 0)
    assert holds(machine, "one")
    with boot(machine) as console:
        assert read_disk(console, "now") == "one"
        snapshot = machine.create(DISK)
        daemon.kill()  # the machine and its disk go on
        daemon.start()
        assert machine.state() == RUNNING
        wait_servers(machine, 1)
        on_disk(console, "two")
    machine.turn(OFF)
    wait_servers(machine, 0)
    assert holds(machine, "two")
    machine.apply(snapshot)
    assert holds(machine, "one")
    machine.destroy(snapshot)
    assert machine.files() == [machine.disks[0].name] and holds(machine, "one")


def test_snapshots_while_it_runs(new_machine, guest_iso, form):
    """Taken with and without memory, deleted while it runs and while it is off; merged into the file at once where
    that is the only one below what the machine writes to, else when it is off."""
    machine = new_machine(form, guest_iso=guest_iso)
    disk = machine.disks[0].name

    def overlays(*snapshots):
        return sorted([disk, *(disk.replace(machine.disks[0].suffix, f".{id_of(s)}.qcow2") for s in snapshots)])

    with boot(machine) as console:
        last_tick(console)
        console.send("IN=memory\n")
        on_disk(console, "one")
        running = machine.create()
        on_disk(console, "two")
        disk_only = machine.create(DISK)
        on_disk(console, "three")
        machine.destroy(disk_only)
        assert read_disk(console, "merged") == "three"
        check_files(machine, [id_of(running)])
        machine.turn(OFF)
    machine.apply(running)
    assert machine.state() == SAVED
    with boot(machine) as console:
        console.send("echo KEPT-$IN-\n")
        console.wait(r"KEPT-memory-", 30)
        assert read_disk(console, "back") == "one"
        machine.destroy(running)
        assert machine.path() == str(machine.disks[0]) and machine.files() == [disk]
        on_disk(console, "four")
        older, newer = machine.create(DISK), machine.create(DISK)
        on_disk(console, "five")
        machine.destroy(older)
        assert read_disk(console, "waits") == "five"
        machine.turn(SAVED)
    assert machine.files() == overlays(older, newer)
    with boot(machine) as console:
        last_tick(console)
        assert read_disk(console, "later") == "five"
        assert machine.files() == overlays(newer)
        machine.turn(OFF)
    machine.apply(newer)
    assert holds(machine, "four")
    machine.destroy(newer)
    assert machine.files() == [disk] and holds(machine, "four")


def test_a_branch_that_the_running_machine_does_not_stand_on(new_machine, form):
    """Its files cannot be merged while the file below is served; they wait until the machine is off."""
    machine = new_machine(form)
    taken = []
    for content in (1, 2, 3):
        machine.write(content)
        taken.append(machine.create())
    machine.apply(taken[0])
    machine.turn(RUNNING)
    machine.destroy(taken[1])
    machine.turn(OFF)
    machine.apply(taken[2])
    assert machine.holds(3)
    machine.destroy(taken[0])
    machine.destroy(taken[2])
    assert machine.files() == [machine.disks[0].name] and machine.holds(3)


def test_machines_with_one_parent(new_machine, daemon, form):
    """Differencing disks of two machines that stand on the same file, which nobody writes to."""
    machines = [new_machine("qcow2"), new_machine("qcow2")]
    parent = daemon.storage / f"parent.{FORMATS[form]}"
    subprocess.run(["qemu-img", "create", "-q", "-f", form, parent, "8M"], check=True)
    subprocess.run(["qemu-io", "-f", form, "-c", "write -P 7 0 64k", parent], check=True, stdout=subprocess.DEVNULL)
    for machine in machines:
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", parent, "-F", form, machine.disks[0]], check=True)
    for machine in machines:
        machine.turn(RUNNING)
    for machine in machines:
        wait_servers(machine, 1)
        assert machine.state() == RUNNING
    machine = machines[0]
    snapshot = machine.create(DISK)
    machine.turn(OFF)
    machine.write(8)
    machine.apply(snapshot)
    assert machine.holds(7)
    machine.destroy(snapshot)
    assert machine.holds(7) and machine.path() == str(machine.disks[0])
    told = subprocess.run(["qemu-img", "info", machine.disks[0]], stdout=subprocess.PIPE, text=True).stdout
    assert f"backing file: {parent}" in told


def test_a_disk_in_use_elsewhere(new_machine, hyperv, daemon, form):
    """The machine does not start and the job says why; when the file is free it does."""
    machine = new_machine(form)
    socket = daemon.storage / "other.sock"
    other = subprocess.Popen(["qemu-nbd", "--persistent", f"--format={form}", f"--socket={socket}", machine.disks[0]])
    try:
        while not socket.exists():
            assert other.poll() is None
            time.sleep(0.05)
        job = hyperv.wait_job(hyperv.request_state(machine.epr, RUNNING)["Job"])
        assert int(job["JobState"]) == 10, dict(job)
        assert "used by another" in job["ErrorDescription"]
        assert machine.state() == OFF
        wait_servers(machine, 0)
    finally:
        other.terminate()
        other.wait(20)
    machine.turn(RUNNING)
    wait_servers(machine, 1)


def test_a_server_that_a_start_left_which_was_cut_off(new_machine, daemon, form):
    """It would hold the file for ever."""
    machine = new_machine(form)
    machine.turn(RUNNING)
    wait_servers(machine, 1)
    command = pathlib.Path(f"/proc/{servers(machine)[0]}/cmdline").read_text().split("\0")[:-1]
    machine.turn(OFF)
    wait_servers(machine, 0)
    subprocess.run(command, check=True)
    wait_servers(machine, 1)
    daemon.kill()
    daemon.start()
    wait_servers(machine, 0)
    assert machine.io("write 0 512", 0)


def test_plugged_in_and_out_while_it_runs(new_machine, hyperv, daemon, guest_iso, form):
    machine = new_machine("vhdx", guest_iso=guest_iso)
    scsi = hyperv.add(machine.epr, Instance(
        "Msvm_ResourceAllocationSettingData", ResourceType=6, ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"))
    controller = hyperv.get(scsi)
    extra = daemon.storage / f"{machine.guid}-extra.{FORMATS[form]}"
    subprocess.run(["qemu-img", "create", "-q", "-f", form, "-o", "subformat=fixed", extra, "8M"], check=True)
    with boot(machine) as console:
        last_tick(console)
        medium = machine.attach(controller, 0, 17, "Synthetic Disk Drive", "Virtual Hard Disk", extra)
        wait_servers(machine, 2)
        console.send("while [ ! -b /dev/sdb ]; do sleep 1; done; echo SEEN-$((1+1))\n")
        console.wait(r"SEEN-2", 30)
        hyperv.finish(hyperv.service("RemoveResourceSettings", f"<p:ResourceSettings>{medium.content()}</p:ResourceSettings>"))
        wait_servers(machine, 1)
        assert machine.state() == RUNNING


def as_file(daemon, machine):
    """The definition that earlier versions wrote of a VHD."""
    place, = (f for f in (daemon.state / "qemu" / "etc" / "qemu").glob("*.xml") if machine.guid.lower() in f.read_text())
    text = place.read_text()
    changed = re.sub(r"<disk type='network' device='disk'>(.*?)type='raw'(.*?)<source protocol='nbd' name='([^']*)'.*?</source>",
                     r"<disk type='file' device='disk'>\1type='vpc'\2<source file='\3'/>", text, flags=re.DOTALL)
    assert changed != text and "nbd" not in changed, text
    place.write_text(changed)


def test_a_vhd_that_libvirt_opened(new_machine, hyperv, daemon):
    """As an earlier version of the service has defined it, and after it has moved under the running machine: it is served
    from the next start on."""
    machine = new_machine("vpc")
    machine.write(7)
    daemon.stop()
    as_file(daemon, machine)
    daemon.start()
    assert machine.path() == str(machine.disks[0])
    off = machine.create()
    machine.turn(RUNNING)
    wait_servers(machine, 1)
    running = machine.create()
    machine.destroy(off)
    machine.destroy(running)
    assert machine.files() == [machine.disks[0].name]

    traveller = Traveller.of(hyperv, machine.epr)
    traveller.disk, = (types.SimpleNamespace(selectors=d) for d in hyperv.devices(machine.epr, "Msvm_StorageAllocationSettingData")
                       if d["ResourceSubType"].endswith("Hard Disk"))
    moved = machine.disks[0].with_suffix(".moved.vhd")
    traveller.move("", kind=STORAGE, disk=str(moved))
    assert machine.path() == str(moved) and machine.state() == RUNNING
    wait_servers(machine, 0)
    job = hyperv.wait_job(machine.begin()["Job"])
    assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32770), dict(job)
    first, second = machine.create(DISK), machine.create(DISK)
    machine.destroy(first)  # merged at once
    assert machine.files() == sorted([moved.name, f"{moved.stem}.{id_of(second)}.qcow2"])
    machine.turn(OFF)
    machine.apply(second)
    machine.turn(RUNNING)
    wait_servers(machine, 1)
    machine.destroy(machine.create())
    machine.destroy(second)
    machine.turn(OFF)
    assert machine.files() == [moved.name] and machine.holds(7)


def test_exported_and_imported(parts, hyperv, guest):
    machine = parts.define("vhdx")
    disk = parts.disk("vhdx.vhdx", form="vhdx")
    subprocess.run(["qemu-img", "convert", "-O", "vhdx", guest.disk, disk], check=True)
    parts.attach(machine, disk)
    folder = parts.export(machine)
    copy = parts.realized(parts.imported(describe(folder).file, new_identifier=True))
    parts.serial(copy, "vhdx-copy")
    paths = [d.all("HostResource")[0] for d in hyperv.devices(copy, "Msvm_StorageAllocationSettingData")]
    assert len(paths) == 1 and paths[0].endswith(".vhdx") and paths[0] != str(disk)
    hyperv.finish(hyperv.request_state(copy, RUNNING))
    with Console(parts.pipe("vhdx-copy")) as console:
        console.wait(r"TICK 1\b", 120)
