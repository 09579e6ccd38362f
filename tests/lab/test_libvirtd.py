"""A libvirtd that is killed and comes back while clients use the daemon. The libvirtd is the test's own: a session daemon in a
folder of its own, under a user without rights when the tests run as root."""
import json
import os
import pathlib
import pwd
import random
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time

import embedded
import pytest
import winrm.exceptions
from cut_link import Link
from embedded import Instance
from hyperv import OFF, PAUSED, RUNNING, SAVED, HyperV, eventually
from machine_parts import Parts, settings_epr
from snapshot_kit import DISK, Machine, id_of
from test_snapshot_trees import Tree
from wsvirtd import Daemon, processes_below

LIBVIRTD = shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin")
SHUT_DOWN = 4
pytestmark = pytest.mark.skipif(LIBVIRTD is None, reason="Debian's libvirt-daemon is not installed")


class Libvirtd:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="lv", dir="/tmp"))
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.environment = dict(PATH=os.environ["PATH"] + ":/usr/sbin", HOME=str(self.folder))
        for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "STATE_HOME"):
            place = self.folder / name.split("_")[0].lower()
            place.mkdir(mode=0o700)
            self.environment["XDG_" + name] = str(place)
        if self.user:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.process = None

    @property
    def uri(self):
        return f"qemu+unix:///session?socket={self.folder}/runtime/libvirt/libvirt-sock"

    def start(self):
        rights = dict(user=self.user.pw_uid, group=self.user.pw_gid, extra_groups=[]) if self.user else {}
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([LIBVIRTD], env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, cwd=self.folder, start_new_session=True, **rights)
        deadline = time.monotonic() + 120  # the first time it asks QEMU what it can do
        while subprocess.run(["virsh", "-q", "-c", self.uri, "list"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             check=False).returncode:
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.1)

    def kill(self, sign=signal.SIGKILL):
        self.process.send_signal(sign)
        if sign == signal.SIGKILL:
            self.process.wait()

    def clear(self):
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in processes_below(str(self.folder) + "/"):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def libvirtd():
    running = Libvirtd()
    try:
        running.start()
        yield running
    finally:
        running.clear()


@pytest.fixture(scope="module")
def daemon(libvirtd):
    with Daemon(uri=libvirtd.uri, storage_folders=[libvirtd.folder / "vms"]) as running:
        yield running


def small_machine(hyperv, name):
    return hyperv.finish(hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName=name), [
        Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=64,
                 Reservation=64, Limit=64)]))["ResultingSystem"]


def virsh_of(libvirtd):
    return lambda *words: subprocess.run(["virsh", "-q", "-c", libvirtd.uri, *words], stdout=subprocess.PIPE, text=True,
                                         check=True).stdout


def outcome(hyperv, call):
    """What a request came to: "done", "refused" or "failed"; never a silence and never an internal error."""
    try:
        output = call()
    except winrm.exceptions.WinRMError as e:  # a fault
        assert "InternalError" not in str(e), e
        return "refused"
    code = int(output["ReturnValue"])
    if code == 4096:
        job = hyperv.wait_job(output["Job"])
        assert int(job["JobState"]) == 7 or job["ErrorDescription"], dict(job)
        return "done" if int(job["JobState"]) == 7 else "failed"
    return "done" if code == 0 else "refused"


def test_libvirtd_is_killed_and_comes_back(daemon, libvirtd):
    hyperv = HyperV(daemon)
    small = Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=64,
                     Reservation=64, Limit=64)
    machine = hyperv.finish(hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="survivor"), [small])
                            )["ResultingSystem"]
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)
    guid = machine.selectors["Name"]
    qemu, = processes_below(guid.lower())

    libvirtd.kill()
    # Reads are answered from what is known, changes are refused and say so; others are served as before.
    begun = time.monotonic()
    assert hyperv.state(machine) is not None
    assert hyperv.query("SELECT * FROM Msvm_VirtualSystemManagementService")
    assert time.monotonic() - begun < 20
    for call in (lambda: hyperv.request_state(machine, OFF), lambda: hyperv.destroy(machine),
                 lambda: hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="nowhere"), [small])):
        assert outcome(hyperv, call) != "done"
    assert processes_below(guid.lower()) == [qemu]

    libvirtd.start()
    # Without a restart of the daemon: the machine has lived on, changes work again, what failed has left nothing.
    eventually(lambda: hyperv.state(machine) == RUNNING)
    assert processes_below(guid.lower()) == [qemu]
    assert {i["ElementName"] for i in hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")} == {"survivor"}
    eventually(lambda: outcome(hyperv, lambda: hyperv.request_state(machine, OFF)) == "done")
    hyperv.wait_state(machine, OFF)

    # What happens to a machine while libvirtd is away is seen afterwards.
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)
    qemu, = processes_below(guid.lower())
    libvirtd.kill()
    os.kill(qemu, signal.SIGKILL)
    libvirtd.start()
    hyperv.wait_state(machine, OFF, 60)
    eventually(lambda: outcome(hyperv, lambda: hyperv.destroy(machine)) == "done")
    assert not hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")


