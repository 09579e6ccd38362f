"""Machines whose snapshots are files of their own (raw disks, UEFI) travel with their whole tree and its memory."""
import os
import subprocess

import pytest
from exports import content_digest, describe
from hyperv import OFF, RUNNING, SAVED, HyperV
from machine_parts import Parts, settings_epr
from snapshot_kit import DISK, boot, id_of, last_tick, on_disk, read_disk, remembers


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def parts(hyperv, daemon, guest):
    made = Parts(hyperv, daemon, guest)
    yield made
    made.clear()


def by_age(parts, machine):
    """References of its snapshots, the oldest first."""
    return [settings_epr(s["InstanceID"]) for s in sorted(parts.snapshots(machine.epr), key=lambda s: s["CreationTime"])]


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
        at_running = last_tick(console)
        running = machine.create()
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
    first, second, third = there = by_age(parts, copy)
    assert not {id_of(s) for s in there} & set(ids.values())
    assert copy.associated("Msvm_MostCurrentSnapshotInBranch") == [id_of(third)]
    assert copy.children(id_of(first)) == [id_of(second)]
    assert copy.state() == SAVED
    with boot(copy) as console:
        assert last_tick(console) >= at_end and remembers(console) == "four"
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
            assert last_tick(console) >= at_running and remembers(console) == text
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


class Variables:
    """The file behind a machine's UEFI firmware, with a mark where the firmware keeps nothing."""

    def __init__(self, daemon, machine):
        (self.file,) = (f for f in daemon.state.glob("**/nvram/*") if machine.guid.lower() in f.name.lower())

    def write(self, mark):
        with open(self.file, "r+b") as file:
            file.seek(-16, os.SEEK_END)
            file.write(mark.ljust(16).encode())

    def read(self):
        return self.file.read_bytes()[-16:].decode(errors="replace").strip()


def test_the_variables_of_uefi_go_with_snapshots_and_exports(new_machine, hyperv, parts, daemon):
    machine = new_machine("qcow2", generation=2)
    machine.turn(RUNNING)  # libvirt makes them at the first start
    machine.turn(OFF)
    variables = Variables(daemon, machine)
    variables.write("first")
    machine.write(1)
    first = machine.create()
    variables.write("second")
    machine.write(2)
    second = machine.create()
    variables.write("third")
    machine.apply(first)
    assert variables.read() == "first" and machine.holds(1)
    machine.apply(second)
    assert variables.read() == "second" and machine.holds(2)
    variables.write("fourth")
    folder = parts.export(machine.epr)
    definition = describe(folder)
    (file,) = definition.root.findall("System/FirmwareVariables")
    assert content_digest(folder / file.get("Path")) == file.get("Digest")

    planned = parts.imported(definition.file, new_identifier=True)
    assert parts.problems(planned) == []
    copy = machine.arrived(parts.realized(planned))
    arrived = Variables(daemon, copy)
    assert arrived.read() == "fourth" and arrived.file != variables.file
    one, two = by_age(parts, copy)
    copy.apply(one)
    assert arrived.read() == "first" and copy.holds(1) and variables.read() == "fourth"
    copy.turn(RUNNING)
    running = copy.create()
    copy.turn(OFF)
    copy.apply(running)
    assert copy.state() == SAVED
    copy.turn(RUNNING)
    copy.turn(OFF)
    for snapshot in (running, two, one):
        copy.destroy(snapshot)
    machine.destroy(first, tree=True)
    assert not list(daemon.state.glob("snapshots/*"))


def test_links_in_an_export_lead_nowhere(new_machine, hyperv, parts, daemon, tmp_path):
    machine = new_machine("raw")
    machine.turn(RUNNING)
    machine.create()
    machine.turn(SAVED)
    definition = describe(parts.export(machine.epr))
    secret = tmp_path / "secret"
    secret.write_text("x")
    for file in definition.saved + definition.root.findall("System/Snapshot/SavedState"):
        path = definition.file.parents[1] / file.get("Path")
        path.unlink()
        path.symlink_to(secret)
    planned = parts.imported(definition.file, new_identifier=True)
    said = [p["Message"] for p in parts.problems(planned)]
    assert sum("outside the" in text for text in said) == 2


def io(path, form, command):
    return subprocess.run(["qemu-io", "-f", form, "-c", command, path], check=True, stdout=subprocess.PIPE, text=True).stdout


def failed(hyperv, output):
    job = hyperv.wait_job(output["Job"])
    return int(output["ReturnValue"]) if output["ReturnValue"] != "4096" else int(job["ErrorCode"])


@pytest.mark.parametrize("form", ["qcow2", "raw"])
def test_only_what_changed_since_an_earlier_export(new_machine, hyperv, parts, daemon, form):
    machine = new_machine(form)
    disk = machine.disks[0]
    io(disk, form, "write -P 1 0 4M")
    base = describe(parts.export(machine.epr)).file
    io(disk, form, "write -P 2 1M 64k")
    folder = parts.export(machine.epr, DifferentialBackupBase=str(base))
    definition = describe(folder)
    (told,) = definition.disks
    changes = folder / told.get("Path")
    assert changes.stat().st_blocks * 512 < 1 << 20
    subprocess.run(["qemu-img", "compare", changes, disk], check=True)
    (below,) = describe(base.parents[1]).disks
    assert (told.get("BaseDigest"), told.get("BaseSize")) == (below.get("Digest"), below.get("Size"))

    planned = parts.imported(definition.file, new_identifier=True)
    assert parts.problems(planned) == []
    copy = parts.realized(planned)
    (medium,) = [d for d in hyperv.devices(copy, "Msvm_StorageAllocationSettingData")
                 if d["ResourceSubType"].endswith("Hard Disk")]
    assert medium.all("HostResource") == [str(changes)]
    subprocess.run(["qemu-img", "compare", changes, disk], check=True)
    hyperv.finish(hyperv.destroy(copy))
    io(base.parents[1] / below.get("Path"), form, "write -P 9 0 64k")  # the base is not what it was
    planned = parts.imported(definition.file, new_identifier=True)
    assert any(below.get("Path") in p["Message"] for p in parts.problems(planned))

    machine.turn(RUNNING)
    for settings, code in (({"CaptureLiveState": 0}, 32770), ({"DifferentialBackupBase": "/etc/passwd"}, 32769)):
        output = parts.start_export(machine.epr, parts.exports, **{"DifferentialBackupBase": str(base), **settings})
        assert failed(hyperv, output) == code
