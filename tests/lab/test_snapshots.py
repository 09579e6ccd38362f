"""Snapshots on real QEMU: of machines that are off, running, paused and saved, inside qcow2 disks and beside raw and VHD
ones; what applying brings back; production snapshots; snapshots as instances."""
import os
import pathlib
import re
import shutil
import subprocess
import time

import guest as guest_builder
import pytest
from embedded import Instance, render
from exports import describe
from hyperv import OFF, PAUSED, RUNNING, SAVED, WMI
from machine_parts import Parts
from snapshot_kit import (DISK, FORMATS, PRODUCTION, RECOVERY, boot, check_files, id_of, last_tick, on_disk,
                          read_disk, remembers)


@pytest.mark.parametrize("disk_format", FORMATS)
def test_an_off_machine_goes_back_and_forth_in_its_tree(new_machine, disk_format):
    machine = new_machine(disk_format, disks=2)
    machine.write(1)
    machine.write(101, 1)
    a = machine.create()
    machine.write(2)
    machine.write(102, 1)
    b = machine.create(DISK)
    machine.write(3)
    machine.apply(a)
    assert machine.state() == OFF
    assert machine.holds(1) and machine.holds(101, 1)
    machine.write(4)
    c = machine.create()
    machine.write(5)
    machine.apply(b)
    assert machine.holds(2) and machine.holds(102, 1)
    machine.apply(c)
    assert machine.holds(4) and machine.holds(101, 1)
    assert machine.children(id_of(a)) == sorted([id_of(b), id_of(c)])
    machine.destroy(b)
    machine.apply(a)
    assert machine.holds(1)
    machine.apply(c)
    machine.destroy(a, tree=True)
    assert machine.holds(4) and machine.holds(101, 1)
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    assert machine.files() == sorted(d.name for d in machine.disks)
    assert machine.path() == str(machine.disks[0])


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_memory_and_disk_of_running_paused_and_saved_machines(new_machine, hyperv, guest_iso, disk_format):
    machine = new_machine(disk_format, guest_iso=guest_iso)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        on_disk(console, "one")
        before = last_tick(console)
        running = machine.create()
        assert machine.state() == RUNNING
        on_disk(console, "two")
        disk_only = machine.create(DISK)
        assert machine.state() == RUNNING
        on_disk(console, "three")
        machine.turn(PAUSED)
        paused = machine.create()
        assert machine.state() == PAUSED
        machine.turn(RUNNING)
        on_disk(console, "four")
        assert int(machine.call("ApplySnapshot", "Snapshot", running)["ReturnValue"]) == 32775
        assert read_disk(console, "still") == "four"
    machine.turn(SAVED)
    saved = machine.create()
    assert machine.state() == SAVED

    for snapshot, text, kept in ((running, "one", True), (disk_only, "two", False), (paused, "three", True),
                                 (saved, "four", True)):
        settings = hyperv.get(snapshot)
        assert settings["IsSaved"] == str(kept).lower()
        machine.apply(snapshot)
        assert machine.state() == (SAVED if kept else OFF)
        with boot(machine) as console:
            if kept:
                assert last_tick(console) >= before and remembers(console) == text
            else:
                console.wait(r"TICK 1\b", 90)
            assert read_disk(console, "now") == text
        machine.turn(OFF)

    # Without its memory the snapshot gives a machine that is off.
    hyperv.finish(machine.call("ClearSnapshotState", "SnapshotSettingData", saved))
    assert int(machine.call("ClearSnapshotState", "SnapshotSettingData", saved)["ReturnValue"]) == 32775
    assert hyperv.get(saved)["IsSaved"] == "false"
    machine.apply(saved)
    assert machine.state() == OFF
    machine.apply(running)
    with boot(machine) as console:  # deleting under a running machine
        last_tick(console)
        machine.destroy(running, tree=True)
        assert machine.state() == RUNNING
        assert read_disk(console, "now") == "one"
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    assert machine.files() == [machine.disks[0].name]
    assert not list(machine.daemon.state.glob("snapshots/*"))


@pytest.mark.parametrize("form", ["vpc", "vhdx"])
def test_served_disks_of_running_paused_and_saved_machines(new_machine, hyperv, guest_iso, form):
    """Where the disk is served to QEMU its memory is kept beside it, in every state, and the guest counts on."""
    machine = new_machine(form, guest_iso=guest_iso)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        on_disk(console, "one")
        before = last_tick(console)
        running = machine.create()
        assert machine.state() == RUNNING
        on_disk(console, "two")
        machine.turn(PAUSED)
        paused = machine.create()
        check_files(machine, [id_of(running), id_of(paused)])
        machine.turn(RUNNING)
        on_disk(console, "three")
        machine.turn(SAVED)
    saved = machine.create()
    assert [hyperv.get(s)["IsSaved"] for s in (running, paused, saved)] == ["true"] * 3
    # What was taken while it ran is applied in test_vhdx.py.
    for snapshot, text in ((paused, "two"), (saved, "three")):
        machine.apply(snapshot)
        assert machine.state() == SAVED
        with boot(machine) as console:
            assert last_tick(console) >= before and remembers(console) == text
            assert read_disk(console, "now") == text
            on_disk(console, "four")
            if snapshot is saved:
                machine.destroy(running, tree=True)
                assert machine.state() == RUNNING and read_disk(console, "then") == "four"
        machine.turn(OFF)
    assert machine.files() == [machine.disks[0].name]
    assert machine.path() == str(machine.disks[0])
    assert machine.io("read -v 0 16", 0).count("four") == 1


