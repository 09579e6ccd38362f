"""The return codes of the snapshot methods over the wire, version 2 and version 1, on libvirt's test driver. Codes that need
a failing host are in tests/unit/cim/providers/snapshot_service_test.cpp, those of real QEMU in tests/lab."""
import sys
import time

import pytest
from harness import PATIENCE, ROOT, Server

sys.path.insert(0, str(ROOT / "tests" / "wire"))

import soapkit as k  # noqa: E402
from embedded import Instance, render  # noqa: E402

V2, V1 = k.WMI + "root/virtualization/v2/", k.WMI + "root/virtualization/"
SYSTEM, SETTINGS = "Msvm_ComputerSystem", "Msvm_VirtualSystemSettingData"
MANAGEMENT, SNAPSHOTS = "Msvm_VirtualSystemManagementService", "Msvm_VirtualSystemSnapshotService"
NOBODY = "00000000-0000-4000-8000-000000000000"
RUNNING, OFF = 2, 3


def references(parameter, epr):
    return f"<p:{parameter}>{epr.content()}</p:{parameter}>"


class Host:
    """The two versions' services of one daemon; every method answers its outputs, with the code as a number."""

    def __init__(self, daemon):
        self.service = k.Service("127.0.0.1", daemon.http_port, auth=(daemon.user, daemon.password))

    def invoke(self, uri, method, parameters, selectors=None):
        reply = self.service.invoke(uri, method, parameters, selectors or {"CreationClassName": uri.rsplit("/", 1)[-1]}).ok()
        out = {k.local(c): c for c in reply.content}
        out["ReturnValue"] = int(out["ReturnValue"].text)
        return out

    def snapshots(self, method, parameters):
        return self.invoke(V2 + SNAPSHOTS, method, parameters)

    def v1(self, method, parameters):
        return self.invoke(V1 + MANAGEMENT, method, parameters)

    def properties(self, epr):
        return k.properties(self.service.get(epr.uri, epr.selectors).ok().content)

    def done(self, out, code=4096):
        """What the method gave, when its job has ended well."""
        assert out["ReturnValue"] in (0, code)
        if out["ReturnValue"] == 4096:
            job, end = k.Epr.read(out["Job"]), time.monotonic() + 20 * PATIENCE
            while int((seen := self.properties(job))["JobState"]) < 7:
                assert time.monotonic() < end, seen
                time.sleep(0.02)
            assert seen["JobState"] == "7", seen
        return out

    def ended_job(self, out):
        """The ended job that a refusal carries."""
        return self.properties(k.Epr.read(out["Job"]))

    def define(self, **settings):
        given = render("cimxml-escaped", "SystemSettings", Instance(SETTINGS, ElementName=k.unique("vm"), **settings), V2)
        return k.Epr.read(self.done(self.invoke(V2 + MANAGEMENT, "DefineSystem", given))["ResultingSystem"])

    def turn(self, machine, state):
        self.done(self.invoke(machine.uri, "RequestStateChange", f"<p:RequestedState>{state}</p:RequestedState>",
                              machine.selectors))

    def create(self, machine, more=""):
        return self.snapshots("CreateSnapshot", references("AffectedSystem", machine) + more)

    def snapshot_of(self, machine):
        return k.Epr.read(self.done(self.create(machine))["ResultingSnapshot"])


@pytest.fixture(scope="module")
def host():
    daemon = Server()
    daemon.start()
    yield Host(daemon)
    daemon.end()


@pytest.fixture
def machine(host):
    return host.define()


# How each method names its snapshot: service, method, parameter.
ON_SNAPSHOTS = [("v2", "ApplySnapshot", "Snapshot"), ("v2", "DestroySnapshot", "AffectedSnapshot"),
                ("v2", "DestroySnapshotTree", "SnapshotSettingData"), ("v2", "ClearSnapshotState", "SnapshotSettingData"),
                ("v1", "ApplyVirtualSystemSnapshot", "SnapshotSettingData"),
                ("v1", "ApplyVirtualSystemSnapshotEx", "SnapshotSettingData"),
                ("v1", "RemoveVirtualSystemSnapshot", "SnapshotSettingData"),
                ("v1", "RemoveVirtualSystemSnapshotTree", "SnapshotSettingData")]


def on_snapshot(host, version, method, parameter, snapshot, machine):
    system = references("ComputerSystem", machine) if method.startswith("ApplyVirtualSystemSnapshot") else ""
    return (host.v1 if version == "v1" else host.snapshots)(method, system + references(parameter, snapshot))


