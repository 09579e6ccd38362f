"""Every return code of the methods of Msvm_VirtualSystemMigrationService that can arise, over the network: what the method
refuses itself, and what the host refuses. MigrateVirtualSystemToSystem and the methods that only answer have CIM's numbers."""
import pathlib
import subprocess
import uuid

import pytest
from faults import CODES, FaultDaemon
from harness import QUICK_SIGN_IN

import embedded  # noqa: E402
from embedded import Instance  # noqa: E402
from hyperv import OFF, RUNNING, SAVED, WMI, HyperV  # noqa: E402
from machine_parts import FORM, RASD, epr  # noqa: E402

embedded.TYPES.update(MigrationType="uint16", TransportType="uint16", MaximumActiveVirtualSystemMigration="uint32",
                      PersistentReservationsSupported="boolean")
CLUSTER = WMI.replace("virtualization/v2", "HyperVCluster/v2")
SERVICE = "Msvm_VirtualSystemMigrationService"
OTHER_SETTINGS = dict(kind="Msvm_MemorySettingData", VirtualQuantity=64)
NOBODY = "00000000-0000-0000-0000-000000000001"
TO_HOST, TO_SYSTEM = "MigrateVirtualSystemToHost", "MigrateVirtualSystemToSystem"
CHECK, CHECK_HOST, CHECK_SYSTEM = ("CheckVirtualSystemIsMigratable" + end for end in ("", "ToHost", "ToSystem"))
CONFIG = QUICK_SIGN_IN + """
[jobs]
synchronous_window = "25s"
[[host]]
name = "hvB"
uri = "qemu+tcp://hvb.example.com/system"
migration_data_address = "192.0.2.2"
storage_folders = ["/only/here", "{folder}"]
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    # So long a window that what succeeds answers 0, however slow this machine is. Machines can come back to the daemon's host.
    over_there = tmp_path_factory.mktemp("hvb")
    with FaultDaemon(uri="qemu:///system", more=CONFIG.format(folder=over_there),
                     backend='migration_data_address = "192.0.2.9"') as running:
        running.over_there = over_there
        yield running


class World:
    def __init__(self, daemon):
        self.daemon, self.hyperv = daemon, HyperV(daemon)

    def machine(self, resources=(), **settings):
        output = self.hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="m", **settings), resources)
        return self.hyperv.finish(output)["ResultingSystem"]

    def image(self, folder=None, form="qcow2"):
        folder = folder or self.daemon.storage
        folder.mkdir(exist_ok=True)
        path = folder / f"{uuid.uuid4()}.{form}"
        subprocess.run(["qemu-img", "create", "-q", "-f", form, path, "1M"], check=True)
        return path

    def with_disk(self, form="qcow2"):
        """(a running machine, the InstanceID of its disk)"""
        path = self.image(form=form)
        machine = self.machine([
            Instance(RASD, ResourceType=6, ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller", InstanceID="scsi"),
            Instance(RASD, ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive", Parent="scsi",
                     InstanceID="drive"),
            Instance("Msvm_StorageAllocationSettingData", ResourceType=31, HostResource=[str(path)], Parent="drive",
                     ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk")])
        self.state(machine, RUNNING)
        (disk,) = self.hyperv.devices(machine, "Msvm_StorageAllocationSettingData")
        return machine, disk["InstanceID"]

    def shared_disk(self):
        """(a machine that is off, the InstanceID of its disk, which other machines may have too, and its file)"""
        machine, disk = self.with_disk("raw")
        self.state(machine, OFF)
        self.hyperv.modify(Instance("Msvm_StorageAllocationSettingData", InstanceID=disk, ResourceType=31,
                                    ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk", PersistentReservationsSupported=True))
        (settings,) = self.hyperv.devices(machine, "Msvm_StorageAllocationSettingData")
        return machine, disk, pathlib.Path(settings.all("HostResource")[0])

    def state(self, machine, wanted):
        self.hyperv.finish(self.hyperv.request_state(machine, wanted))
        return machine

    def saved(self):
        return self.state(self.state(self.machine(), RUNNING), SAVED)

    def port(self, machine):
        """the InstanceID of its first serial port"""
        return self.hyperv.devices(machine, "Msvm_SerialPortSettingData")[0]["InstanceID"]

    def call(self, method, machine, host="hvB", disk=None, port=None, kind="Msvm_VirtualSystemMigrationSettingData", **settings):
        inner = f"<p:ComputerSystem>{machine.content()}</p:ComputerSystem>"
        if host and method.endswith("ToSystem"):
            there = epr("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=host)
            inner += f"<p:DestinationSystem>{there.content()}</p:DestinationSystem>"
        elif host:
            inner += f"<p:DestinationHost>{host}</p:DestinationHost>"
        if settings:
            inner += embedded.render(FORM, "MigrationSettingData", Instance(kind, **settings), WMI)
        if disk:
            inner += embedded.render(FORM, "NewResourceSettingData", Instance(
                "Msvm_StorageAllocationSettingData", InstanceID=disk[0], HostResource=[disk[1]]), WMI)
        if port:
            inner += embedded.render(FORM, "NewResourceSettingData", Instance(
                "Msvm_SerialPortSettingData", InstanceID=self.port(machine), ResourceType=21,
                ResourceSubType="Microsoft:Hyper-V:Serial Port", Connection=[port]), WMI)
        return self.hyperv.invoke(SERVICE, {"CreationClassName": SERVICE}, method, inner)

    def service(self, method, inner):
        return self.hyperv.invoke(SERVICE, {"CreationClassName": SERVICE}, method, inner)

    def error(self, output):
        """(ErrorCode, ErrorDescription) of the job"""
        job = self.hyperv.wait_job(output["Job"])
        return int(job["ErrorCode"] or 0), job["ErrorDescription"] or ""

    def here(self, machine):
        return bool(self.hyperv.query(f"SELECT Name FROM Msvm_ComputerSystem WHERE Name = '{machine.selectors['Name']}'"))


@pytest.fixture
def world(daemon):
    return World(daemon)


def test_to_system_is_done_at_once(world):
    machine = world.machine()
    output = world.call(TO_SYSTEM, machine)
    assert output["ReturnValue"] == "0"
    assert output["NewComputerSystem"].selectors["Name"] == machine.selectors["Name"]
    assert not world.here(machine)


@pytest.mark.parametrize("name", ["HVB", r"\\hvB", "hvB.example.com"])
def test_the_destination_system_may_be_a_host_name(world, name):
    machine = world.machine()
    inner = f"<p:ComputerSystem>{machine.content()}</p:ComputerSystem><p:DestinationSystem>{name}</p:DestinationSystem>"
    assert world.service(CHECK_SYSTEM, inner)["ReturnValue"] == "0"
    assert world.service(TO_SYSTEM, inner)["ReturnValue"] == "0"
    assert not world.here(machine)


def test_the_namespace_of_version_1_has_them_too(daemon, world):
    v1 = WMI.replace("/v2/", "/")
    world.hyperv = HyperV(daemon, namespace=v1)
    for method in (TO_HOST, TO_SYSTEM):
        machine = world.machine()
        assert machine.uri == v1 + "Msvm_ComputerSystem"
        assert world.error(world.call(CHECK, machine, MigrationType=32768)) == (0, "")
        assert world.call(CHECK_SYSTEM, machine)["IsMigratable"].lower() == "true"
        output = world.call(method, machine, MigrationType=32768)
        assert output["ReturnValue"] == "0" or output["Job"].uri == v1 + "Msvm_MigrationJob" and world.error(output) == (0, "")
        assert not world.here(machine)


def test_to_host_is_always_a_job(world):
    machine = world.machine()
    output = world.call(TO_HOST, machine)
    assert output["ReturnValue"] == "4096"
    assert world.error(output) == (0, "")
    assert not world.here(machine)


@pytest.mark.parametrize("method", [TO_HOST, TO_SYSTEM])
@pytest.mark.parametrize("status", sorted(CODES))
def test_what_fails_on_the_way_is_in_the_job_of_the_migration(daemon, world, method, status):
    machine = world.machine()
    daemon.fail("migrate", status)
    output = world.call(method, machine)
    assert output["ReturnValue"] == "4096"
    code, text = world.error(output)
    assert code == CODES[status] and "the host's own words" in text
    assert world.here(machine)


def taken(world):
    """A machine whose identifier the destination has, too."""
    machine = world.machine()
    world.daemon.appears(machine.selectors["Name"], "hvB")
    return machine


def outside(world):
    machine, disk = world.with_disk()
    return machine, dict(MigrationType=32771, disk=(disk, "/elsewhere/own.qcow2"))


def log_outside(world):
    return world.machine(), dict(port="file:///elsewhere/console.log")


def disk_of_another(world):
    return pathlib.Path(of_another(world)[1]["disk"][1])


def log_in_a_disk(world):
    return world.machine(), dict(port=f"file://{disk_of_another(world)}")


def log_by_another_name(world):
    disk = disk_of_another(world)
    return world.machine(), dict(port=f"file://{disk.parent}/./{disk.name}")


def socket_by_another_name(world):
    disk = disk_of_another(world)
    return world.machine(), dict(port=f"{disk.parent}//x/../{disk.name}")


def log_in_its_own_disk(world):
    machine, disk = world.with_disk()
    world.state(machine, OFF)
    return machine, dict(MigrationType=32771, disk=(disk, "/only/here/own.qcow2"), port="file:///only/here/x/../own.qcow2")


def log_that_is_a_folder(world):
    return world.machine(), dict(port="file:///only/here/x/")


def somebodys_log(world):
    return world.machine(), dict(port=f"file://{world.image(world.daemon.over_there)}")


def somebodys_socket(world):
    return world.machine(), dict(port=str(world.image(world.daemon.over_there)))


def unseen(world):
    machine, disk = world.with_disk()
    return machine, dict(MigrationType=32768, disk=(disk, "/only/here/gone.qcow2"))


def outside_and_there(world):
    machine, disk = world.with_disk()
    return machine, dict(MigrationType=32768, disk=(disk, str(world.image())))  # in the folder of the other host


def of_another(world):
    first, disk = world.with_disk()
    path = world.image(world.daemon.over_there)
    assert world.call(TO_SYSTEM, first, MigrationType=32768, disk=(disk, str(path)))["ReturnValue"] == "0"
    machine, disk = world.with_disk()
    return machine, dict(MigrationType=32768, disk=(disk, str(path)))


def two_lines(world):
    machine, disk = world.with_disk()
    return machine, dict(MigrationType=32771, disk=(disk, "/only/here/own.qcow2\n/only/here/other.qcow2"))


def shared(world):
    machine, disk, _ = world.shared_disk()
    return machine, dict(MigrationType=32771, disk=(disk, "/only/here/own.qcow2"))


def nobody(_):
    return epr("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=NOBODY)


# What is called with, the code of ...ToHost and of CheckVirtualSystemIsMigratable, that of ...ToSystem.
REFUSALS = {
    "failed: the identifier is taken": (taken, {}, 32768, 2),
    "access denied: a folder that is not the destination's": (outside, {}, 32769, 32769),
    "access denied: a file beside the destination's folders": (outside_and_there, {}, 32769, 32769),
    "access denied: a log of a serial port beside the destination's folders": (log_outside, {}, 32769, 32769),
    "in use: another machine has the disk there": (of_another, {}, 32774, 32774),
    "in use: a serial port would write to a disk of another machine there": (log_in_a_disk, {}, 32774, 32774),
    "in use: and by another name": (log_by_another_name, {}, 32774, 32774),
    "in use: or have its socket there": (socket_by_another_name, {}, 32774, 32774),
    "invalid: a serial port would write to its own disk": (log_in_its_own_disk, {}, 32773, 4),
    "invalid: a serial port would write to a folder": (log_that_is_a_folder, {}, 32773, 4),
    "invalid: a serial port would write to a file that is there": (somebodys_log, {}, 32773, 4),
    "invalid: a serial port would have its socket where a file is": (somebodys_socket, {}, 32773, 4),
    "invalid: a path of two lines": (two_lines, {}, 32773, 4),
    "not supported: a disk that others share is copied": (shared, {}, 32770, 1),
    "not supported: a transport": (World.machine, dict(TransportType=32768), 32770, 1),
    "invalid: no such machine": (nobody, {}, 32773, 4),
    "invalid: no such host": (World.machine, dict(host="nowhere"), 32773, 4),
    "invalid: no such kind of migration": (World.machine, dict(MigrationType=7), 32773, 4),
    "incompatible: it is there already": (World.machine, dict(host="TESTHOST"), 32773, 6),
    "incompatible: it is there already, by this host's migration_data_address": (World.machine, dict(host="192.0.2.9"), 32773, 6),
    "incompatible: a disk that is not seen there": (unseen, {}, 32773, 6),
    "invalid state: it is saved": (World.saved, {}, 32775, 5),
    "incorrect data type: settings of something else": (World.machine, OTHER_SETTINGS, 32776, 4),
}


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("method", [TO_HOST, TO_SYSTEM])
def test_a_migration_that_is_refused_begins_nothing(world, case, method):
    prepare, how, to_host, to_system = REFUSALS[case]
    made = prepare(world)
    machine, more = made if isinstance(made, tuple) else (made, {})
    output = world.call(method, machine, **how, **more)
    assert int(output["ReturnValue"]) == (to_host if method == TO_HOST else to_system)
    assert world.error(output)[1]
    assert prepare is nobody or world.here(machine)


def test_a_line_break_in_a_path_removes_nothing(daemon, world, tmp_path):
    """Copies that failed are removed by their names, which are kept one a line."""
    somebodys = tmp_path / "somebodys"
    somebodys.write_text("precious")
    machine, disk = world.with_disk()
    daemon.fail("migrate", "failed")
    try:
        output = world.call(TO_HOST, machine, MigrationType=32771, disk=(disk, f"{daemon.over_there}/x\n{somebodys}"))
        assert output["ReturnValue"] == "32773" and world.error(output)[1]
    finally:
        daemon.command("clear")
    assert somebodys.read_text() == "precious"


def test_a_disk_that_cannot_be_copied_is_still_there(world):
    machine, disk, file = world.shared_disk()
    new_place = (disk, f"{world.daemon.over_there}/shared.qcow2")
    assert world.error(world.call(CHECK, machine, MigrationType=32771, disk=new_place))[0] == 32770
    assert world.call(TO_HOST, machine, MigrationType=32771, disk=new_place)["ReturnValue"] == "32770"
    own = (disk, str(file.with_name("moved.qcow2")))
    assert world.call(TO_HOST, machine, host=None, MigrationType=32769, disk=own)["ReturnValue"] == "32770"
    assert file.exists() and world.here(machine)


@pytest.fixture
def moved(daemon, world):
    """(the world of all hosts, a machine on hvB, the InstanceID and the file of its disk)"""
    machine, disk = world.with_disk()
    path = world.image(daemon.over_there)
    assert world.call(TO_SYSTEM, machine, MigrationType=32768, disk=(disk, str(path)))["ReturnValue"] == "0"
    everywhere = World(daemon)
    everywhere.hyperv = HyperV(daemon, namespace=CLUSTER)
    return everywhere, everywhere.hyperv.reference(machine.selectors["Name"]), disk, path


@pytest.mark.parametrize("method", [TO_HOST, TO_SYSTEM])
def test_what_comes_to_this_host_lies_in_its_folders(daemon, moved, tmp_path, method):
    world, machine, disk, _ = moved
    outside = tmp_path / "own.qcow2"
    for kind in (32771, 32768):
        output = world.call(method, machine, host="TESTHOST", MigrationType=kind, disk=(disk, str(outside)))
        assert output["ReturnValue"] == "32769"
        outside.write_text("there already")
    inside, link = daemon.storage / f"{uuid.uuid4()}.qcow2", daemon.storage / str(uuid.uuid4())
    link.symlink_to(tmp_path)
    output = world.call(method, machine, host="TESTHOST", MigrationType=32771, disk=(disk, str(link / "own.qcow2")))
    assert output["ReturnValue"] == "32769"
    link.unlink()
    link.symlink_to(daemon.storage)
    output = world.call(method, machine, host="TESTHOST", MigrationType=32771, disk=(disk, str(link / inside.name)))
    assert (world.error(output)[0] if method == TO_HOST else int(output["ReturnValue"])) == 0
    assert World(daemon).here(machine)
    (settings,) = world.hyperv.devices(machine, "Msvm_StorageAllocationSettingData")
    assert settings.all("HostResource") == [str(inside.resolve())]


@pytest.mark.parametrize("method, not_supported", [(TO_HOST, 32770), (TO_SYSTEM, 1)])
def test_disks_alone_move_only_on_the_own_host(daemon, moved, method, not_supported):
    world, machine, disk, path = moved
    where = (disk, str(daemon.over_there / "elsewhere.qcow2"))
    host = None if method == TO_HOST else "hvB"
    output = world.call(method, machine, host=host, MigrationType=32769, disk=where)
    assert int(output["ReturnValue"]) == not_supported
    assert "hvB" in world.error(output)[1]
    check = world.call(CHECK, machine, host=None, MigrationType=32769, disk=where)
    assert world.error(check)[0] == 32770
    assert path.exists()


@pytest.mark.parametrize("namespace", [WMI, CLUSTER])
def test_a_disk_is_made_only_in_the_folders_of_the_own_host(daemon, namespace):
    path = daemon.over_there / "made.vhd"
    settings = Instance("Msvm_VirtualHardDiskSettingData", Type=3, Format=2, Path=str(path), MaxInternalSize=4 << 20)
    output = HyperV(daemon, namespace=namespace).invoke(
        "Msvm_ImageManagementService", {"CreationClassName": "Msvm_ImageManagementService"}, "CreateVirtualHardDisk",
        embedded.render(FORM, "VirtualDiskSettingData", settings, WMI))
    assert output["ReturnValue"] == "32769" and not path.exists()


@pytest.mark.parametrize("method", [TO_HOST, TO_SYSTEM, CHECK])
def test_a_host_that_does_not_answer(daemon, world, method):
    machine = world.machine()
    daemon.away("hvB")
    try:
        output = world.call(method, machine)
        code = int(output["ReturnValue"])
        assert (world.error(output)[0] if code == 4096 else code) == 32777
        assert world.here(machine)
    finally:
        daemon.away("hvB", False)


def test_too_many_jobs(tmp_path):
    config = CONFIG.format(folder=tmp_path).replace("[jobs]", "[jobs]\nmax_jobs = 1")
    with FaultDaemon(uri="qemu:///system", more=config) as daemon:
        world = World(daemon)
        machine, other = world.machine(), world.machine()
        daemon.hold("migrate")
        try:
            first = world.call(TO_HOST, other)
            for method in (TO_HOST, TO_SYSTEM, CHECK):
                output = world.call(method, machine)
                assert output["ReturnValue"] == "32777", method
                code, text = world.error(output)
                assert code == 32777 and "max_jobs" in text, method
        finally:
            daemon.release("migrate")
        assert world.error(first) == (0, "")
        assert world.here(machine)


def test_one_migration_at_a_time_of_a_machine(daemon, world):
    machine = world.machine()
    daemon.hold("migrate")
    try:
        first = world.call(TO_HOST, machine)
        assert first["ReturnValue"] == "4096"
        for method in (TO_HOST, TO_SYSTEM):
            assert world.call(method, machine)["ReturnValue"] == "32774"
    finally:
        daemon.release("migrate")
    assert world.error(first) == (0, "")


def test_check_is_a_job_that_lists_the_problems(world):
    good = world.call(CHECK, world.machine())
    assert good["ReturnValue"] == "4096" and world.error(good) == (0, "")
    bad = world.call(CHECK, taken(world))
    assert bad["ReturnValue"] == "4096"
    code, text = world.error(bad)
    assert code == 32768 and "already" in text


@pytest.mark.parametrize("method", [CHECK_HOST, CHECK_SYSTEM])
def test_check_answers_at_once(world, method):
    for machine, answer in ((world.machine(), "true"), (taken(world), "false"), (world.saved(), "false")):
        output = world.call(method, machine)
        assert output["ReturnValue"] == "0" and output["IsMigratable"].lower() == answer
        assert world.here(machine)


@pytest.mark.parametrize("prepare, code", [(log_outside, 32769), (log_in_a_disk, 32774)])
def test_where_a_serial_port_may_not_lead_is_an_answer(world, prepare, code):
    machine, how = prepare(world)
    output = world.call(CHECK, machine, **how)
    assert output["ReturnValue"] == "4096" and world.error(output)[0] == code
    for method in (CHECK_HOST, CHECK_SYSTEM):
        output = world.call(method, machine, **how)
        assert output["ReturnValue"] == "0" and output["IsMigratable"].lower() == "false"


def test_a_serial_port_leads_where_only_the_destination_sees(world):
    how = dict(port="file:///only/here/console.log")
    machine = world.machine()
    assert world.error(world.call(CHECK, machine, **how)) == (0, "")
    assert world.call(CHECK_HOST, machine, **how)["IsMigratable"].lower() == "true"
    assert world.call(TO_SYSTEM, machine, **how)["ReturnValue"] == "0"
    assert not world.here(machine)


WRONG = {
    "not supported": (dict(TransportType=32768), 32770, 1),
    "no such host": (dict(host="nowhere"), 32773, 4),
    "it is there already": (dict(host="TESTHOST"), 32773, 6),
    "settings of something else": (OTHER_SETTINGS, 32776, 4),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("method", [CHECK, CHECK_HOST, CHECK_SYSTEM])
def test_a_check_that_is_called_wrongly(world, case, method):
    how, code, of_cim = WRONG[case]
    output = world.call(method, world.machine(), **how)
    assert int(output["ReturnValue"]) == (code if method == CHECK else of_cim)


def test_compatibility(world):
    def ask(machine, method="GetSystemCompatibilityInfo"):
        return world.service(method, f"<p:ComputerSystem>{machine.content()}</p:ComputerSystem>")

    machine = world.machine()
    known = ask(machine)
    assert known["ReturnValue"] == "0"
    octets = "".join(f"<p:CompatibilityInfo>{n}</p:CompatibilityInfo>" for n in known.all("CompatibilityInfo"))
    assert world.service("CheckSystemCompatibilityInfo", octets)["ReturnValue"] == "0"
    junk = "<p:CompatibilityInfo>1</p:CompatibilityInfo><p:CompatibilityInfo>2</p:CompatibilityInfo>"
    assert world.service("CheckSystemCompatibilityInfo", junk)["ReturnValue"] == "32773"
    assert ask(nobody(world))["ReturnValue"] == "32773"
    assert ask(machine, "GetSystemCompatibilityVectors")["ReturnValue"] == "0"
    assert ask(nobody(world), "GetSystemCompatibilityVectors")["ReturnValue"] == "32773"


def test_settings_of_the_service(world):
    def modify(**values):
        (now,) = world.hyperv.query("SELECT * FROM Msvm_VirtualSystemMigrationServiceSettingData")
        return world.service("ModifyServiceSettings", embedded.render(FORM, "ServiceSettingData", Instance(
            "Msvm_VirtualSystemMigrationServiceSettingData", InstanceID=now["InstanceID"], **values), WMI))["ReturnValue"]

    machine = world.machine()
    assert modify(EnableVirtualSystemMigration=False) == "0"
    try:
        assert world.call(TO_HOST, machine)["ReturnValue"] == "32775"
        assert world.call(TO_SYSTEM, machine)["ReturnValue"] == "5"
    finally:
        assert modify(EnableVirtualSystemMigration=True) == "0"
    assert modify(EnableSmbTransport=True) == "32770"
    assert world.call(TO_SYSTEM, machine)["ReturnValue"] == "0"


def test_settings_that_cannot_be_written_down(daemon, world):
    def networks():
        return world.hyperv.query("SELECT * FROM Msvm_VirtualSystemMigrationNetworkSettingData")

    def call(method, **values):
        return world.service(method, embedded.render(FORM, "NetworkSettings", Instance(
            "Msvm_VirtualSystemMigrationNetworkSettingData", **values), WMI))["ReturnValue"]

    def remove(network):
        reference = epr("Msvm_VirtualSystemMigrationNetworkSettingData", InstanceID=network["InstanceID"])
        return world.service("RemoveNetworkSettings",
                             f"<p:NetworkSettings>{reference.content()}</p:NetworkSettings>")["ReturnValue"]

    (now,) = world.hyperv.query("SELECT * FROM Msvm_VirtualSystemMigrationServiceSettingData")
    setting = embedded.render(FORM, "ServiceSettingData", Instance(
        "Msvm_VirtualSystemMigrationServiceSettingData", InstanceID=now["InstanceID"], EnableCompression=True), WMI)
    with daemon.unwritable("migration_service"):
        assert world.service("ModifyServiceSettings", setting)["ReturnValue"] == "32768"
    with daemon.unwritable("migration_network"):
        assert call("AddNetworkSettings", SubnetNumber="192.0.2.0", PrefixLength=24) == "32768"
    assert networks() == []
    assert call("AddNetworkSettings", SubnetNumber="192.0.2.0", PrefixLength=24) == "0"
    (made,) = networks()
    with daemon.unwritable("migration_network"):
        assert call("ModifyNetworkSettings", InstanceID=made["InstanceID"], SubnetNumber="192.0.3.0", PrefixLength=24) == "32768"
        assert remove(made) == "32768"
    assert [n["SubnetNumber"] for n in networks()] == ["192.0.2.0"]
    assert remove(made) == "0" and networks() == []
