"""Every return code of the methods that define, realize, export, import and snapshot machines, over the network: what the
method refuses itself, and what the host refuses. A code stands in ReturnValue, or (4096) in the job's ErrorCode."""
import threading
import time
import uuid
from functools import partial
from xml.sax.saxutils import escape

import pytest
from faults import CODES, FaultDaemon
from harness import PATIENCE, QUICK_SIGN_IN

import embedded  # noqa: E402
from embedded import Instance  # noqa: E402
from hyperv import OFF, RUNNING, WMI, HyperV  # noqa: E402
from machine_parts import FORM, RASD, SNAPSHOTS, Parts, epr, settings_epr  # noqa: E402

NOBODY = "00000000-0000-0000-0000-000000000001"
V1 = WMI.replace("/v2/", "/")


@pytest.fixture(scope="module")
def daemon():
    # So long a window that what succeeds answers 0, however slow this machine is.
    with FaultDaemon(more=QUICK_SIGN_IN + '[jobs]\nsynchronous_window = "25s"\n') as running:
        yield running


class World:
    def __init__(self, daemon):
        self.daemon, self.hyperv, self.version_1 = daemon, HyperV(daemon), HyperV(daemon, namespace=V1)
        self.parts = Parts(self.hyperv, daemon, None)

    # --- calls: each returns the method's answer -------------------------------------------------------------------------
    def define(self, name="m", resources=(), method="DefineSystem", **settings):
        given = Instance("Msvm_VirtualSystemSettingData", ElementName=name, **settings)
        inner = embedded.render(FORM, "SystemSettings", given, WMI)
        inner += "".join(embedded.render(FORM, "ResourceSettings", r, WMI) for r in resources)
        return self.hyperv.service(method, inner)

    def plan(self, **settings):
        return self.define(method="DefinePlannedSystem", **settings)

    def realize(self, planned):
        return self.hyperv.service("RealizePlannedSystem", f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>")

    def validate(self, planned):
        return self.hyperv.service("ValidatePlannedSystem", f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>")

    def export(self, machine, where=None, **settings):
        return self.parts.start_export(machine, where or self.place(), CreateVmExportSubdirectory=False, **settings)

    def import_from(self, file, new=True):
        return self.hyperv.service("ImportSystemDefinition", f"<p:SystemDefinitionFile>{file}</p:SystemDefinitionFile>"
                                   f"<p:GenerateNewSystemIdentifier>{str(new).lower()}</p:GenerateNewSystemIdentifier>")

    def snapshots_of(self, planned, folder):
        return self.hyperv.service("ImportSnapshotDefinitions", f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>"
                                                                f"<p:SnapshotFolder>{folder}</p:SnapshotFolder>")

    def snapshot(self, machine, kind=2):
        return self.of_snapshots("CreateSnapshot", f"<p:AffectedSystem>{machine.content()}</p:AffectedSystem>"
                                                   f"<p:SnapshotType>{kind}</p:SnapshotType>")

    def of_snapshots(self, method, inner):
        return self.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, method, inner)

    def of_version_1(self, method, **references):
        return self.version_1.service(method, "".join(f"<p:{n}>{r.content()}</p:{n}>" for n, r in references.items()))

    # --- things ----------------------------------------------------------------------------------------------------------
    def place(self):
        return self.parts.exports / f"e-{uuid.uuid4()}"

    def machine(self):
        return self.done(self.define())["ResultingSystem"]

    def running(self):
        machine = self.machine()
        self.hyperv.finish(self.hyperv.request_state(machine, RUNNING))
        return machine

    def planned(self):
        return self.done(self.plan())["ResultingSystem"]

    def exported(self, machine, **settings):
        folder = self.place()
        self.done(self.export(machine, folder, **settings))
        return next(folder.glob("Virtual Machines/*.xml"))

    def imported(self):
        """(planned system, the folder that it came from)"""
        file = self.exported(self.machine())
        return self.done(self.import_from(file))["ImportedSystem"], file.parents[1]

    def with_snapshot(self, machine=None):
        machine = machine or self.machine()
        self.done(self.snapshot(machine))
        (made,) = self.parts.snapshots(machine)
        return machine, settings_epr(made["InstanceID"])

    def with_kept_memory(self):
        """A machine that is off and has a snapshot with memory."""
        machine, _ = self.with_snapshot(self.running())
        self.done(self.hyperv.request_state(machine, OFF))
        return machine

    # --- answers ---------------------------------------------------------------------------------------------------------
    def done(self, output):
        return self.hyperv.finish(output)

    def code(self, output):
        """(code, text)"""
        code = int(output["ReturnValue"])
        if code == 0:
            return code, ""
        job = self.hyperv.wait_job(output["Job"])
        if code != 4096:
            assert int(job["ErrorCode"]) == (32773 if code == 6 else code), dict(job)
            return code, job["ErrorDescription"]
        return int(job["ErrorCode"] or 0), job["ErrorDescription"] or ""

    def systems(self):
        return sorted((i.class_name, i["Name"], i["EnabledState"]) for name in ("Msvm_ComputerSystem", "Msvm_PlannedComputerSystem")
                      for i in self.hyperv.query(f"SELECT * FROM {name}"))

    def everything(self):
        """What a client and what the file system shows of machines, planned systems, their snapshots, disks and exports."""
        settings = [i["InstanceID"] for i in self.hyperv.query("SELECT * FROM Msvm_VirtualSystemSettingData")]
        files = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in self.daemon.state.rglob("*")
                 if f.is_file() and f.suffix != ".log" and not f.name.startswith("wsvirt.db")]
        return self.systems(), sorted(settings), sorted(files)


