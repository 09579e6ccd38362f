"""What is left when this service or a host's libvirtd ends without warning in the middle, between two real hosts.

Like test_migration.py it runs inside the first of two hosts."""
import json
import os
import pathlib
import resource
import shutil
import subprocess

import pytest

INSIDE = "WSVIRT_LAB_FOLDER" in os.environ

if not INSIDE:
    from travellers import run_between_two_hosts

    @pytest.mark.timeout(950)
    def test_cut_off_between_two_hosts(guest):
        run_between_two_hosts(guest, 900, pathlib.Path(__file__).resolve())

else:
    from hyperv import OFF, RUNNING, SAVED, HyperV
    from machine_parts import SNAPSHOTS
    from test_machines import memory, settings
    from travellers import (BOTH, CLUSTER, COMPLETED, EXCEPTION, FOLDER, PATIENCE, SHARED, STORAGE, TERMINATED, URIS, Traveller,
                            daemon_on_a, on_host, until, virsh)

    @pytest.fixture(scope="module")
    def daemon():
        with daemon_on_a() as running:
            yield running

    @pytest.fixture(scope="module")
    def hyperv(daemon):
        return HyperV(daemon)

    # --- variables of UEFI firmware --------------------------------------------------------------------------------------

    NVRAM = "/var/lib/libvirt/qemu/nvram"

    OWN = {host: FOLDER / host / "lib/qemu/nvram" for host in URIS}

    @pytest.fixture
    def shared():
        """Where both hosts have them."""
        folder = SHARED / "nvram"
        folder.mkdir(exist_ok=True)
        for host in URIS:
            assert on_host(host, "mount", "--bind", folder, NVRAM).returncode == 0
        yield dict.fromkeys(URIS, folder)
        for host in URIS:
            assert on_host(host, "umount", NVRAM).returncode == 0

    def with_variables(hyperv, name):
        return Traveller.of(hyperv, hyperv.finish(hyperv.define(settings(name, 2), [memory(64)]))["ResultingSystem"])

    def files_of(traveller, folders):
        name = virsh("hvA", "domname", traveller.guid.lower()).stdout.strip()
        return {host: folder / f"{name}_VARS.fd" for host, folder in folders.items()}

    def removed(hyperv, traveller):
        kept, hyperv.namespace = hyperv.namespace, CLUSTER
        machine = hyperv.reference(traveller.guid)
        if hyperv.state(machine) != OFF:
            hyperv.finish(hyperv.request_state(machine, OFF))
        hyperv.finish(hyperv.destroy(machine))
        hyperv.namespace = kept
        until("it is gone", lambda: traveller.defined_on() == [])

    def cut_off(daemon, traveller, **how):
        """Its job; nothing goes on, and the daemon is not there."""
        job = traveller.begin("hvB", Bandwidth=1, **how)
        traveller.wait_progress(job)
        daemon.kill()
        until("libvirt has cleared up", lambda: traveller.defined_on() == ["hvA"] and
              "ounded" not in virsh("hvA", "domjobinfo", traveller.guid.lower()).stdout)
        return job

    def stays(hyperv, daemon, job):
        daemon.start()
        ended = hyperv.wait_job(job, PATIENCE)
        assert ended["JobState"] == EXCEPTION and "hvA" in ended["ErrorDescription"], dict(ended)

    def test_variables_of_its_own_that_the_destination_had_begun(hyperv, daemon):
        traveller = with_variables(hyperv, "own")
        files = files_of(traveller, OWN)
        hyperv.finish(hyperv.request_state(traveller.machine, RUNNING))
        before = files["hvA"].stat().st_ino
        job = cut_off(daemon, traveller)
        assert files["hvB"].exists(), "QEMU ends there, and nobody removes it"
        stays(hyperv, daemon, job)
        traveller.is_only_on("hvA")
        assert files["hvA"].stat().st_ino == before
        assert not files["hvB"].exists()
        removed(hyperv, traveller)

    def test_shared_variables_of_a_machine_that_stayed(hyperv, daemon, shared):
        """It was defined over there already, and is off."""
        traveller = with_variables(hyperv, "stays")
        file = files_of(traveller, shared)["hvA"]
        file.write_bytes(os.urandom(540672))  # as QEMU leaves it
        before = file.read_bytes()
        subprocess.run(["qemu-img", "create", "-q", "-f", "raw", "/vms/stays.raw", "64M"], check=True)
        subprocess.run(["qemu-io", "-f", "raw", "-c", "write -P 0x5a 0 48M", "/vms/stays.raw"], check=True,
                       stdout=subprocess.DEVNULL)
        traveller.with_disk("/vms/stays.raw")
        job = cut_off(daemon, traveller, kind=BOTH, disk="/vms/new/stays.raw")
        (SHARED / "stays.xml").write_text(virsh("hvA", "dumpxml", "--inactive", traveller.guid.lower()).stdout)
        assert virsh("hvB", "define", str(SHARED / "stays.xml")).returncode == 0
        stays(hyperv, daemon, job)
        until("it is only on hvA", lambda: traveller.defined_on() == ["hvA"])
        assert file.read_bytes() == before
        removed(hyperv, traveller)
        assert not file.exists()

    def test_shared_variables_of_a_machine_that_moved(hyperv, daemon, shared):
        """It had arrived, and was still defined where it came from."""
        traveller = with_variables(hyperv, "moves")
        file = files_of(traveller, shared)["hvA"]
        hyperv.finish(hyperv.request_state(traveller.machine, RUNNING))
        before = file.stat().st_ino
        job = cut_off(daemon, traveller)
        done = virsh("hvA", "migrate", "--live", "--persistent", "--unsafe", traveller.guid.lower(), URIS["hvB"])
        assert done.returncode == 0, done.stderr
        daemon.start()
        ended = hyperv.wait_job(job, PATIENCE)
        assert ended["JobState"] == COMPLETED, dict(ended)
        traveller.is_only_on("hvB")
        assert file.stat().st_ino == before
        removed(hyperv, traveller)
        assert not file.exists()

    # --- disks that stay on their host -----------------------------------------------------------------------------------

    def test_a_copy_that_goes_on_without_libvirtd(hyperv):
        """QEMU writes to it still; when libvirtd is back that is ended, and nothing of it stays."""
        here, copy = (FOLDER / "hvA/vms" / name for name in ("stay.qcow2", "stay-copy.qcow2"))
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", here, "64M"], check=True)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P 0x5a 0 60M", here], check=True)
        stays = Traveller.of(hyperv, hyperv.finish(hyperv.define(settings("stays", 1), [memory(64)]))["ResultingSystem"])
        stays.with_disk("/vms/stay.qcow2")
        hyperv.finish(hyperv.request_state(stays.machine, RUNNING))
        job = stays.begin(None, host_text="", kind=STORAGE, disk="/vms/stay-copy.qcow2", Bandwidth=1)
        assert 0 < int(stays.wait_progress(job)["PercentComplete"]) < 60, "1 MiB a second"
        os.kill(int((FOLDER / "hvA/run/libvirtd.pid").read_text()), 9)
        ended = hyperv.wait_job(job, PATIENCE)
        assert ended["JobState"] == EXCEPTION and "There is still" in ended["ErrorDescription"], dict(ended)
        assert copy.exists()
        assert on_host("hvA", "libvirtd", "-d", "--listen", "-p", "/run/libvirt/libvirtd.pid").returncode == 0
        until("nothing of the copy", lambda: not copy.exists())
        assert stays.runs_on() == ["hvA"]
        assert virsh("hvA", "domblklist", stays.guid.lower()).stdout.split()[-1] == "/vms/stay.qcow2"
        until("it is free", lambda: hyperv.request_state(stays.machine, OFF)["ReturnValue"] in ("0", "4096"))
        hyperv.wait_state(stays.machine, OFF)
        hyperv.finish(hyperv.destroy(stays.machine))
        here.unlink()

    # --- saved memory on another host ------------------------------------------------------------------------------------

    SMALL = 4 << 20  # smaller than any machine's memory

    def hvB_answers():
        assert on_host("hvB", "libvirtd", "-d", "--listen", "-p", "/run/libvirt/libvirtd.pid").returncode == 0
        until("libvirtd of hvB answers", lambda: virsh("hvB", "list").returncode == 0)

    def dies_of_large_files():
        """It ends in the middle of the next one that it writes."""
        pid = int((FOLDER / "hvB/run/libvirtd.pid").read_text())
        for limit, size in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, SMALL)):
            resource.prlimit(pid, limit, (size, size))

    @pytest.fixture(scope="module")
    def over_there(daemon, hyperv, guest):
        """A machine that is saved on hvB, with a snapshot of that."""
        iso = shutil.copy(guest.iso, SHARED / "guest.iso")
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", SHARED / "far.qcow2", "16M"], check=True)
        far = Traveller(hyperv, "far", iso).with_disk(SHARED / "far.qcow2").boot()
        far.move("hvB")
        far.is_only_on("hvB")
        far.hyperv = HyperV(daemon, namespace=CLUSTER)
        far.machine = far.hyperv.reference(far.guid)
        return far

    def turn(far, state):
        far.hyperv.finish(far.hyperv.request_state(far.machine, state))
        far.hyperv.wait_state(far.machine, state)

    def snapshot_of(far):
        return far.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, "CreateSnapshot",
                                 f"<p:AffectedSystem>{far.machine.content()}</p:AffectedSystem><p:SnapshotType>2</p:SnapshotType>")

    def apply(far, snapshot):
        return far.hyperv.invoke(SNAPSHOTS, {"CreationClassName": SNAPSHOTS}, "ApplySnapshot",
                                 f"<p:Snapshot>{snapshot.content()}</p:Snapshot>")

    def fails(far, output):
        ended = far.hyperv.wait_job(output["Job"], PATIENCE)
        assert ended["JobState"] == EXCEPTION, dict(ended)

    def memory_files():
        return sorted(p.name for p in [*SHARED.glob("*.saved"), *(FOLDER / "hvB/lib/qemu/save").iterdir()])

    def cleared_up(daemon):
        until("nothing is noted", lambda: not list((daemon.state / "unfinished-snapshots").iterdir()))

    def test_a_snapshot_of_saved_memory_that_libvirtd_cut_off(daemon, over_there):
        """This service ends meanwhile, too, and the host is away when it starts."""
        far = over_there
        turn(far, SAVED)
        (own,) = memory_files()
        dies_of_large_files()
        fails(far, snapshot_of(far))
        assert len(memory_files()) == 2, "half of it is there"
        daemon.kill()
        daemon.start()
        assert len(memory_files()) == 2
        hvB_answers()
        cleared_up(daemon)
        assert memory_files() == [own]
        assert virsh("hvB", "snapshot-list", "--name", far.guid.lower()).stdout.split() == []
        before = far.last_tick("hvB")
        turn(far, RUNNING)
        far.counts_on("hvB", before)

    def test_going_back_that_libvirtd_cut_off(daemon, over_there):
        """While the memory of the machine is put aside it is as before; later it becomes what the snapshot is."""
        far = over_there
        turn(far, SAVED)
        taken_at = far.last_tick("hvB")
        snapshot = far.hyperv.finish(snapshot_of(far))["ResultingSnapshot"]
        whole = memory_files()
        dies_of_large_files()
        fails(far, apply(far, snapshot))
        assert [name for name in memory_files() if name.endswith(".before")]
        hvB_answers()
        cleared_up(daemon)
        assert memory_files() == whole
        turn(far, RUNNING)
        far.counts_on("hvB", taken_at + 3)

        turn(far, OFF)
        dies_of_large_files()
        fails(far, apply(far, snapshot))
        assert memory_files() == whole, "half of one is there"
        hvB_answers()
        cleared_up(daemon)
        assert memory_files() == whole
        until("it is saved", lambda: far.hyperv.state(far.machine) == SAVED)
        far.console("hvB").unlink()
        turn(far, RUNNING)
        until("it counts again", lambda: far.ticks("hvB"))
        assert far.ticks("hvB")[0] <= taken_at + 2
        removed(far.hyperv, far)

    # --- disks that stand on others --------------------------------------------------------------------------------------

    def make_child(host, folder):
        """An overlay that hides a part of the file below it."""
        for command in (("qemu-img", "create", "-q", "-f", "qcow2", f"{folder}/base.qcow2", "64M"),
                        ("qemu-io", "-f", "qcow2", "-c", "write -q -P 0x5a 0 24M", f"{folder}/base.qcow2"),
                        ("qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{folder}/base.qcow2", "-F", "qcow2",
                         f"{folder}/child.qcow2"),
                        ("qemu-io", "-f", "qcow2", "-c", "write -q -P 0x6b 16M 16M", f"{folder}/child.qcow2")):
            done = on_host(host, *command)
            assert done.returncode == 0, done.stdout

    def holds_both(file):
        """By itself."""
        info = json.loads(subprocess.run(["qemu-img", "info", "-U", "--output=json", file], check=True, stdout=subprocess.PIPE).stdout)
        assert "backing-filename" not in info, info
        for pattern, at, size in (("0x5a", 0, 16), ("0x6b", 16, 16), ("0", 32, 32)):
            read = subprocess.run(["qemu-io", "-U", "-r", "-f", "qcow2", "-c", f"read -P {pattern} {at}M {size}M", file], check=True,
                                  stdout=subprocess.PIPE, text=True).stdout
            assert "verification failed" not in read, read
        return True

    def stand_on_another(host, folder):
        """What the disk was is below it now."""
        for command in (("mv", f"{folder}/child.qcow2", f"{folder}/below.qcow2"),
                        ("qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{folder}/below.qcow2", "-F", "qcow2",
                         f"{folder}/child.qcow2")):
            assert on_host(host, *command).returncode == 0

    def left_in(folder):
        return sorted(p.name for p in folder.iterdir() if p.name.endswith((".qcow2", ".part")))

    def test_off_with_a_disk_that_stands_on_another(hyperv, daemon, over_there):
        """It arrives whole and runs; cut off on the way it is where it was, and nothing half made stays anywhere."""
        (FOLDER / "hvA/vms/old").mkdir()
        make_child("hvA", "/vms/old")
        here, there = FOLDER / "hvA/vms/old", FOLDER / "hvB/vms/new"
        there.mkdir(exist_ok=True)
        base = (here / "base.qcow2").read_bytes()
        child = Traveller(hyperv, "child", SHARED / "guest.iso").with_disk("/vms/old/child.qcow2")
        job = child.begin("hvB", kind=BOTH, disk="/vms/new/child.qcow2", Bandwidth=1)
        until("its copy is on the way", lambda: (there / "child.qcow2").exists())
        assert [name for name in left_in(here) if name.endswith(".part")]
        child.request(job, 4)
        assert hyperv.wait_job(job, PATIENCE)["JobState"] == TERMINATED
        assert left_in(here) == ["base.qcow2", "child.qcow2"] and left_in(there) == []
        job = child.begin("hvB", kind=BOTH, disk="/vms/new/child.qcow2", Bandwidth=1)
        until("its copy is on the way", lambda: (there / "child.qcow2").exists())
        daemon.kill()
        stays(hyperv, daemon, job)
        until("nothing half made", lambda: left_in(here) == ["base.qcow2", "child.qcow2"] and left_in(there) == [])
        assert child.defined_on() == ["hvA"]

        child.move("hvB", kind=BOTH, disk="/vms/new/child.qcow2")
        assert child.defined_on() == ["hvB"] and holds_both(there / "child.qcow2")
        assert left_in(here) == ["base.qcow2"] and (here / "base.qcow2").read_bytes() == base

        over = HyperV(daemon, namespace=CLUSTER)
        machine = over.reference(child.guid)
        stand_on_another("hvB", "/vms/new")
        refused = child.migrate("hvA", kind=BOTH, namespace=CLUSTER, disk="/vms/old/child.qcow2")
        assert refused["ReturnValue"] == "32770" and "stands on another file" in child.why(refused), dict(refused)
        over.finish(over.request_state(machine, RUNNING))
        until("it counts", lambda: child.ticks("hvB"))
        child.move("hvA", kind=BOTH, namespace=CLUSTER, disk="/vms/old/child.qcow2")
        child.is_only_on("hvA")
        assert holds_both(here / "child.qcow2"), "QEMU copies it whole, too"

        hyperv.finish(hyperv.request_state(child.machine, OFF))
        stand_on_another("hvA", "/vms/old")
        below = (here / "below.qcow2").read_bytes()
        child.move(None, host_text="", kind=STORAGE, disk="/vms/old/moved.qcow2")
        assert holds_both(here / "moved.qcow2") and (here / "below.qcow2").read_bytes() == below
        assert left_in(here) == ["base.qcow2", "below.qcow2", "moved.qcow2"]
        hyperv.finish(hyperv.destroy(child.machine))