def test_libvirtd_is_killed_at_random_moments(daemon, libvirtd):
    """Machines are defined and destroyed meanwhile: none is left half made, and no request hangs."""
    hyperv = HyperV(daemon)
    for n in range(5):
        eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
        defined = set()
        for i in range(6):
            if i == 3:
                libvirtd.kill()
            name = f"r{n}-{i}"
            if outcome(hyperv, lambda: hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName=name))) == "done":
                defined.add(name)
        libvirtd.start()
        seen = eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER"))
        assert {i["ElementName"] for i in seen} == defined
        assert len(defined) >= 3
        for item in seen:
            machine = hyperv.reference(item["Name"])
            eventually(lambda: outcome(hyperv, lambda: hyperv.destroy(machine)) == "done")
        assert not hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")


def test_a_saved_machine_of_a_session_gives_no_snapshot_without_its_memory(daemon, libvirtd):
    """Nobody says where the libvirt of a user's session keeps it. A snapshot of the disks alone is one all the same."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    machine = small_machine(hyperv, "saved elsewhere")
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.finish(hyperv.request_state(machine, SAVED))
    service = "Msvm_VirtualSystemSnapshotService"

    def snapshot(kind):
        return hyperv.invoke(service, {"CreationClassName": service}, "CreateSnapshot",
                             f"<p:AffectedSystem>{machine.content()}</p:AffectedSystem><p:SnapshotType>{kind}</p:SnapshotType>")

    job = hyperv.wait_job(snapshot(2)["Job"])
    assert int(job["JobState"]) == 10 and job["ErrorCode"] == "32770" and "cannot be reached" in job["ErrorDescription"], dict(job)
    made = hyperv.finish(snapshot(3))["ResultingSnapshot"]
    assert hyperv.get(made)["IsSaved"] == "false" and hyperv.state(machine) == SAVED
    hyperv.finish(hyperv.destroy(machine))


def test_a_paused_machine_whose_memory_was_written_and_nobody_knows(daemon, libvirtd):
    """As a save leaves it that was cut off at its end. QEMU writes it again only when it has run since."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    machine = small_machine(hyperv, "written")

    def qemu(command, **arguments):
        words = json.dumps({"execute": command, "arguments": arguments} if arguments else {"execute": command})
        done = subprocess.run(["virsh", "-q", "-c", libvirtd.uri, "qemu-monitor-command", machine.selectors["Name"].lower(), words],
                              stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)["return"]

    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.finish(hyperv.request_state(machine, PAUSED))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        qemu("migrate", uri=f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        stream, _ = listener.accept()
        with stream:
            while stream.recv(1 << 20):
                pass
    eventually(lambda: qemu("query-status")["status"] == "postmigrate")
    hyperv.finish(hyperv.request_state(machine, SAVED))
    hyperv.wait_state(machine, SAVED)
    hyperv.finish(hyperv.destroy(machine))


def test_vhd_disks_that_libvirt_opens(daemon, libvirtd):
    """QEMU keeps no memory beside a VHD: that is said, and snapshots of the disks alone are taken while it runs."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    daemon.storage = libvirtd.folder / "vms"
    machine = Machine(hyperv, daemon, "vpc", pipe=False)
    disk = machine.disks[0]
    if libvirtd.user:
        for path in (daemon.storage, disk):
            os.chown(path, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
    machine.turn(RUNNING)
    for begin in (machine.begin, lambda: hyperv.request_state(machine.epr, SAVED)):
        job = hyperv.wait_job(begin()["Job"])
        assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32770), dict(job)
        assert "convert the disk" in job["ErrorDescription"]
    assert machine.associated("Msvm_SnapshotOfVirtualSystem") == []
    assert machine.files() == [disk.name] and machine.state() == RUNNING
    snapshot = machine.create(DISK)
    assert machine.state() == RUNNING
    assert machine.files() == sorted([disk.name, f"{disk.stem}.{id_of(snapshot)}.qcow2"])
    machine.remove()


def test_a_service_that_starts_a_moment_before_libvirtd(libvirtd):
    late = libvirtd.folder / "late"
    there = threading.Timer(1.5, lambda: late.symlink_to(libvirtd.folder / "runtime/libvirt/libvirt-sock"))
    there.start()
    with Daemon(uri=f"qemu+unix:///session?socket={late}") as daemon:
        assert late.is_symlink()
        assert HyperV(daemon).query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER")
    there.join()


def test_a_link_that_is_cut_while_a_snapshot_is_taken(libvirtd):
    """libvirtd finishes it: the machine stands on the overlay, and nobody removes that. Where the overlay cannot be merged
    from here the snapshot stays."""
    virsh, path = virsh_of(libvirtd), libvirtd.folder / "link"
    link = Link(path, libvirtd.folder / "runtime/libvirt/libvirt-sock")
    folder = libvirtd.folder / "cut"
    with Daemon(uri=f"qemu+unix:///session?socket={path}", storage_folders=[folder]) as daemon:
        hyperv = HyperV(daemon)
        eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
        daemon.storage = folder
        machine = Machine(hyperv, daemon, "raw", pipe=False)
        if libvirtd.user:
            for owned in (folder, *machine.disks):
                os.chown(owned, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
        machine.turn(RUNNING)
        link.silent_after(b"<domainsnapshot>")
        job = machine.begin(DISK)["Job"]
        eventually(lambda: ".qcow2" in virsh("domblklist", machine.guid.lower()))
        link.cut()
        ended = hyperv.wait_job(job)
        assert int(ended["JobState"]) == 10 and "does not answer" in ended["ErrorDescription"], dict(ended)
        eventually(lambda: not list(daemon.state.glob("unfinished-snapshots/*")))
        overlay = pathlib.Path(virsh("domblklist", machine.guid.lower()).split()[-1])
        assert machine.files() == sorted([overlay.name, machine.disks[0].name])
        assert [f"{machine.disks[0].stem}.{s}.qcow2" for s in machine.associated("Msvm_SnapshotOfVirtualSystem")] == [overlay.name]
        assert machine.state() == RUNNING
        machine.turn(OFF)
        machine.turn(RUNNING)
        machine.remove()
    link.close()


def test_a_link_that_is_cut_while_a_snapshot_is_applied(libvirtd):
    """Afterwards the machine, its memory and what it stands on are as if nothing had happened, whether the link was cut or
    this service killed, as libvirt went back to the snapshot or saved the machine."""
    virsh, path = virsh_of(libvirtd), libvirtd.folder / "link2"
    link = Link(path, libvirtd.folder / "runtime/libvirt/libvirt-sock")
    folder = libvirtd.folder / "back"
    managed_save, define_snapshot, revert = (struct.pack(">III", 0x20008086, 1, n) for n in (182, 185, 192))  # in libvirt's protocol
    with Daemon(uri=f"qemu+unix:///session?socket={path}", storage_folders=[folder]) as daemon:
        hyperv = HyperV(daemon)
        eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
        daemon.storage = folder
        machine = Machine(hyperv, daemon, "qcow2", pipe=False)
        if libvirtd.user:
            for owned in (folder, *machine.disks):
                os.chown(owned, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
        machine.turn(RUNNING)
        first, second = machine.create(), machine.create()
        machine.turn(OFF)
        machine.apply(second)

        def cut_off(call, killed):
            machine.apply(second)
            link.silent_after(call)
            job = machine.call("ApplySnapshot", "Snapshot", first)["Job"]
            eventually(link.silent.is_set)
            eventually(lambda: virsh("domstate", machine.guid.lower()).strip() == ("running" if call == revert else "shut off"))
            if killed:
                daemon.kill()
            link.cut()
            if killed:
                daemon.start()
            ended = hyperv.wait_applied(job) if killed else hyperv.wait_job(job)
            if killed:
                assert int(ended["JobState"]) == 7, dict(ended)
            else:
                assert int(ended["JobState"]) == 10 and "is finished when" in ended["ErrorDescription"], dict(ended)
            eventually(lambda: not list(daemon.state.glob("unfinished-snapshots/*")))
            for association in ("Msvm_MostCurrentSnapshotInBranch", "Msvm_LastAppliedSnapshot"):
                assert machine.associated(association) == [id_of(first)], association
            assert sorted(machine.children(id_of(first))) == sorted([machine.guid, id_of(second)])

        for call, killed in ((revert, False), (managed_save, False), (revert, True), (managed_save, True)):
            cut_off(call, killed)
            assert machine.state() == SAVED
        hyperv.finish(machine.call("ClearSnapshotState", "SnapshotSettingData", first))
        for killed in (False, True):  # its memory is not looked at
            cut_off(define_snapshot, killed)
            assert machine.state() == OFF
        machine.remove()
    link.close()


def test_associations_follow_virsh(libvirtd):
    """What others take, delete and go back to, in between what clients do. Which one they went back to last shows in where the
    machine stands only."""
    virsh, folder, dice = virsh_of(libvirtd), libvirtd.folder / "theirs", random.Random(5)
    with Daemon(uri=libvirtd.uri, storage_folders=[folder]) as daemon:
        hyperv = HyperV(daemon)
        eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
        daemon.storage = folder
        machine = Machine(hyperv, daemon, "qcow2", pipe=False)
        if libvirtd.user:
            for owned in (folder, *machine.disks):
                os.chown(owned, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
        tree, names, noted, guid = Tree(), {}, None, machine.guid.lower()

        def others_do(kind, it, name):
            if kind == "create":
                virsh("snapshot-create-as", guid, name)
            elif kind == "apply":
                virsh("snapshot-revert", guid, names[it])
                tree.current = it
            else:
                virsh("snapshot-delete", guid, names[it], *dice.choice([[], ["--metadata"]]))
                tree.destroy(it, False)
            settings = libvirtd.folder / "settings.xml"  # libvirt says nothing of snapshots, but of these
            settings.write_text(virsh("dumpxml", "--inactive", guid))
            virsh("define", settings)
            if kind == "create":
                (made,) = eventually(lambda: set(machine.associated("Msvm_SnapshotOfVirtualSystem")) - set(tree.parent))
                names[made] = name
                tree.create(made)
            eventually(lambda: machine.associated("Msvm_MostCurrentSnapshotInBranch") == [tree.current][:bool(tree.current)]
                       and sorted(machine.associated("Msvm_SnapshotOfVirtualSystem")) == sorted(tree.parent))
            shown = machine.associated("Msvm_LastAppliedSnapshot")
            assert shown in ([], [tree.current], [tree.applied], [noted]), shown
            tree.applied = shown[0] if shown else None

        def client_does(kind, it):
            if kind == "create":
                made = id_of(machine.create())
                names[made] = made
                tree.create(made)
            elif kind == "apply":
                machine.apply(settings_epr(f"Microsoft:{it}"))
                tree.apply(it)
            else:
                machine.destroy(settings_epr(f"Microsoft:{it}"))
                tree.destroy(it, False)

        for step in range(30):
            it = dice.choice(sorted(tree.parent)) if tree.parent else None
            kind = dice.choice(["create", "create", "apply", "apply", "destroy"]) if it else "create"
            if dice.random() < 0.4:
                others_do(kind, it, f"theirs {step}")
            else:
                client_does(kind, it)
                noted = tree.applied
            tree.check(machine)
        machine.remove()


def test_calls_end_at_their_limits(libvirtd):
    """A guest that does not listen, and a libvirtd that stands still: jobs end with a timeout and say what to do."""
    with Daemon(uri=libvirtd.uri, backend='call_limit = "5s"\nshut_down_limit = "2s"\n') as daemon:
        hyperv = HyperV(daemon)
        small = Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory", VirtualQuantity=64,
                         Reservation=64, Limit=64)
        machine = hyperv.finish(hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="deaf"), [small])
                                )["ResultingSystem"]
        hyperv.finish(hyperv.request_state(machine, RUNNING))
        job = hyperv.wait_job(hyperv.request_state(machine, SHUT_DOWN)["Job"])
        assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32772), dict(job)
        assert "did not shut down in time" in job["ErrorDescription"]
        libvirtd.kill(signal.SIGSTOP)
        try:
            job = hyperv.wait_job(hyperv.request_state(machine, OFF)["Job"])
            assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32772), dict(job)
            late = hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="late"), [small])
            settings = "Microsoft:" + machine.selectors["Name"]
            renamed = hyperv.service("ModifySystemSettings", embedded.render(
                "cimxml-escaped", "SystemSettings",
                Instance("Msvm_VirtualSystemSettingData", InstanceID=settings, ElementName="renamed"), hyperv.namespace))
            for call in (late, renamed):
                job = hyperv.wait_job(call["Job"])
                assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32772), dict(job)
        finally:
            libvirtd.kill(signal.SIGCONT)

        def all_of_libvirt():
            return subprocess.run(["virsh", "-q", "-c", libvirtd.uri, "list", "--all", "--uuid"], stdout=subprocess.PIPE, text=True,
                                  check=True).stdout.lower()

        # libvirt does what it was asked long ago, and it is taken back: what has failed leaves nothing.
        name = late["ResultingSystem"].selectors["Name"]
        eventually(lambda: name.lower() not in all_of_libvirt() and not hyperv.query(
            f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{name}'"))
        time.sleep(2)
        assert name.lower() not in all_of_libvirt()
        assert not hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'late'")
        assert hyperv.get(machine)["ElementName"] == "deaf"

        def gone():
            outcome(hyperv, lambda: hyperv.request_state(machine, OFF))
            return outcome(hyperv, lambda: hyperv.destroy(machine)) == "done"

        eventually(gone)


def test_a_machine_that_was_started_while_the_daemon_was_dead_is_not_taken_back(daemon, libvirtd):
    """Applying a snapshot is done again after kill -9, but not over what somebody has started meanwhile."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    machine = small_machine(hyperv, "started since")
    guid = machine.selectors["Name"].lower()
    snapshots = "Msvm_VirtualSystemSnapshotService"

    def on_snapshots(method, inner):
        return hyperv.invoke(snapshots, {"CreationClassName": snapshots}, method, inner)

    made = hyperv.finish(on_snapshots("CreateSnapshot", f"<p:AffectedSystem>{machine.content()}</p:AffectedSystem>"
                                      "<p:SnapshotType>2</p:SnapshotType>"))["ResultingSnapshot"]

    def cut_off():
        """An application that libvirtd has not yet begun."""
        libvirtd.process.send_signal(signal.SIGSTOP)
        try:
            output = on_snapshots("ApplySnapshot", f"<p:Snapshot>{made.content()}</p:Snapshot>")
            daemon.kill()
        finally:
            libvirtd.process.send_signal(signal.SIGCONT)
        return output["Job"]

    virsh = virsh_of(libvirtd)
    job = cut_off()
    virsh("start", guid)
    started = virsh("domid", guid)
    daemon.start()
    ended = hyperv.wait_job(job)
    assert int(ended["JobState"]) == 10 and "started since" in ended["ErrorDescription"], dict(ended)
    assert virsh("domid", guid) == started and hyperv.state(machine) == RUNNING
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.wait_state(machine, OFF)

    job = cut_off()  # nobody starts it
    daemon.start()
    ended = hyperv.wait_applied(job)
    assert int(ended["JobState"]) == 7, dict(ended)
    hyperv.finish(hyperv.destroy(machine))


def test_a_machine_that_was_started_while_the_daemon_was_dead_is_not_removed(daemon, libvirtd):
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    machine = small_machine(hyperv, "wanted again")
    guid, virsh = machine.selectors["Name"], virsh_of(libvirtd)
    daemon.kill()
    note = daemon.state / "unfinished-snapshots" / guid
    note.parent.mkdir(exist_ok=True)
    note.write_text(f"host TESTHOST\nmachine {guid}\nid {guid}\nremoved\n")  # as DestroySystem leaves it
    virsh("start", guid.lower())
    daemon.start()
    eventually(lambda: not note.exists())
    assert hyperv.state(machine) == RUNNING
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.wait_state(machine, OFF)
    hyperv.finish(hyperv.destroy(machine))


def test_a_machine_that_is_saved_after_its_export_was_killed_goes_on(daemon, libvirtd):
    """QEMU stands still while the daemon comes back, and what the export had asked libvirtd for comes after that."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    machine, virsh = small_machine(hyperv, "saved late"), virsh_of(libvirtd)
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    guid = machine.selectors["Name"].lower()
    qemu, = processes_below(guid)
    started, parts = virsh("domid", guid), Parts(hyperv, daemon, None)
    os.kill(qemu, signal.SIGSTOP)
    try:
        output = parts.start_export(machine, parts.exports, CaptureLiveState=1, CopyVmRuntimeInformation=False)
        assert output["ReturnValue"] == "4096"
        time.sleep(5)  # until libvirtd has been asked for it
        daemon.kill()
        daemon.start()
    finally:
        os.kill(qemu, signal.SIGCONT)
    eventually(lambda: virsh("domid", guid) not in (started, "-\n") and hyperv.state(machine) == RUNNING)
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.wait_state(machine, OFF)
    hyperv.finish(hyperv.destroy(machine))
