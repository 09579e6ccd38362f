"""Machines between two real libvirt hosts, asked for by a WinRM client: a guest that counts goes on counting, and whatever
breaks on the way, the machine runs in exactly one place.

The tests run inside the first of two hosts that two_hosts.py makes; started outside, this file starts itself there."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

INSIDE = "WSVIRT_LAB_FOLDER" in os.environ
HERE = pathlib.Path(__file__).resolve()

if not INSIDE:

    def test_between_two_hosts(guest):
        environment = dict(os.environ, WSVIRT_GUEST=str(guest.folder.parent))
        done = subprocess.run([sys.executable, HERE.parent / "two_hosts.py", "exec", sys.executable, "-m", "pytest", "-p",
                               "no:cacheprovider", "-q", "-x", "--timeout=300", HERE], env=environment, timeout=900,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 77 or "cannot make two hosts" in done.stdout:
            pytest.skip(done.stdout.strip()[-300:])
        assert done.returncode == 0, done.stdout[-12000:]

else:
    import embedded
    from console import READY_LINE, wait_in_file
    from embedded import Instance
    from hyperv import RUNNING, WMI, HyperV, Item
    from test_machines import attach_cd, memory, processors, serial_to_file, settings
    from wsvirtd import Daemon

    embedded.TYPES.update(MigrationType="uint16", Bandwidth="uint16")
    FOLDER = pathlib.Path(os.environ["WSVIRT_LAB_FOLDER"])
    SHARED = FOLDER / "shared"
    CLUSTER = WMI.replace("virtualization/v2", "HyperVCluster/v2")
    SERVICE = "Msvm_VirtualSystemMigrationService"
    MACHINE, BOTH = 32768, 32771
    HOSTS = f"""