@pytest.mark.parametrize("disk_format", ["qcow2", "raw"])
def test_a_paused_machine_can_be_saved_after_a_snapshot(new_machine, disk_format):
    machine = new_machine(disk_format)
    machine.turn(RUNNING)
    machine.turn(PAUSED)
    first, second = machine.create(), machine.create()
    assert machine.state() == PAUSED
    machine.destroy(first)
    machine.turn(SAVED)
    machine.turn(RUNNING)
    machine.turn(OFF)
    machine.apply(second)
    assert machine.state() == SAVED


def test_of_two_at_once_one_runs_and_the_other_is_told_so(new_machine, hyperv):
    machine = new_machine("raw")
    machine.turn(RUNNING)
    told = []
    for _ in range(20):  # until the second call comes while the first runs
        codes, jobs = [], []
        for output in (machine.begin(), machine.begin()):
            codes.append(int(output["ReturnValue"]))
            jobs.append(hyperv.wait_job(output["Job"]))
        told += [(int(j["JobState"]), int(j["ErrorCode"])) for c, j in zip(codes, jobs) if c == 32774]
        assert codes[0] == 4096 and codes[1] in (4096, 32774)
        assert all(int(j["JobState"]) == 7 for c, j in zip(codes, jobs) if c == 4096)
        if told:
            break
    assert told == [(10, 32774)]


def test_a_snapshot_is_an_instance_with_devices_a_name_and_notes(new_machine, hyperv):
    machine = new_machine("qcow2")
    snapshot = machine.create()
    guid = id_of(snapshot)
    settings = hyperv.get(snapshot)
    assert settings["VirtualSystemType"] == "Microsoft:Hyper-V:Snapshot:Realized"
    assert settings["VirtualSystemIdentifier"].upper() == machine.guid
    assert re.fullmatch(r"snapshots qcow2 - \(\d\d/\d\d/\d{4} - \d\d:\d\d:\d\d [AP]M\)", settings["ElementName"])
    assert f"Microsoft:{guid}" in hyperv.get(hyperv.settings_of(machine.epr))["Parent"]
    devices = hyperv.query(f"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID='Microsoft:{guid}'}} "
                           "WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent")
    assert all(d["InstanceID"].upper().startswith(f"MICROSOFT:{guid}\\") for d in devices)
    assert [d["VirtualQuantity"] for d in devices if d.class_name == "Msvm_MemorySettingData"] == ["96"]
    disks = [d for d in devices if (d.get("ResourceSubType") or "").endswith("Virtual Hard Disk")]
    assert [d.all("HostResource") for d in disks] == [[str(machine.disks[0])]]

    hyperv.finish(hyperv.service("ModifySystemSettings", render("cimxml-escaped", "SystemSettings", Instance(
        "Msvm_VirtualSystemSettingData", InstanceID=settings["InstanceID"], ElementName="before <the> update & so",
        Notes=["first", "second line"]), WMI)))
    renamed = hyperv.get(snapshot)
    assert renamed["ElementName"] == "before <the> update & so"
    assert renamed.all("Notes") == ["first", "second line"]
    assert hyperv.get(machine.epr)["ElementName"] == "snapshots qcow2"
    # What the machine is now does not change what the snapshot holds, and comes back with it.
    processor = hyperv.devices(machine.epr, "Msvm_ProcessorSettingData")[0]
    hyperv.modify(Instance("Msvm_ProcessorSettingData", InstanceID=processor["InstanceID"], ResourceType=3,
                           VirtualQuantity=2))
    machine.apply(snapshot)
    assert hyperv.devices(machine.epr, "Msvm_ProcessorSettingData")[0]["VirtualQuantity"] == "1"
    assert hyperv.get(snapshot)["ElementName"] == "before <the> update & so"


def test_production_snapshots_freeze_the_guest_or_fall_back(new_machine, hyperv, daemon):
    guest = guest_builder.build(os.environ.get("WSVIRT_GUEST", pathlib.Path(__file__).resolve().parents[2] / "build/guest"),
                                agent=True)
    iso = daemon.storage / "agent.iso"
    daemon.storage.mkdir(exist_ok=True)
    shutil.copy(guest.iso, iso)
    machine = new_machine("qcow2", guest_iso=iso, kind=PRODUCTION)
    with boot(machine) as console:
        # Before the agent runs: a standard one, and none at all where only a production one will do.
        wanted = Instance("Msvm_VirtualSystemSnapshotSettingData", ConsistencyLevel=1)
        output = machine.begin(settings=wanted)
        job = hyperv.wait_job(output["Job"])
        assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32770), dict(job)
        assert "agent" in job["ErrorDescription"]
        standard = machine.create()
        assert hyperv.get(standard)["IsSaved"] == "true"
        console.wait(r"TICK 3\b", 90)
        deadline = time.monotonic() + 60
        while True:  # the guest's agent takes a moment to say hello
            job = hyperv.wait_job(machine.begin(settings=wanted)["Job"])
            if int(job["JobState"]) == 7 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert int(job["JobState"]) == 7, dict(job)
        on_disk(console, "one")
        production = machine.create()
        assert hyperv.get(production)["IsSaved"] == "false"
        recovery = machine.create(RECOVERY)
        assert hyperv.get(recovery)["VirtualSystemType"] == "Microsoft:Hyper-V:Snapshot:Recovery"
        on_disk(console, "two")  # and the guest's file systems are not frozen any more
        folder = Parts(hyperv, daemon, guest).export(machine.epr, CaptureLiveState=2, CopySnapshotConfiguration=1)
        assert machine.state() == RUNNING
        (copy,) = describe(folder).disks
        held = subprocess.run(["qemu-io", "-c", "read -v 0 16", folder / copy.get("Path")], stdout=subprocess.PIPE, text=True)
        assert held.stdout.count("two") == 1
        on_disk(console, "three")
    machine.turn(OFF)
    machine.apply(production)
    assert machine.state() == OFF
    assert machine.io("read -v 0 16", 0).count("one") == 1
