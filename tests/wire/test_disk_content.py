"""Disks whose content, or what a definition says of them, would make QEMU open other files of the host; with the qemu-img that
a real host has."""
import json
import re
import subprocess

import pytest
from harness import QUICK_SIGN_IN, Server
from test_method_codes import World, disk

import embedded  # noqa: E402
from exports import content_digest  # noqa: E402
from hyperv import WMI  # noqa: E402
from machine_parts import FORM, epr  # noqa: E402

WINDOW = '[jobs]\nsynchronous_window = "25s"\n'


@pytest.fixture(scope="module")
def world():
    daemon = Server(more=QUICK_SIGN_IN + WINDOW)
    daemon.start()
    daemon.storage.mkdir(exist_ok=True)
    yield World(daemon)
    daemon.end()


@pytest.fixture
def real_world():
    """Its snapshots are really in the disks."""
    daemon = Server(more=QUICK_SIGN_IN + WINDOW, uri="qemu:///embed")
    daemon.start()
    daemon.storage.mkdir(exist_ok=True)
    yield World(daemon)
    daemon.end()


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_bytes(b"secret" * 200_000)
    return file


def create(path, *options):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, path, "1M"], check=True)
    return path


def descriptor(path, extent):
    """A VMDK file that is a text; without a version it looks like a raw image."""
    path.write_text(f'# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\ncreateType="monolithicFlat"\nRW 2048 FLAT "{extent}" 0\n'
                    'ddb.adapterType = "ide"\n')
    return path


def trojans(storage, secret):
    yield create(storage / "data.qcow2", "-o", f"data_file={secret},data_file_raw=on"), 32773
    yield create(storage / "below.qcow2", "-b", str(storage / "data.qcow2"), "-F", "qcow2"), 32773
    text = descriptor(storage / "text.img", secret)
    yield create(storage / "on-text.qcow2", "-u", "-b", str(text), "-F", "vmdk"), 32773
    yield create(storage / "outside.qcow2", "-u", "-b", str(secret), "-F", "raw"), 32769
    yield create(storage / "protocol.qcow2", "-u", "-b", f"file:{secret}", "-F", "raw"), 32769
    yield create(storage / "json.qcow2", "-u", "-b", f'json:{{"driver":"raw","file.filename":"{secret}"}}', "-F", "raw"), 32769


def test_no_machine_gets_an_image_that_leads_elsewhere(world, secret):
    for path, expected in trojans(world.daemon.storage, secret):
        for code, text in (world.code(world.define(resources=disk(path))), attached(world, path)):
            assert code == expected, (path, text)
            assert len(text) > 30
    whole = create(world.daemon.storage / "base.qcow2")
    world.done(world.define(resources=disk(create(world.daemon.storage / "fine.qcow2", "-b", str(whole), "-F", "qcow2"))))


def attached(world, path, machine=None):
    """What AddResourceSettings says, to a machine that is there."""
    settings = world.hyperv.settings_of(machine or world.machine())
    inner = f"<p:AffectedConfiguration>{settings.content()}</p:AffectedConfiguration>"
    inner += "".join(embedded.render(FORM, "ResourceSettings", r, WMI) for r in disk(path))
    return world.code(world.hyperv.service("AddResourceSettings", inner))


def test_no_import_says_that_a_disk_is_something_else(world, secret):
    """What was looked at is what QEMU takes the disk for."""
    good = create(world.daemon.storage / "good.qcow2")
    file = world.exported(world.done(world.define(resources=disk(good)))["ResultingSystem"])
    exported = next(file.parents[1].glob("Virtual Hard Disks/*"))
    text = file.read_text()
    assert 'Format="qcow2"' in text

    file.write_text(text.replace('Format="qcow2"', 'Format="vmdk"'))
    descriptor(exported, secret)
    code, why = world.code(world.import_from(file))
    assert code == 32773 and "vmdk" in why

    file.write_text(text)  # its format is said right, and the file is another
    planned = world.done(world.import_from(file))["ImportedSystem"]
    assert any(exported.name in p["Message"] for p in world.parts.problems(planned))
    code, why = world.code(world.realize(planned))
    assert code == 32773 and exported.name in why

    for path, _ in trojans(world.daemon.storage, secret):
        exported.write_bytes(path.read_bytes())
        planned = world.done(world.import_from(described_anew(file, exported)))["ImportedSystem"]
        assert world.parts.problems(planned), path
        assert world.code(world.realize(planned))[0] == 32773, path

    create(exported)
    planned = world.done(world.import_from(described_anew(file, exported)))["ImportedSystem"]
    assert not world.parts.problems(planned)
    assert world.code(world.realize(planned)) == (0, "")