[[host]]
name = "hvB"
uri = "qemu+tcp://10.99.0.2/system"
storage_folders = ["/vms", "{SHARED}"]
"""

    @pytest.fixture(scope="module")
    def daemon():
        with Daemon(uri="qemu:///system", name="hvA", storage_folders=["/vms", str(SHARED)], more=HOSTS,
                    backend='accelerator = "tcg"') as running:
            yield running

    @pytest.fixture(scope="module")
    def hyperv(daemon):
        return HyperV(daemon)

    class Traveller:
        """A guest on hvA that says TICK n each second, to a file of the same name on each host."""

        def __init__(self, hyperv, name):
            self.hyperv, self.name = hyperv, name
            output = hyperv.finish(hyperv.define(settings(name, 1), [memory(160), processors(1)]))
            self.machine = output["ResultingSystem"]
            self.guid = self.machine.selectors["Name"]
            serial_to_file(hyperv, self.machine, f"/vms/{name}.console")

        def console(self, host):
            return FOLDER / host / "vms" / f"{self.name}.console"

        def boot(self):
            self.hyperv.finish(self.hyperv.request_state(self.machine, RUNNING))
            wait_in_file(self.console("hvA"), READY_LINE, 120)
            wait_in_file(self.console("hvA"), r"TICK \d+\s", 30)
            return self

        def last_tick(self, host):
            found = re.findall(r"TICK (\d+)\s", self.console(host).read_text(errors="replace"))
            return int(found[-1]) if found else -1

        def counts_on(self, host, after):
            """It says a later number there, and had not begun anew."""
            deadline = time.monotonic() + 60
            while self.last_tick(host) <= after:
                assert time.monotonic() < deadline, f"no TICK after {after} on {host}: {self.console(host).read_text()}"
                time.sleep(0.2)
            assert "READY" not in self.console(host).read_text() or host == "hvA"

        def places(self):
            return [h for h in ("hvA", "hvB") if any(word == "running" for word in virsh(h, "domstate", self.domain()))]

        def domain(self):
            return self.guid.lower()

    URIS = {"hvA": "qemu:///system", "hvB": "qemu+tcp://10.99.0.2/system"}

    def virsh(host, *words):
        done = subprocess.run(["virsh", "-q", "-c", URIS[host], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, timeout=60)
        return done.stdout.split()

    def call(hyperv, method, inner, namespace=WMI, service=SERVICE, selectors=None):
        uri = namespace + service
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>'
        return Item(hyperv.post(f"{uri}/{method}", uri, selectors or {"SystemName": "hvA"}, body)[0])

    def migrate(hyperv, traveller, kind=MACHINE, host="hvB", namespace=WMI, disks=(), **more):
        inner = f"<p:ComputerSystem>{traveller.machine.content().replace(WMI, namespace)}</p:ComputerSystem>"
        inner += f"<p:DestinationHost>{host}</p:DestinationHost>"
        inner += embedded.render("cimxml-escaped", "MigrationSettingData",
                                 Instance("Msvm_VirtualSystemMigrationSettingData", MigrationType=kind, **more), WMI)
        inner += "".join(embedded.render("cimxml-escaped", "NewResourceSettingData", d, WMI) for d in disks)
        return call(hyperv, "MigrateVirtualSystemToHost", inner, namespace)

    def cancel(hyperv, job):
        body = (f'<p:RequestStateChange_INPUT xmlns:p="{job.uri}"><p:RequestedState>4</p:RequestedState>'
                "</p:RequestStateChange_INPUT>")
        return Item(hyperv.post(f"{job.uri}/RequestStateChange", job.uri, job.selectors, body)[0])

    def wait_progress(hyperv, job, seconds=40):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            seen = hyperv.get(job)
            if int(seen["PercentComplete"]) > 0 or int(seen["JobState"]) >= 7:
                return seen
            time.sleep(0.1)
        return hyperv.get(job)

    def cluster_machine(hyperv, guid):
        found = query_in(hyperv, CLUSTER, f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{guid}'")
        assert len(found) == 1
        host = query_in(hyperv, CLUSTER, "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',Name='"
                        + guid + "'} WHERE AssocClass = Msvm_HostedDependency")
        return found[0], [h["Name"] for h in host]

    def query_in(hyperv, namespace, wql):
        plain = HyperV.query.__globals__
        kept = plain["WMI"]
        plain["WMI"] = namespace
        try:
            return hyperv.query(wql)
        finally:
            plain["WMI"] = kept

    def disk_of(hyperv, traveller, path):
        """A SCSI disk of the machine with a copy of the guest's image."""
        controller = hyperv.add(traveller.machine, Instance("Msvm_ResourceAllocationSettingData", ResourceType=6,
                                                            ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"))
        drive = hyperv.add(traveller.machine, Instance(
            "Msvm_ResourceAllocationSettingData", ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive",
            Parent=controller.path("hvA")))
        return hyperv.add(traveller.machine, Instance(
            "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk",
            Parent=drive.path("hvA"), HostResource=[str(path)]))

    @pytest.fixture(scope="module")
    def with_cd(hyperv, guest):
        """Boots from a CD that both hosts see."""
        shutil.copy(guest.iso, SHARED / "guest.iso")
        t = Traveller(hyperv, "shared")
        attach_cd(hyperv, t.machine, SHARED / "guest.iso", 1, "cimxml-escaped")
        return t.boot()

    def test_live_migration_with_shared_storage(hyperv, with_cd):
        before = with_cd.last_tick("hvA")
        output = migrate(hyperv, with_cd)
        assert output["ReturnValue"] == "4096", dict(output)
        job = hyperv.wait_job(output["Job"])
        assert job["JobState"] == "7", job["ErrorDescription"]
        assert job.class_name == "Msvm_MigrationJob" and job["DestinationHost"] == "hvB"
        with_cd.counts_on("hvB", before)
        assert with_cd.places() == ["hvB"]
        assert not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{with_cd.guid}'")

    def test_the_cluster_shows_it_there_and_brings_it_back(hyperv, with_cd):
        machine, hosts = cluster_machine(hyperv, with_cd.guid)
        assert machine["EnabledState"] == "2" and hosts == ["hvB"]
        before = with_cd.last_tick("hvB")
        output = migrate(hyperv, with_cd, host="hvA", namespace=CLUSTER)
        assert output["ReturnValue"] == "4096", dict(output)
        job = hyperv.wait_job(output["Job"])
        assert job["JobState"] == "7", job["ErrorDescription"]
        with_cd.counts_on("hvA", before)
        assert with_cd.places() == ["hvA"]
        assert cluster_machine(hyperv, with_cd.guid)[1] == ["hvA"]

    def test_a_machine_that_was_moved_behind_our_back_is_seen(hyperv, with_cd):
        done = subprocess.run(["virsh", "-q", "-c", URIS["hvA"], "migrate", "--live", "--persistent", "--undefinesource",
                               "--unsafe", with_cd.domain(), URIS["hvB"]], stderr=subprocess.PIPE, text=True, timeout=90)
        assert done.returncode == 0, done.stderr
        deadline = time.monotonic() + 20
        while cluster_machine(hyperv, with_cd.guid)[1] != ["hvB"]:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        output = migrate(hyperv, with_cd, host="hvA", namespace=CLUSTER)
        assert hyperv.wait_job(output["Job"])["JobState"] == "7"

    @pytest.fixture(scope="module")
    def with_disk(hyperv, guest, with_cd):
        """Boots from the same CD and has a disk of its own, which only its host sees."""
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "/vms/own.qcow2", "64M"], check=True)
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 48M", "/vms/own.qcow2"], check=True,
                       stdout=subprocess.DEVNULL)
        t = Traveller(hyperv, "copied")
        attach_cd(hyperv, t.machine, SHARED / "guest.iso", 1, "cimxml-escaped")
        t.disk = disk_of(hyperv, t, "/vms/own.qcow2")
        return t.boot()

    def there(traveller, path):
        return Instance("Msvm_StorageAllocationSettingData", InstanceID=traveller.disk.selectors["InstanceID"],
                        HostResource=[path])

    def test_a_missing_disk_is_refused_before_anything_begins(hyperv, with_disk):
        output = migrate(hyperv, with_disk)
        assert output["ReturnValue"] == "32773", dict(output)
        assert "own.qcow2" in hyperv.wait_job(output["Job"])["ErrorDescription"]
        assert with_disk.places() == ["hvA"]

    def test_cancelled_within_three_seconds_and_still_running(hyperv, with_disk):
        output = migrate(hyperv, with_disk, BOTH, disks=[there(with_disk, "/vms/new/own.qcow2")], Bandwidth=1)
        assert output["ReturnValue"] == "4096", dict(output)
        wait_progress(hyperv, output["Job"])
        asked = time.monotonic()
        assert cancel(hyperv, output["Job"])["ReturnValue"] == "0"
        job = hyperv.wait_job(output["Job"])
        took = time.monotonic() - asked
        assert job["JobState"] == "8", dict(job)
        print(f"cancelled within {took:.1f} s")
        assert took < 10  # 3 s where the machine has a processor to itself
        assert with_disk.places() == ["hvA"]
        assert not (FOLDER / "hvB/vms/new/own.qcow2").exists()
        with_disk.counts_on("hvA", with_disk.last_tick("hvA"))

    def test_killed_daemon_in_the_middle(hyperv, daemon, with_disk):
        output = migrate(hyperv, with_disk, BOTH, disks=[there(with_disk, "/vms/new/own.qcow2")], Bandwidth=1)
        assert output["ReturnValue"] == "4096", dict(output)
        wait_progress(hyperv, output["Job"])
        daemon.kill()
        daemon.start()
        job = hyperv.wait_job(output["Job"])
        assert job["JobState"] in ("7", "10"), dict(job)
        assert with_disk.places() == (["hvA"] if job["JobState"] == "10" else ["hvB"])
        assert ("hvA" in job["ErrorDescription"]) == (job["JobState"] == "10")
        assert not (FOLDER / "hvB/vms/new/own.qcow2").exists()
        with_disk.counts_on("hvA", with_disk.last_tick("hvA"))

    def test_live_migration_with_copied_storage(hyperv, with_disk):
        before = with_disk.last_tick("hvA")
        output = migrate(hyperv, with_disk, BOTH, disks=[there(with_disk, "/vms/new/own.qcow2")])
        assert output["ReturnValue"] == "4096", dict(output)
        job = hyperv.wait_job(output["Job"])
        assert job["JobState"] == "7", job["ErrorDescription"]
        with_disk.counts_on("hvB", before)
        assert with_disk.places() == ["hvB"]
        copy = FOLDER / "hvB/vms/new/own.qcow2"
        read = subprocess.run(["qemu-io", "-U", "-r", "-f", "qcow2", "-c", "read -P 0x5a 0 48M", str(copy)],
                              stdout=subprocess.PIPE, text=True, check=True)
        assert "verification failed" not in read.stdout
        assert not pathlib.Path("/vms/own.qcow2").exists()

    def test_the_destination_dies_and_the_machine_runs_on(hyperv, with_cd):
        output = migrate(hyperv, with_cd, Bandwidth=1)
        assert output["ReturnValue"] == "4096", dict(output)
        wait_progress(hyperv, output["Job"])
        os.kill(int((FOLDER / "hvB/run/libvirtd.pid").read_text()), signal.SIGKILL)
        job = hyperv.wait_job(output["Job"], 120)
        assert job["JobState"] == "10", dict(job)
        assert job["ErrorDescription"]
        assert "running" in virsh("hvA", "domstate", with_cd.domain())
        with_cd.counts_on("hvA", with_cd.last_tick("hvA"))