def test_4096_of_create_with_each_type(host, machine):
    for kind in (2, 3, 32768):
        out = host.create(machine, f"<p:SnapshotType>{kind}</p:SnapshotType>")
        assert out["ReturnValue"] == 4096
        host.done(out)
        settings = host.properties(k.Epr.read(out["ResultingSnapshot"]))
        assert settings["VirtualSystemType"].endswith("Recovery" if kind == 32768 else "Realized")
    out = host.v1("CreateVirtualSystemSnapshot", references("SourceSystem", machine))
    assert out["ReturnValue"] == 4096
    host.done(out)
    assert k.Epr.read(out["SnapshotSettingData"]).uri == V1 + SETTINGS


@pytest.mark.parametrize("version,method,parameter", ON_SNAPSHOTS)
def test_4096_or_0_of_what_is_done_to_a_snapshot(host, machine, version, method, parameter):
    host.turn(machine, RUNNING)
    snapshot = host.snapshot_of(machine)
    host.turn(machine, OFF)
    out = on_snapshot(host, version, method, parameter, snapshot, machine)
    # Only giving up its memory is done at once.
    assert out["ReturnValue"] == (0 if method == "ClearSnapshotState" else 4096)
    host.done(out)


def test_6_of_create_for_other_types(host, machine):
    for kind in (0, 1, 4, 32767, 32769, 65535):
        out = host.create(machine, f"<p:SnapshotType>{kind}</p:SnapshotType>")
        assert out["ReturnValue"] == 6
        job = host.ended_job(out)
        assert job["ErrorCode"] == "32773" and f"not {kind}." in job["ErrorDescription"]


def test_32770_of_reference_points(host, machine):
    out = host.snapshots("ConvertToReferencePoint", references("AffectedSnapshot", host.snapshot_of(machine)))
    assert out["ReturnValue"] == 32770
    job = host.ended_job(out)
    assert (job["JobState"], job["ErrorCode"]) == ("10", "32770") and "ConvertToReferencePoint" in job["ErrorDescription"]


@pytest.mark.parametrize("version,method,parameter", ON_SNAPSHOTS)
def test_32773_for_what_is_no_snapshot(host, machine, version, method, parameter):
    active = k.Epr(V2 + SETTINGS, {"InstanceID": "Microsoft:" + machine.selectors["Name"]})
    nobody = k.Epr(V2 + SETTINGS, {"InstanceID": "Microsoft:" + NOBODY})
    for target in (active, nobody, machine):
        out = on_snapshot(host, version, method, parameter, target, machine)
        assert out["ReturnValue"] == 32773
        job = host.ended_job(out)
        assert (job["JobState"], job["ErrorCode"]) == ("10", "32773")
        assert parameter in job["ErrorDescription"]


def test_32773_of_create(host, machine):
    nobody = k.Epr(V2 + SYSTEM, {"CreationClassName": SYSTEM, "Name": NOBODY})
    assert host.create(nobody)["ReturnValue"] == 32773
    assert host.snapshots("CreateSnapshot", "")["ReturnValue"] == 32773
    assert host.v1("CreateVirtualSystemSnapshot", references("SourceSystem", nobody))["ReturnValue"] == 32773
    wrong = [Instance(SETTINGS, ElementName="x"), Instance("Msvm_VirtualSystemSnapshotSettingData", ConsistencyLevel=3),
             Instance("Msvm_VirtualSystemSnapshotSettingData", GuestBackupType=3)]
    for given in wrong:
        out = host.create(machine, render("cimxml-escaped", "SnapshotSettings", given, V2))
        assert out["ReturnValue"] == 32773


def test_32773_of_version_1_for_another_machines_snapshot(host, machine):
    out = on_snapshot(host, *ON_SNAPSHOTS[4], host.snapshot_of(machine), host.define())
    assert out["ReturnValue"] == 32773
    assert "ComputerSystem" in host.ended_job(out)["ErrorDescription"]


def test_32775_of_apply_while_the_machine_runs(host, machine):
    snapshot = host.snapshot_of(machine)
    host.turn(machine, RUNNING)
    for which in (ON_SNAPSHOTS[0], ON_SNAPSHOTS[4]):
        out = on_snapshot(host, *which, snapshot, machine)
        assert out["ReturnValue"] == 32775
        assert "turn it off or save it" in host.ended_job(out)["ErrorDescription"]


def test_32775_of_create_where_snapshots_are_switched_off(host):
    machine = host.define(UserSnapshotType=2)
    for out in (host.create(machine), host.v1("CreateVirtualSystemSnapshot", references("SourceSystem", machine))):
        assert out["ReturnValue"] == 32775
        assert "UserSnapshotType" in host.ended_job(out)["ErrorDescription"]


def test_32775_of_clear_without_memory(host, machine):
    out = on_snapshot(host, *ON_SNAPSHOTS[3], host.snapshot_of(machine), machine)
    assert out["ReturnValue"] == 32775
