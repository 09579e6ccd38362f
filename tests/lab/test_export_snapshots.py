"""Machines whose snapshots are files of their own (raw disks, UEFI) travel with their whole tree and its memory."""
import subprocess

import pytest
from exports import content_digest, describe
from hyperv import OFF, RUNNING, SAVED, HyperV
from machine_parts import Parts, settings_epr
from snapshot_kit import DISK, boot, id_of, last_tick, on_disk, read_disk


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def parts(hyperv, daemon, guest):
    made = Parts(hyperv, daemon, guest)
    yield made
    made.clear()


def named(parts, machine):
    """Name → reference of each snapshot; the names are those that rename() gave."""
    return {s["ElementName"]: settings_epr(s["InstanceID"]) for s in parts.snapshots(machine.epr)}


def frozen_files(folder):
    return sorted(p.name for p in (folder / "Virtual Hard Disks").iterdir())


def check_export(folder, snapshots, memories):
    definition = describe(folder)
    assert definition.root.get("Version") == "2"
    assert {s.get("Id") for s in definition.snapshots} == set(snapshots)
    assert all(s.get("External") == "true" for s in definition.snapshots)
    kept = {s.get("Id"): s.find("SavedState") for s in definition.snapshots if s.find("SavedState") is not None}
    assert set(kept) == set(memories)
    for file in definition.disks + definition.saved + list(kept.values()):
        path = folder / file.get("Path")
        assert path.stat().st_size == int(file.get("Size"))
        assert content_digest(path) == file.get("Digest")
    for disk in definition.disks:  # nothing leads out of the folder
        told = subprocess.run(["qemu-img", "info", folder / disk.get("Path")], check=True, stdout=subprocess.PIPE,
                              text=True).stdout
        assert "backing file: /" not in told and (disk.get("Format") == "raw" or "backing file: " in told)
    return definition


def test_a_tree_beside_raw_disks_with_its_memory(new_machine, hyperv, parts, guest_iso, daemon):
    machine = new_machine("raw", guest_iso=guest_iso)
    with boot(machine) as console:
        console.wait(r"TICK 1\b", 90)
        on_disk(console, "one")
        running = machine.create()
        at_running = last_tick(console)
        on_disk(console, "two")
        disk_only = machine.create(DISK)
        on_disk(console, "three")
    machine.turn(SAVED)
    saved = machine.create()
    machine.turn(RUNNING)
    with machine.console() as console:
        on_disk(console, "four")
        at_end = last_tick(console)
    machine.turn(SAVED)
    size = hyperv.service("GetSizeOfSystemFiles", f"<p:Vssd>{hyperv.settings_of(machine.epr).content()}</p:Vssd>")
    folder = parts.export(machine.epr)
    (memory,) = describe(folder).saved
    assert 0 < int(size["Size"]) - int(memory.get("Size")) < 100_000  # the settings
    ids = {"running": id_of(running), "disks": id_of(disk_only), "saved": id_of(saved)}
    definition = check_export(folder, ids.values(), [ids["running"], ids["saved"]])
    assert len(definition.disks) == 4 and len(definition.saved) == 1

    planned = parts.imported(definition.file, new_identifier=True)
    assert parts.problems(planned) == []
    copy = machine.arrived(parts.realized(planned))
    there = {hyperv.get(s)["CreationTime"]: s for s in named(parts, copy).values()}
    first, second, third = (there[when] for when in sorted(there))
    assert not {id_of(s) for s in there.values()} & set(ids.values())
    assert copy.associated("Msvm_MostCurrentSnapshotInBranch") == [id_of(third)]
    assert copy.children(id_of(first)) == [id_of(second)]
    assert copy.state() == SAVED
    with boot(copy) as console:
        assert at_running <= last_tick(console) < at_end + 120
        assert read_disk(console, "now") == "four"
    copy.turn(OFF)
    for snapshot, text, kept in ((first, "one", True), (second, "two", False), (third, "three", True)):
        assert hyperv.get(snapshot)["IsSaved"] == str(kept).lower()
        copy.apply(snapshot)
        assert copy.state() == (SAVED if kept else OFF)
        if not kept:
            assert copy.io("read -v 0 16", 0).count(text) == 1
            continue
        with boot(copy) as console:
            assert last_tick(console) < at_end + 60
            assert "TICK 0" not in console.text
            assert read_disk(console, "now") == text
        copy.turn(OFF)
    memories = lambda: {p.name.split(".")[0] for p in daemon.state.glob("snapshots/*")}  # noqa: E731
    assert memories() == {ids["running"], ids["saved"], id_of(first), id_of(third)}
    copy.destroy(first, tree=True)
    assert memories() == {ids["running"], ids["saved"]}
    assert frozen_files(folder) == sorted(d.name for d in machine.disks)
    assert machine.state() == SAVED  # and the one that was exported has all of its own
    machine.apply(running)
    assert machine.state() == SAVED
