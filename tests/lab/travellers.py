"""For tests that run inside two hosts: machines that count aloud, asked to move by a WinRM client, and looking where they are."""
import os
import pathlib
import re
import subprocess
import sys
import time

import embedded
import pytest
from console import READY_LINE, wait_in_file
from embedded import Instance
from hyperv import RUNNING, WMI, Item
from test_machines import attach_cd, memory, processors, serial_to_file, settings
from wsvirtd import Daemon

embedded.TYPES.update(MigrationType="uint16", TransportType="uint16", Bandwidth="uint16")
HERE = pathlib.Path(__file__).resolve().parent
FOLDER = pathlib.Path(os.environ.get("WSVIRT_LAB_FOLDER", "/nonexistent"))
SHARED = FOLDER / "shared"
CLUSTER = WMI.replace("virtualization/v2", "HyperVCluster/v2")
SERVICE = "Msvm_VirtualSystemMigrationService"
MACHINE, STORAGE, STAGED, BOTH = 32768, 32769, 32770, 32771
TLS = 3
URIS = {"hvA": "qemu:///system", "hvB": "qemu+tcp://10.99.0.2/system"}
COMPLETED, TERMINATED, EXCEPTION = "7", "8", "10"
PATIENCE = 180  # seconds for what takes a few


def hosts_config(uri="qemu+tls://hvB/system", data="10.99.0.2"):
    return f"""
[[host]]
name = "hvB"
uri = "{uri}"
migration_data_address = "{data}"
accelerator = "tcg"
storage_folders = ["/vms", "{SHARED}"]
[[host.switch]]
name = "LAN of B"
bridge = "br7"
"""


def daemon_on_a(uri="qemu+tls://hvB/system"):
    return Daemon(uri="qemu:///system", name="hvA", storage_folders=["/vms", str(SHARED)], more=hosts_config(uri),
                  backend='accelerator = "tcg"')