@pytest.fixture
def world(daemon):
    return World(daemon)


# Method: the operation of the host that fails, and what makes ready and returns the call.
BELOW = {
    "DefineSystem": ("define", lambda w: w.define),
    "RealizePlannedSystem": ("define", lambda w, p=None: lambda planned=w.planned(): w.realize(planned)),
    "ExportSystemDefinition": ("save", lambda w: lambda machine=w.running(): w.export(machine, CaptureLiveState=1)),
    "CreateSnapshot": ("snapshot", lambda w: lambda machine=w.machine(): w.snapshot(machine)),
    "ApplySnapshot": ("revert", lambda w: lambda made=w.with_snapshot()[1]: w.of_snapshots(
        "ApplySnapshot", f"<p:Snapshot>{made.content()}</p:Snapshot>")),
    "DestroySnapshot": ("delete_snapshot", lambda w: lambda made=w.with_snapshot()[1]: w.of_snapshots(
        "DestroySnapshot", f"<p:AffectedSnapshot>{made.content()}</p:AffectedSnapshot>")),
    "DestroySnapshotTree": ("delete_snapshot", lambda w: lambda made=w.with_snapshot()[1]: w.of_snapshots(
        "DestroySnapshotTree", f"<p:SnapshotSettingData>{made.content()}</p:SnapshotSettingData>")),
    "CreateVirtualSystemSnapshot": ("snapshot", lambda w: lambda machine=w.machine(): w.of_version_1(
        "CreateVirtualSystemSnapshot", SourceSystem=machine)),
    "ApplyVirtualSystemSnapshot": ("revert", lambda w: lambda of=w.with_snapshot(): w.of_version_1(
        "ApplyVirtualSystemSnapshot", ComputerSystem=of[0], SnapshotSettingData=of[1])),
    "RemoveVirtualSystemSnapshot": ("delete_snapshot", lambda w: lambda made=w.with_snapshot()[1]: w.of_version_1(
        "RemoveVirtualSystemSnapshot", SnapshotSettingData=made)),
    "RemoveVirtualSystemSnapshotTree": ("delete_snapshot", lambda w: lambda made=w.with_snapshot()[1]: w.of_version_1(
        "RemoveVirtualSystemSnapshotTree", SnapshotSettingData=made)),
    "ClearSnapshotState": ("modify_snapshot", lambda w: lambda made=w.with_snapshot(w.running())[1]: w.of_snapshots(
        "ClearSnapshotState", f"<p:SnapshotSettingData>{made.content()}</p:SnapshotSettingData>")),
}


@pytest.mark.parametrize("status", sorted(CODES))
@pytest.mark.parametrize("method", sorted(BELOW))
def test_what_the_host_refuses_is_the_code_of_the_job(daemon, world, method, status):
    operation, prepare = BELOW[method]
    call = prepare(world)
    before = world.systems()
    daemon.fail(operation, status)
    output = call()
    assert output["ReturnValue"] == "4096"
    code, text = world.code(output)
    assert code == CODES[status]
    assert "the host's own words" in text
    assert world.systems() == before  # nothing new, nothing lost, and it runs if it ran
    code, text = world.code(call())
    assert code == 0, text


