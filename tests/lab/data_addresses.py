"""The network that the memory and the disks of a machine go through, which need not be the one of libvirt's connections. Runs
inside two hosts, together with test_migration.py."""
import subprocess

import pytest
from hyperv import OFF, RUNNING, HyperV
from test_machines import memory, processors, settings
from travellers import BOTH, CLUSTER, SHARED, Traveller, hosts_config, on_host, until
from wsvirtd import Daemon

DATA = {"hvA": "10.99.1.1", "hvB": "10.99.1.2"}  # those of libvirt: 10.99.0.1 and 10.99.0.2
LIBVIRT = 16509
QEMUS = range(49152, 49216)  # libvirt's ports for what comes in


@pytest.fixture(scope="module")
def networks():
    for change in ("add", "del"):
        for host, address in DATA.items():
            done = on_host(host, "ip", "addr", change, f"{address}/24", "dev", "veth0")
            assert done.returncode == 0, done.stdout
        if change == "add":
            yield


@pytest.fixture(scope="module")
def hyperv(networks):
    with Daemon(uri="qemu:///system", name="hvA", storage_folders=["/vms", str(SHARED)],
                more=hosts_config("qemu+tcp://10.99.0.2/system", DATA["hvB"]),
                backend=f'accelerator = "tcg"\nmigration_data_address = "{DATA["hvA"]}"') as daemon:
        yield HyperV(daemon)


def connections():
    """The ends, on hvA and on hvB, of those that there are, and of those that ended within the last minute: one of the hosts
    knows of them."""
    def end(text):
        address, port = text.rsplit(":", 1)
        return address.strip("[]").removeprefix("::ffff:"), int(port)
    found = set()
    for host, order in (("hvA", 1), ("hvB", -1)):
        for line in on_host(host, "ss", "-Htan", "state", "connected").stdout.splitlines():
            found.add(tuple(end(word) for word in line.split()[-2:])[::order])
    return found


def came_in(host, before):
    """The addresses of that host that QEMU was connected to since then."""
    ends = [pair[list(DATA).index(host)] for pair in connections() - before if LIBVIRT not in (pair[0][1], pair[1][1])]
    return {address for address, port in ends if port in QEMUS and address.startswith("10.99.")}


def test_memory_and_disks_go_to_the_configured_address_of_each_host(hyperv):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "/vms/data.qcow2", "4M"], check=True)
    machine = hyperv.finish(hyperv.define(settings("data", 1), [memory(160), processors(1)]))["ResultingSystem"]
    traveller = Traveller.of(hyperv, machine).with_disk("/vms/data.qcow2")
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    for host, more in (("hvB", {}), ("hvA", {"namespace": CLUSTER})):
        before = connections()
        traveller.move(host, kind=BOTH, disk="/vms/data.qcow2", **more)
        assert came_in(host, before) == {DATA[host]}
        traveller.is_only_on(host)
    until("it is seen here", lambda: hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{traveller.guid}'"))
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.finish(hyperv.destroy(machine))
