"""Machines with VHD disks between embedded QEMU, which they are served to, and a host where libvirt opens them. Runs inside two
hosts, together with test_migration.py."""
import pytest
from hyperv import OFF, RUNNING, HyperV
from snapshot_kit import DISK, Machine, id_of
from travellers import SHARED, Traveller, hosts_config, until, virsh
from wsvirtd import Daemon


@pytest.fixture(scope="module")
def daemon():
    with Daemon(storage_folders=[str(SHARED)], more=hosts_config("qemu+tcp://10.99.0.2/system"),
                backend='accelerator = "tcg"') as running:
        running.storage = SHARED
        yield running


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


def on_b(machine, *words):
    done = virsh("hvB", words[0], machine.guid.lower(), *words[1:])
    assert done.returncode == 0, done.stderr
    return done.stdout


def runs_on_b(machine):
    on_b(machine, "start")
    assert on_b(machine, "domstate").strip() == "running"
    on_b(machine, "destroy")
    assert machine.holds(8)


@pytest.mark.parametrize("with_snapshot", [False, True])
def test_vhd_disks_go_to_where_libvirt_opens_them(daemon, hyperv, with_snapshot):
    machine = Machine(hyperv, daemon, "vpc", pipe=False)
    traveller = Traveller.of(hyperv, machine.epr)
    machine.write(7)
    snapshot = machine.create(DISK) if with_snapshot else None
    machine.turn(RUNNING)
    output = traveller.migrate()
    assert output["ReturnValue"] == "32770" and "while it runs" in traveller.why(output)
    assert machine.state() == RUNNING
    machine.turn(OFF)
    machine.write(8)
    top = machine.path()
    traveller.move()
    until("nothing of it but on hvB", lambda: not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{machine.guid}'"))
    definition = on_b(machine, "dumpxml", "--inactive")
    assert f"<source file='{top}'" in definition and "nbd" not in definition
    if with_snapshot:
        definition = on_b(machine, "snapshot-dumpxml", id_of(snapshot))
        assert "nbd" not in definition
    assert "type='vpc'" in definition and f"<source file='{machine.disks[0]}'" in definition
    machine.path = lambda n=0: top
    runs_on_b(machine)
    on_b(machine, "undefine", "--snapshots-metadata")