def described_anew(file, disk_file):
    """The definition, as one says it who has changed the disk on purpose."""
    now = {"Digest": content_digest(disk_file), "Size": disk_file.stat().st_size}
    file.write_text(re.sub(r' (Digest|Size)="[^"]*"', lambda m: f' {m[1]}="{now[m[1]]}"', file.read_text()))
    return file


def test_no_earlier_export_leads_a_differential_one_elsewhere(world, secret):
    """Whoever may write to the exports may have changed the disks of the base, and what its definition calls them."""
    machine = world.done(world.define(resources=disk(create(world.daemon.storage / "later.qcow2"))))["ResultingSystem"]
    base = world.exported(machine)
    exported = next(base.parents[1].glob("Virtual Hard Disks/*"))

    def differential():
        place = world.place()
        answer = world.code(world.export(machine, place, DifferentialBackupBase=str(base)))
        return *answer, place.exists()

    assert differential() == (0, "", True)
    for path, expected in trojans(world.daemon.storage, secret):
        exported.write_bytes(path.read_bytes())
        code, why, there = differential()
        assert (code, there) == (expected, False), (path, why)
    exported.unlink()
    exported.symlink_to(secret)
    assert differential()[0] == 32769
    exported.unlink()
    code, why, _ = differential()
    assert code == 32773 and exported.name in why
    exported.write_text(descriptor(exported, secret).read_text().replace("CID=1", "version=1\nCID=1", 1))
    for said in ("vmdk", ""):
        base.write_text(re.sub(r' Format="[^"]*"', f' Format="{said}"', base.read_text()))
        code, why, there = differential()
        assert (code, there) == (32773, False), why


def test_what_a_guest_wrote_into_a_raw_disk_is_its_content(world, secret):
    """The header of an image in a raw disk names files for nobody: not when it moves to another host as an export."""
    raw = world.daemon.storage / "guest.img"
    raw.write_bytes(bytes(1 << 20))
    machine = world.done(world.define(resources=disk(raw)))["ResultingSystem"]
    trojan = create(world.daemon.storage / "written.qcow2", "-u", "-b", str(secret), "-F", "raw").read_bytes()
    raw.write_bytes(trojan + bytes((1 << 20) - len(trojan)))
    planned = world.done(world.import_from(world.exported(machine)))["ImportedSystem"]
    assert not world.parts.problems(planned)
    assert world.code(world.realize(planned)) == (0, "")



def names_inside(path):
    """Of the snapshots in a disk."""
    told = json.loads(subprocess.run(["qemu-img", "info", "--output=json", path], check=True, stdout=subprocess.PIPE).stdout)
    return [s["name"] for s in told.get("snapshots", [])]


def test_a_folder_can_be_imported_again_when_nothing_came_of_it(real_world):
    """New identifiers are written into its disks; what fails or is destroyed takes them out again."""
    world = real_world
    machine = world.done(world.define(resources=disk(create(world.daemon.storage / "kept.qcow2"))))["ResultingSystem"]
    world.with_snapshot(machine)
    file = world.exported(machine)
    (exported,) = file.parents[1].glob("Virtual Hard Disks/*")
    before, content, text = names_inside(exported), exported.read_bytes(), file.read_text()
    assert len(before) == 1

    # Its saved memory is none: the last step but one fails.
    none = file.parent / "none.save"
    none.write_text("no memory")
    saved = f'<SavedState Path="Virtual Machines/none.save" Size="9" Digest="{content_digest(none)}"/>'
    file.write_text(text.replace("</Settings>", "</Settings>" + saved, 1))
    planned = world.done(world.import_from(file))["ImportedSystem"]
    assert world.code(world.realize(planned))[0] != 0
    assert exported.read_bytes() == content
    world.done(world.hyperv.destroy(planned))

    file.write_text(text)
    planned = world.done(world.import_from(file))["ImportedSystem"]
    as_a_kill_leaves_it(world, planned, exported)
    world.done(world.hyperv.destroy(planned))
    assert exported.read_bytes() == content

    planned = world.done(world.import_from(file))["ImportedSystem"]
    assert not world.parts.problems(planned)
    assert world.code(world.realize(planned)) == (0, "")
    assert names_inside(exported) != before


