"""Definitions that real libvirt must not be asked for, and names that it must bear: nothing half made is left of the first."""
import subprocess

import pytest
from embedded import Instance
from hyperv import OFF, RUNNING, HyperV
from wsvirtd import Daemon


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as running:
        yield running


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


def qcow2(path):
    path.parent.mkdir(exist_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    return path


def disk(path):
    """A controller, a drive and a medium, all of them new."""
    return [Instance("Msvm_ResourceAllocationSettingData", InstanceID="scsi", ResourceType=6,
                     ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"),
            Instance("Msvm_ResourceAllocationSettingData", InstanceID="drive", ResourceType=17, Parent="scsi", AddressOnParent="0",
                     ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive"),
            Instance("Msvm_StorageAllocationSettingData", ResourceType=31, Parent="drive", HostResource=[str(path)],
                     ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk"),
            Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=64,
                     Reservation=64, Limit=64)]


def settings(name, **more):
    return Instance("Msvm_VirtualSystemSettingData", ElementName=name, **more)


def machines(hyperv):
    return [i["ElementName"] for i in hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")]


def refused(hyperv, *definition):
    """The text that says why."""
    output = hyperv.define(*definition)
    code = int(output["ReturnValue"])
    assert code not in (0,), dict(output)
    if code == 4096:
        job = hyperv.wait_job(output["Job"])
        assert int(job["JobState"]) == 10, dict(job)
        return job["ErrorDescription"]
    return str(code)


@pytest.fixture
def nothing_changes(hyperv, daemon):
    folder = daemon.state / "qemu" / "etc" / "qemu"
    before = machines(hyperv), sorted(f.name for f in folder.glob("*.xml"))
    yield
    assert (machines(hyperv), sorted(f.name for f in folder.glob("*.xml"))) == before


def test_a_disk_that_is_missing(hyperv, daemon, nothing_changes):
    assert refused(hyperv, settings("x"), disk(daemon.storage / "none.qcow2"))


@pytest.mark.parametrize("way", ["elsewhere", "dots", "link"])
def test_a_disk_outside_the_allowed_folders(hyperv, daemon, tmp_path, nothing_changes, way):
    outside = qcow2(tmp_path / "outside.qcow2")
    path = outside
    if way == "dots":
        path = f"{daemon.storage}/../../..{outside}"
    elif way == "link":
        path = daemon.storage / "link.qcow2"
        path.parent.mkdir(exist_ok=True)
        path.symlink_to(outside)
    assert refused(hyperv, settings("x"), disk(path))


def test_a_disk_in_use(hyperv, daemon):
    path = qcow2(daemon.storage / "used.qcow2")
    machine = hyperv.finish(hyperv.define(settings("owner"), disk(path)))["ResultingSystem"]
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)
    other = hyperv.define(settings("other"), disk(path))
    code = int(other["ReturnValue"])
    if code in (0, 4096) and (code == 0 or int(hyperv.wait_job(other["Job"])["JobState"]) == 7):
        # Two machines may name one disk; they cannot use it together.
        second = other["ResultingSystem"]
        started = hyperv.request_state(second, RUNNING)
        code = int(started["ReturnValue"])
        assert code != 0
        if code == 4096:
            job = hyperv.wait_job(started["Job"])
            assert int(job["JobState"]) == 10 and job["ErrorDescription"], dict(job)
        assert hyperv.state(second) == OFF
        hyperv.finish(hyperv.destroy(second))
    assert hyperv.state(machine) == RUNNING
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.wait_state(machine, OFF)
    hyperv.finish(hyperv.destroy(machine))
    assert not machines(hyperv) and path.exists()


@pytest.mark.parametrize("name", ['"quoted" and \'single\'', "<angle> & <brackets/>", "]]>", "\U0001f600\U0001d11e four bytes",
                                  "../up/and/down", "-starts-with-a-dash", "%s%n", "a,b=c;$(d)`e`", "\u00e9" * 100, "x" * 100])
def test_names_that_real_libvirt_bears(hyperv, name):
    """They come back as they were, and the machine starts where the name might mean something to others."""
    small = disk("")[-1]
    output = hyperv.define(settings(name), [small])
    machine = hyperv.finish(output)["ResultingSystem"]
    try:
        assert machines(hyperv) == [name]
        assert hyperv.get(hyperv.settings_of(machine))["ElementName"] == name
        if name[0] in '"-a\U0001f600':
            hyperv.finish(hyperv.request_state(machine, RUNNING))
            hyperv.wait_state(machine, RUNNING)
            hyperv.finish(hyperv.request_state(machine, OFF))
            hyperv.wait_state(machine, OFF)
    finally:
        hyperv.finish(hyperv.destroy(machine))
    assert not machines(hyperv)


@pytest.mark.parametrize("name", ["x" * 1000, "\U0001f600" * 1000, "", " ", "a\nb"])
def test_names_that_are_refused(hyperv, nothing_changes, name):
    assert refused(hyperv, settings(name), [])