@pytest.mark.parametrize("method", ["DefineSystem", "DefinePlannedSystem", "ImportSystemDefinition",
                                    "ImportSnapshotDefinitions"])
def test_done_at_once(world, method):
    calls = {"DefineSystem": world.define, "DefinePlannedSystem": world.plan,
             "ImportSystemDefinition": lambda: world.import_from(world.exported(world.machine())),
             "ImportSnapshotDefinitions": lambda: world.snapshots_of(*world.imported())}
    assert int(calls[method]()["ReturnValue"]) == 0


@pytest.mark.parametrize("method", sorted(BELOW.keys() - {"DefineSystem", "ClearSnapshotState"}) + ["ValidatePlannedSystem"])
def test_always_a_job(world, method):
    call = BELOW[method][1](world) if method in BELOW else partial(world.validate, world.planned())
    output = call()
    assert int(output["ReturnValue"]) == 4096
    world.done(output)


def test_validation_with_problems_is_a_job_with_warnings(world):
    planned = world.done(world.plan(resources=disk(world.daemon.storage / "none.qcow2")))["ResultingSystem"]
    output = world.validate(planned)
    assert int(output["ReturnValue"]) == 4096
    assert world.hyperv.wait_job(output["Job"])["JobState"] == "32768"
    code, text = world.code(world.realize(planned))
    assert code == 32773 and "none.qcow2" in text