def run_between_two_hosts(guest, seconds, *files):
    """The tests of files that are made to be run inside the first of two hosts."""
    environment = dict(os.environ, WSVIRT_GUEST=str(guest.folder.parent))
    done = subprocess.run([sys.executable, HERE / "two_hosts.py", "exec", sys.executable, "-m", "pytest", "-p", "no:cacheprovider",
                           "-v", "-x", "-rs", "--timeout=900", *files], env=environment, timeout=seconds, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    if done.returncode == 77:
        pytest.skip(done.stdout.strip()[-300:])
    assert done.returncode == 0, done.stdout[-12000:]


def virsh(host, *words):
    return subprocess.run(["virsh", "-q", "-c", URIS[host], *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE)


def on_host(host, *command):
    """Runs a command in that host's namespaces."""
    holder = os.environ[f"WSVIRT_LAB_HOLDER_{host}"]
    return subprocess.run(["nsenter", "-t", holder, "-n", "-m", "-u", "--", *command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=PATIENCE)


def until(what, condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while True:
        seen = condition()
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def query_in(hyperv, namespace, wql):
    kept, hyperv.namespace = hyperv.namespace, namespace
    try:
        return hyperv.query(wql)
    finally:
        hyperv.namespace = kept


class Traveller:
    """A guest on hvA that says TICK n twice a second, to a file of the same name on each host. It boots from a CD that both hosts
    see."""

    def __init__(self, hyperv, name, iso):
        self.name = name
        self.be(hyperv, hyperv.finish(hyperv.define(settings(name, 1), [memory(160), processors(1)]))["ResultingSystem"])
        serial_to_file(hyperv, self.machine, f"/vms/{name}.console")
        attach_cd(hyperv, self.machine, iso, 1, "cimxml-escaped")
        self.plug_in()

    def be(self, hyperv, machine):
        self.hyperv, self.machine, self.disk = hyperv, machine, None
        self.guid = machine.selectors["Name"]

    @classmethod
    def of(cls, hyperv, machine):
        """A machine that is made already and says nothing."""
        traveller = cls.__new__(cls)
        traveller.be(hyperv, machine)
        return traveller

    def plug_in(self):
        """A network adapter on the Default Switch, which every host has."""
        port = self.hyperv.add(self.machine, Instance(
            "Msvm_SyntheticEthernetPortSettingData", ResourceType=10, ResourceSubType="Microsoft:Hyper-V:Synthetic Ethernet Port"))
        (switch,) = [s["Name"] for s in self.hyperv.query("SELECT * FROM Msvm_VirtualEthernetSwitch")
                     if s["ElementName"] == "Default Switch"]
        self.hyperv.add(self.machine, Instance(
            "Msvm_EthernetPortAllocationSettingData", ResourceType=33, ResourceSubType="Microsoft:Hyper-V:Ethernet Connection",
            Parent=port.path("hvA"), HostResource=[switch]))

    def with_disk(self, path):
        controller = self.hyperv.add(self.machine, Instance(
            "Msvm_ResourceAllocationSettingData", ResourceType=6, ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"))
        drive = self.hyperv.add(self.machine, Instance(
            "Msvm_ResourceAllocationSettingData", ResourceType=17, ResourceSubType="Microsoft:Hyper-V:Synthetic Disk Drive",
            Parent=controller.path("hvA")))
        self.disk = self.hyperv.add(self.machine, Instance(
            "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType="Microsoft:Hyper-V:Virtual Hard Disk",
            Parent=drive.path("hvA"), HostResource=[str(path)]))
        return self

    def disk_at(self, path):
        """The settings that give its disk another path."""
        return Instance("Msvm_StorageAllocationSettingData", InstanceID=self.disk.selectors["InstanceID"], HostResource=[path])

    def boot(self):
        self.hyperv.finish(self.hyperv.request_state(self.machine, RUNNING))
        wait_in_file(self.console("hvA"), READY_LINE, PATIENCE)
        wait_in_file(self.console("hvA"), r"TICK \d+\s", PATIENCE)
        return self

    # --- looking ----------------------------------------------------------------------------------------------
    def console(self, host):
        return FOLDER / host / "vms" / f"{self.name}.console"

    def ticks(self, host):
        try:
            text = self.console(host).read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        return [int(n) for n in re.findall(r"TICK (\d+)\s", text)]

    def last_tick(self, host):
        return max(self.ticks(host), default=-1)

    def counts_on(self, host, after=None):
        """It says a later number there, and has not begun anew: the numbers only grow."""
        after = self.last_tick(host) if after is None else after
        until(f"TICK after {after} on {host}", lambda: self.last_tick(host) > after)
        said = self.ticks(host)
        assert said == sorted(set(said)), said

    def runs_on(self):
        return [h for h in URIS if virsh(h, "domstate", self.guid.lower()).stdout.strip() == "running"]

    def defined_on(self):
        return [h for h in URIS if virsh(h, "domstate", self.guid.lower()).returncode == 0]

    def is_only_on(self, host):
        """It runs there, and what another host still knows of it (a half one, for a moment) goes."""
        assert host in self.runs_on()
        until(f"nothing of it but on {host}", lambda: self.defined_on() == [host])
        assert self.runs_on() == [host]

    def seen_on(self):
        """Where root/HyperVCluster/v2 says that it is; it shows one machine."""
        found = query_in(self.hyperv, CLUSTER, f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{self.guid}'")
        assert len(found) == 1, found
        host = query_in(self.hyperv, CLUSTER, "ASSOCIATORS OF {Msvm_ComputerSystem.CreationClassName='Msvm_ComputerSystem',"
                        f"Name='{self.guid}'}} WHERE AssocClass = Msvm_HostedDependency")
        return [h["Name"] for h in host]

    # --- moving -----------------------------------------------------------------------------------------------
    def migrate(self, host="hvB", kind=MACHINE, namespace=WMI, disk=None, system=False, **more):
        """MigrateVirtualSystemToHost, or with system the method that takes the host's reference."""
        text = more.pop("host_text", host)
        new_settings = more.pop("new_settings", None)
        inner = f"<p:ComputerSystem>{self.machine.content().replace(WMI, namespace)}</p:ComputerSystem>"
        if system:
            reference = ('<wsman:ResourceURI>' + namespace + 'Msvm_ComputerSystem</wsman:ResourceURI><wsman:SelectorSet>'
                         '<wsman:Selector Name="CreationClassName">Msvm_ComputerSystem</wsman:Selector>'
                         f'<wsman:Selector Name="Name">{text}</wsman:Selector></wsman:SelectorSet>')
            inner += ("<p:DestinationSystem><wsa:Address>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
                      f"</wsa:Address><wsa:ReferenceParameters>{reference}</wsa:ReferenceParameters></p:DestinationSystem>")
        elif text:
            inner += f"<p:DestinationHost>{text}</p:DestinationHost>"
        inner += embedded.render("cimxml-escaped", "MigrationSettingData",
                                 Instance("Msvm_VirtualSystemMigrationSettingData", MigrationType=kind, **more), WMI)
        if new_settings:
            inner += embedded.render("cimxml-escaped", "NewSystemSettingData", new_settings, WMI)
        if disk:
            inner += embedded.render("cimxml-escaped", "NewResourceSettingData", self.disk_at(disk), WMI)
        method = "MigrateVirtualSystemToSystem" if system else "MigrateVirtualSystemToHost"
        return self.call(method, inner, namespace)

    def call(self, method, inner, namespace=WMI):
        uri = namespace + SERVICE
        body = f'<p:{method}_INPUT xmlns:p="{uri}">{inner}</p:{method}_INPUT>'
        return Item(self.hyperv.post(f"{uri}/{method}", uri, {"CreationClassName": SERVICE}, body)[0])

    def begin(self, *where, **how):
        """A migration that is under way: its job."""
        output = self.unhindered(*where, **how)
        assert output["ReturnValue"] == "4096", self.why(output)
        return output["Job"]

    def unhindered(self, *where, **how):
        """What an earlier migration left may be cleared up yet; nothing else is done with the machine then."""
        def answered():
            output = self.migrate(*where, **how)
            return output if output["ReturnValue"] != "32774" else None
        return until("it is free", answered)

    def move(self, *where, **how):
        output = self.unhindered(*where, **how)
        if output["ReturnValue"] != "0":
            assert output["ReturnValue"] == "4096", self.why(output)
            job = self.hyperv.wait_job(output["Job"], PATIENCE)
            assert job["JobState"] == COMPLETED, job["ErrorDescription"]
        return output

    def why(self, output):
        return self.hyperv.get(output["Job"])["ErrorDescription"] if output.get("Job") else dict(output)

    def wait_progress(self, job):
        """The job when its percentage is known, or at its end."""
        def seen():
            now = self.hyperv.get(job)
            return now if int(now["PercentComplete"]) > 0 or int(now["JobState"]) >= 7 else None
        return until("progress of the job", seen)

    def request(self, job, state):
        body = (f'<p:RequestStateChange_INPUT xmlns:p="{job.uri}"><p:RequestedState>{state}</p:RequestedState>'
                "</p:RequestStateChange_INPUT>")
        return Item(self.hyperv.post(f"{job.uri}/RequestStateChange", job.uri, job.selectors, body)[0])