def as_a_kill_leaves_it(world, planned, *disks):
    """A realize that has just renamed the one snapshot inside the disks; its new name."""
    (snapshot,) = world.parts.snapshots(planned)
    new = snapshot["InstanceID"].removeprefix("Microsoft:")
    for path in disks:
        (old,) = names_inside(path)
        path.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
        assert names_inside(path) == [new]
    return new


def test_disks_that_stay_where_they_are_get_their_names_back(real_world):
    """Nobody but the planned system knows what they were."""
    world = real_world
    path = create(world.daemon.storage / "stays.qcow2")
    machine = world.done(world.define(resources=disk(path)))["ResultingSystem"]
    world.with_snapshot(machine)
    file = world.exported(machine, CopyVmStorage=False)
    world.done(world.hyperv.destroy(machine))
    content = path.read_bytes()
    planned = world.done(world.import_from(file))["ImportedSystem"]
    as_a_kill_leaves_it(world, planned, path)
    world.done(world.hyperv.destroy(planned))
    assert path.read_bytes() == content
    planned = world.done(world.import_from(file))["ImportedSystem"]
    assert not world.parts.problems(planned)
    assert world.code(world.realize(planned)) == (0, "")


def test_a_realize_that_was_cut_off_goes_through_the_next_time(real_world):
    """Also with a disk that only the snapshot has yet."""
    world = real_world
    paths = [create(world.daemon.storage / name) for name in ("both.qcow2", "former.qcow2")]
    machine = world.done(world.define(resources=disk(paths[0])))["ResultingSystem"]
    assert attached(world, paths[1], machine) == (0, "")
    world.with_snapshot(machine)
    media = world.hyperv.devices(machine, "Msvm_StorageAllocationSettingData")
    (medium,) = (epr(d.class_name, InstanceID=d["InstanceID"]) for d in media if str(paths[1]) in d.all("HostResource"))
    world.done(world.hyperv.service("RemoveResourceSettings", f"<p:ResourceSettings>{medium.content()}</p:ResourceSettings>"))
    file = world.exported(machine)
    exported = sorted(file.parents[1].glob("Virtual Hard Disks/*"))
    assert [e.name for e in exported] == [p.name for p in paths]
    planned = world.done(world.import_from(file))["ImportedSystem"]
    new = as_a_kill_leaves_it(world, planned, *exported)
    assert not world.parts.problems(planned)
    as_a_kill_leaves_it(world, planned, *exported)
    assert world.code(world.realize(planned)) == (0, "")
    assert [names_inside(e) for e in exported] == [[new], [new]]


def test_a_parent_whose_name_looks_like_a_protocol(real_world):
    """In the export it is a file as before, whether the disks are copied whole (with snapshots) or anew."""
    world = real_world
    parent = create(world.daemon.storage / "vm-10:30.qcow2")
    path = create(world.daemon.storage / "on-it.qcow2", "-b", str(parent), "-F", "qcow2")
    machine = world.done(world.define(resources=disk(path)))["ResultingSystem"]
    for ready in (lambda: None, lambda: world.with_snapshot(machine)):
        ready()
        file = world.exported(machine)
        exported = file.parents[1] / "Virtual Hard Disks" / path.name
        told = json.loads(subprocess.run(["qemu-img", "info", "--output=json", "--backing-chain", exported], check=True,
                                         stdout=subprocess.PIPE).stdout)
        assert told[1]["filename"].endswith("/Virtual Hard Disks/./" + parent.name)
        planned = world.done(world.import_from(file))["ImportedSystem"]
        assert not world.parts.problems(planned)
        assert world.code(world.realize(planned)) == (0, "")