def disk(path):
    """A controller, a drive on it and a medium in that."""
    return [Instance(RASD, ResourceType=6, ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller", InstanceID="scsi"),
            Instance(RASD, ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive", Parent="scsi",
                     InstanceID="drive"),
            Instance("Msvm_StorageAllocationSettingData", ResourceType=31, HostResource=[str(path)], Parent="drive",
                     ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk")]


def refusals():
    unknown = Instance(RASD, ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Physical Disk Drive")
    nobody = epr("Msvm_ComputerSystem", CreationClassName="Msvm_ComputerSystem", Name=NOBODY)
    no_plan = epr("Msvm_PlannedComputerSystem", CreationClassName="Msvm_PlannedComputerSystem", Name=NOBODY)
    no_snapshot = settings_epr(f"Microsoft:{NOBODY}")
    apply = "<p:Snapshot>{}</p:Snapshot>"
    destroy = "<p:AffectedSnapshot>{}</p:AffectedSnapshot>"
    yield "DefineSystem", 32769, lambda w: partial(w.define, resources=disk("/etc/passwd"))
    yield "DefineSystem", 32770, lambda w: partial(w.define, resources=[unknown])
    yield "DefineSystem", 32773, lambda w: partial(w.define, "")
    yield "DefineSystem", 32773, lambda w: partial(w.define, VirtualSystemIdentifier=w.machine().selectors["Name"])
    yield "DefinePlannedSystem", 32769, lambda w: partial(w.plan, resources=disk("/etc/passwd"))
    yield "DefinePlannedSystem", 32770, lambda w: partial(w.plan, resources=[unknown])
    yield "DefinePlannedSystem", 32773, lambda w: partial(w.plan, name="")
    yield "RealizePlannedSystem", 32773, lambda w: partial(w.realize, no_plan)
    yield "RealizePlannedSystem", 32773, lambda w: partial(w.realize, w.machine())
    yield "ValidatePlannedSystem", 32773, lambda w: partial(w.validate, no_plan)
    yield "ExportSystemDefinition", 32769, lambda w: partial(w.export, w.machine(), "/etc/elsewhere")
    yield "ExportSystemDefinition", 32770, lambda w: partial(w.export, w.running(), CaptureLiveState=2)
    yield "ExportSystemDefinition", 32773, lambda w: partial(w.export, nobody)
    yield "ExportSystemDefinition", 32773, lambda w: partial(w.export, w.machine(), f"{w.parts.exports}/../up")
    yield "ExportSystemDefinition", 32773, lambda w: partial(w.export, w.machine(), CopySnapshotConfiguration=9)
    yield "ImportSystemDefinition", 32769, lambda w: partial(w.import_from, "/etc/passwd")
    yield "ImportSystemDefinition", 32773, lambda w: partial(w.import_from, w.parts.exports / "none.xml")
    yield "ImportSystemDefinition", 32773, lambda w: partial(w.import_from, w.exported(w.machine()), new=False)
    yield "ImportSnapshotDefinitions", 32769, lambda w: partial(w.snapshots_of, w.planned(), "/etc")
    yield "ImportSnapshotDefinitions", 32773, lambda w: partial(w.snapshots_of, no_plan, w.parts.exports)
    yield "CreateSnapshot", 6, lambda w: partial(w.snapshot, w.machine(), 7)
    yield "CreateSnapshot", 32773, lambda w: partial(w.snapshot, nobody)
    yield "ApplySnapshot", 32773, lambda w: partial(w.of_snapshots, "ApplySnapshot", apply.format(no_snapshot.content()))
    yield "DestroySnapshot", 32773, lambda w: partial(w.of_snapshots, "DestroySnapshot", destroy.format(no_snapshot.content()))


@pytest.mark.parametrize("method, expected, prepare", refusals())
def test_what_the_method_refuses_changes_nothing(world, method, expected, prepare):
    call = prepare(world)
    before = world.everything()
    code, text = world.code(call())
    assert code == expected, text
    assert len(text) > 10
    assert world.everything() == before


class Held:
    """A call that the host does not finish until it is told to."""

    def __init__(self, world, operation, call):
        self.world, self.operation, self.answer = world, operation, None
        known = {j["InstanceID"] for j in world.hyperv.query("SELECT * FROM Msvm_ConcreteJob")}
        world.daemon.hold(operation)
        self.thread = threading.Thread(target=lambda: setattr(self, "answer", call(World(world.daemon))))
        self.thread.start()
        deadline = time.monotonic() + 20 * PATIENCE
        while not any(j["JobState"] == "4" and j["InstanceID"] not in known
                      for j in world.hyperv.query("SELECT * FROM Msvm_ConcreteJob")):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.world.daemon.release(self.operation)
        self.thread.join()
        self.world.done(self.answer)


def test_one_works_and_the_others_are_told_so(world):
    w, guid = world, str(uuid.uuid4()).upper()
    with Held(w, "define", lambda other: other.define(VirtualSystemIdentifier=guid)):
        assert w.code(w.define(VirtualSystemIdentifier=guid))[0] == 32774
        assert w.code(w.plan(VirtualSystemIdentifier=guid))[0] == 32774
    planned, folder = w.imported()
    with Held(w, "define", lambda other: other.realize(planned)):
        assert w.code(w.realize(planned))[0] == 32774
        assert w.code(w.validate(planned))[0] == 32774
        assert w.code(w.snapshots_of(planned, folder))[0] == 32774
    machine = w.running()
    file = w.exported(machine)
    with Held(w, "save", lambda other: other.export(machine, CaptureLiveState=1)):
        assert w.code(w.export(machine))[0] == 32774
        assert w.code(w.snapshot(machine))[0] == 32774
        assert w.code(w.of_version_1("CreateVirtualSystemSnapshot", SourceSystem=machine))[0] == 32774
        assert int(w.hyperv.request_state(machine, OFF)["ReturnValue"]) == 32775
        assert w.code(w.import_from(file))[0] == 0  # another identifier is another machine
        assert w.code(w.import_from(file, new=False))[0] == 32774
    machine, made = w.with_snapshot()
    reference = made.content()
    with Held(w, "revert", lambda other: other.of_snapshots("ApplySnapshot", f"<p:Snapshot>{reference}</p:Snapshot>")):
        assert w.code(w.export(machine))[0] == 32774
        for method, parameter in (("DestroySnapshot", "AffectedSnapshot"), ("DestroySnapshotTree", "SnapshotSettingData"),
                                  ("ApplySnapshot", "Snapshot")):
            assert w.code(w.of_snapshots(method, f"<p:{parameter}>{reference}</p:{parameter}>"))[0] == 32774
        for method in ("RemoveVirtualSystemSnapshot", "RemoveVirtualSystemSnapshotTree"):
            assert w.code(w.of_version_1(method, SnapshotSettingData=made))[0] == 32774
        assert w.code(w.of_version_1("ApplyVirtualSystemSnapshot", ComputerSystem=machine, SnapshotSettingData=made))[0] == 32774


def test_a_disk_goes_to_one_machine(world):
    """Of calls that would give one disk to two machines the first does, and the others are told so at once."""
    w = world
    path = w.parts.disk("sought.qcow2")
    planned = w.done(w.plan(resources=disk(path)))["ResultingSystem"]
    empty = w.done(w.define(resources=disk(path)[:2]))["ResultingSystem"]
    (drive,) = (d["InstanceID"] for d in w.hyperv.devices(empty, RASD) if d["ResourceType"] == "17")
    medium = Instance("Msvm_StorageAllocationSettingData", ResourceType=31, HostResource=[str(path)],
                      ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk", Parent=epr(RASD, InstanceID=drive).path("TESTHOST"))
    add = (f"<p:AffectedConfiguration>{w.hyperv.settings_of(empty).content()}</p:AffectedConfiguration>"
           + embedded.render(FORM, "ResourceSettings", medium, WMI))
    calls = {"define": lambda world: world.define(resources=disk(path)),
             "add": lambda world: world.hyperv.service("AddResourceSettings", add),
             "realize": lambda world: world.realize(planned)}
    for first, operation in (("define", "define"), ("add", "redefine"), ("realize", "define")):
        with Held(w, operation, calls[first]) as held:
            for second in calls:
                if second != first or first == "define":
                    code, text = w.code(calls[second](w))
                    assert code == 32774 and str(path) in text, (first, second, text)
        if first == "add":
            given = held.answer["ResultingResourceSettings"].content()
            w.done(w.hyperv.service("RemoveResourceSettings", f"<p:ResourceSettings>{given}</p:ResourceSettings>"))
        else:
            w.done(w.hyperv.destroy(held.answer["ResultingSystem"]))
    file = w.exported(w.done(w.define(resources=disk(path)))["ResultingSystem"])
    one, other = (w.done(w.import_from(file))["ImportedSystem"] for _ in range(2))
    with Held(w, "define", lambda world: world.realize(one)):
        assert w.code(w.realize(other))[0] == 32774


def test_a_disk_has_one_name(world):
    """What an import names through a link is the file that the link leads to: of the machine and of its snapshots."""
    w = world
    path = w.parts.disk("named.qcow2")
    machine, _ = w.with_snapshot(w.done(w.define(resources=disk(path)))["ResultingSystem"])
    folder = w.place()
    w.done(w.export(machine, folder, CopySnapshotConfiguration=0))
    (file,) = folder.glob("Virtual Machines/*.xml")
    (copy,) = folder.rglob("*.qcow2")
    elsewhere = copy.parent.rename(w.parts.exports / f"disks-{uuid.uuid4()}")
    copy.parent.symlink_to(elsewhere)
    planned = w.done(w.import_from(file))["ImportedSystem"]
    w.done(w.realize(planned))
    media = [file for m in w.hyperv.query("SELECT * FROM Msvm_StorageAllocationSettingData") for file in m.all("HostResource")]
    assert [m for m in media if m.endswith(copy.name) and m != str(path)] == [str(elsewhere / copy.name)] * 2
    assert w.code(w.define(resources=disk(elsewhere / copy.name)))[0] == 32774


def test_too_many_jobs(tmp_path):
    with FaultDaemon(more=QUICK_SIGN_IN + "[jobs]\nmax_jobs = 1\n") as daemon:
        w = World(daemon)
        machine = w.running()
        other = w.with_kept_memory()
        planned, folder = w.imported()
        (file,) = folder.glob("Virtual Machines/*.xml")
        calls = every_call(w, other, planned, file)
        with Held(w, "save", lambda client: client.export(machine, CaptureLiveState=1)):
            before = w.systems()
            for method, call in calls.items():
                code, why = w.code(call())
                assert code == 32777 and "max_jobs" in why, (method, why)
            assert w.systems() == before


def every_call(w, machine, planned, file):
    """One of each method, which succeeds by itself. The machine is off and has a snapshot with memory."""
    first, *others = [settings_epr(w.parts.snapshots(machine)[0]["InstanceID"])] + [
        w.done(w.snapshot(machine))["ResultingSnapshot"] for _ in range(3)]
    made = first.content()

    def of_tree(snapshot):
        return w.of_snapshots("DestroySnapshotTree", f"<p:SnapshotSettingData>{snapshot.content()}</p:SnapshotSettingData>")

    return {"DefineSystem": w.define, "DefinePlannedSystem": w.plan,
            "ExportSystemDefinition": lambda: w.export(machine), "ImportSystemDefinition": lambda: w.import_from(file),
            "ImportSnapshotDefinitions": lambda: w.snapshots_of(planned, file.parents[1]),
            "ValidatePlannedSystem": lambda: w.validate(planned), "RealizePlannedSystem": lambda: w.realize(planned),
            "CreateSnapshot": lambda: w.snapshot(machine),
            "CreateVirtualSystemSnapshot": lambda: w.of_version_1("CreateVirtualSystemSnapshot", SourceSystem=machine),
            "ApplySnapshot": lambda: w.of_snapshots("ApplySnapshot", f"<p:Snapshot>{made}</p:Snapshot>"),
            "ApplyVirtualSystemSnapshot": lambda: w.of_version_1("ApplyVirtualSystemSnapshot", ComputerSystem=machine,
                                                                 SnapshotSettingData=first),
            "ClearSnapshotState": lambda: w.of_snapshots("ClearSnapshotState", f"<p:SnapshotSettingData>{made}"
                                                                               "</p:SnapshotSettingData>"),
            "DestroySnapshot": lambda: w.of_snapshots("DestroySnapshot", f"<p:AffectedSnapshot>{made}</p:AffectedSnapshot>"),
            "RemoveVirtualSystemSnapshot": lambda: w.of_version_1("RemoveVirtualSystemSnapshot", SnapshotSettingData=others[0]),
            "DestroySnapshotTree": lambda: of_tree(others[2]),
            "RemoveVirtualSystemSnapshotTree": lambda: w.of_version_1("RemoveVirtualSystemSnapshotTree",
                                                                      SnapshotSettingData=others[1])}


def test_what_cannot_be_written_down_is_not_begun(daemon, world):
    """A job is a row before anything is done."""
    w = world
    machine = w.with_kept_memory()
    planned, folder = w.imported()
    (file,) = folder.glob("Virtual Machines/*.xml")
    calls = every_call(w, machine, planned, file)
    before = w.systems()
    with daemon.unwritable("job"):
        for method, call in calls.items():
            assert int(call()["ReturnValue"]) == 32768, method
    assert w.systems() == before
    for method, call in calls.items():
        code, text = w.code(call())
        assert code == 0, (method, text)


def test_a_planned_system_that_cannot_be_written_down(daemon, world):
    w = world
    file = w.exported(w.done(w.define(resources=disk(w.parts.disk(f"{uuid.uuid4()}.qcow2"))))["ResultingSystem"])
    planned = w.done(w.import_from(file))["ImportedSystem"]
    before = w.systems()
    # Validating keeps which contents it has read.
    calls = [w.plan, lambda: w.import_from(file), lambda: w.validate(planned), lambda: w.realize(planned)]
    with daemon.unwritable("planned"):
        for call in calls:
            output = call()
            assert output["ReturnValue"] == "4096"
            code, text = w.code(output)
            assert code == 32768 and "state database" in text
    assert w.systems() == before
    for call in calls:
        code, text = w.code(call())
        assert code == 0, text


def test_a_planned_system_that_cannot_be_forgotten_is_not_realized(daemon, world):
    planned = world.planned()
    before = world.systems()
    with daemon.unwritable("planned"):
        code, text = world.code(world.realize(planned))
        assert code == 32768 and "state database" in text
    assert world.systems() == before
    assert world.code(world.realize(planned)) == (0, "")


def test_the_namespace_of_version_1_has_them_too(daemon, world):
    v1, h = V1, world.version_1

    def define(method):
        inner = embedded.render(FORM, "SystemSettings", Instance("Msvm_VirtualSystemSettingData", ElementName="v1"), v1)
        return h.finish(h.service(method, inner))["ResultingSystem"]

    machine, planned = define("DefineSystem"), define("DefinePlannedSystem")
    assert (machine.uri, planned.uri) == (v1 + "Msvm_ComputerSystem", v1 + "Msvm_PlannedComputerSystem")
    which = f"<p:PlannedSystem>{planned.content()}</p:PlannedSystem>"
    h.finish(h.service("ValidatePlannedSystem", which))
    realized = h.finish(h.service("RealizePlannedSystem", which))["ResultingSystem"]
    assert realized.uri == machine.uri and realized.selectors["Name"] == planned.selectors["Name"]
    # What the settings consist of is found there as in version 2.
    there = sorted(d["InstanceID"] for d in h.devices(machine))
    assert there and there == sorted(d["InstanceID"] for d in HyperV(daemon).devices(machine))
    # What was exported there comes back there, with its snapshot.
    snapshot = h.finish(world.of_version_1("CreateVirtualSystemSnapshot", SourceSystem=machine))["SnapshotSettingData"]
    folder = world.place()
    first = World(daemon)
    first.hyperv, first.parts.hyperv = h, h
    h.finish(first.export(machine, folder, CopySnapshotConfiguration=0))
    (file,) = folder.glob("Virtual Machines/*.xml")
    imported = h.finish(first.import_from(file))["ImportedSystem"]
    found = h.finish(first.snapshots_of(imported, folder))["ImportedSnapshots"]
    assert (imported.uri, found.uri) == (v1 + "Msvm_PlannedComputerSystem", snapshot.uri)
    for system in (machine, realized, h.finish(first.realize(imported))["ResultingSystem"], define("DefinePlannedSystem")):
        assert h.get(system)["ElementName"] == "v1"
        h.finish(h.destroy(system))
        assert not h.query(f"SELECT * FROM {system.class_name} WHERE Name = '{system.selectors['Name']}'")


def shapes(reference):
    """The contents of a REF parameter: an EPR, and the texts of paths with a host, with a dot for it, and without namespace."""
    text = reference.path("TESTHOST")
    return [reference.content(), text, reference.path(), text.split(":", 1)[1]]


@pytest.mark.parametrize("shape", range(4))
@pytest.mark.parametrize("of_settings", [False, True])
def test_references_in_every_form_that_clients_send(world, shape, of_settings):
    w = world

    def ref(system):
        # A system's settings stand for it, and it for them.
        text = shapes(w.hyperv.settings_of(system) if of_settings else system)[shape]
        return escape(text) if shape else text

    machine, planned = w.machine(), w.planned()
    inner = embedded.render(FORM, "SystemSettings", Instance("Msvm_VirtualSystemSettingData", ElementName="like"), WMI)
    like = w.done(w.hyperv.service("DefineSystem", inner + f"<p:ReferenceConfiguration>{ref(machine)}"
                                                           "</p:ReferenceConfiguration>"))["ResultingSystem"]
    where = w.place()
    w.done(w.hyperv.service("ExportSystemDefinition", f"<p:ComputerSystem>{ref(like)}</p:ComputerSystem>"
                                                      f"<p:ExportDirectory>{where}</p:ExportDirectory>"))
    assert list(where.rglob("*.xml"))
    size = w.hyperv.service("GetSizeOfSystemFiles", f"<p:Vssd>{ref(like)}</p:Vssd>")
    assert size["ReturnValue"] == "0" and int(size["Size"]) > 0
    controller = embedded.render(FORM, "ResourceSettings", disk("")[0], WMI)
    added = w.done(w.hyperv.service("AddResourceSettings", f"<p:AffectedConfiguration>{ref(like)}</p:AffectedConfiguration>"
                                    + controller))["ResultingResourceSettings"]
    text = shapes(added)[shape]
    w.done(w.hyperv.service("RemoveResourceSettings",
                            f"<p:ResourceSettings>{escape(text) if shape else text}</p:ResourceSettings>"))
    assert added.selectors["InstanceID"] not in [d["InstanceID"] for d in w.hyperv.devices(like, RASD)]
    imported, folder = w.imported()
    w.done(w.hyperv.service("ImportSnapshotDefinitions", f"<p:PlannedSystem>{ref(imported)}</p:PlannedSystem>"
                                                         f"<p:SnapshotFolder>{folder}</p:SnapshotFolder>"))
    for method in ("ValidatePlannedSystem", "RealizePlannedSystem"):
        w.done(w.hyperv.service(method, f"<p:PlannedSystem>{ref(planned)}</p:PlannedSystem>"))
    w.done(w.of_snapshots("CreateSnapshot", f"<p:AffectedSystem>{ref(like)}</p:AffectedSystem>"
                                            "<p:SnapshotType>2</p:SnapshotType>"))
    w.done(w.hyperv.service("DestroySystem", f"<p:AffectedSystem>{ref(like)}</p:AffectedSystem>"))
