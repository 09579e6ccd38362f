"""Exports of machines that are on another host. Runs inside two hosts, beside test_migration.py."""
import pathlib
import subprocess

import pytest
from exports import describe
from hyperv import HyperV
from machine_parts import Parts
from test_machines import memory, settings
from travellers import BOTH, CLUSTER, FOLDER, MACHINE, SHARED, Traveller, daemon_on_a


@pytest.fixture(scope="module")
def daemon():
    with daemon_on_a() as running:
        yield running


def write(path, pattern):
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -P {pattern} 0 64k", path], check=True, stdout=subprocess.DEVNULL)


def holds(path, pattern):
    told = subprocess.run(["qemu-io", "-r", "-f", "qcow2", "-c", f"read -P {pattern} 0 64k", path], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return "verification failed" not in told


def test_only_files_that_both_hosts_see_are_exported(daemon):
    """Of a disk that has moved, the copy that stayed here is another file of the same name."""
    hyperv, everywhere = HyperV(daemon), HyperV(daemon, namespace=CLUSTER)
    parts = Parts(everywhere, daemon, None)
    for path, there, kind in ((SHARED / "seen.qcow2", SHARED / "seen.qcow2", MACHINE),
                              (pathlib.Path("/vms/twin.qcow2"), FOLDER / "hvB/vms/twin.qcow2", BOTH)):
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "4M"], check=True)
        write(path, 1)
        made = hyperv.finish(hyperv.define(settings(path.stem, 1), [memory(160)]))["ResultingSystem"]
        traveller = Traveller.of(hyperv, made).with_disk(path)
        traveller.move("hvB", kind=kind, **({"RetainVhdCopiesOnSource": True} if kind == BOTH else {}))
        write(there, 2)
        machine = everywhere.reference(traveller.guid)
        if kind == MACHINE:
            folder = parts.export(machine)
            (disk,) = describe(folder).disks
            assert holds(folder / disk.get("Path"), 2)
        else:
            assert path.exists()
            output = parts.start_export(machine, parts.exports / "refused", CreateVmExportSubdirectory=False)
            assert output["ReturnValue"] == "32770" and "hvB" in everywhere.get(output["Job"])["ErrorDescription"]
            assert not (parts.exports / "refused").exists()
            assert describe(parts.export(machine, CopyVmStorage=False)).disks == []
        assert not list(path.parent.glob(".wsvirt*"))
        everywhere.finish(everywhere.destroy(machine))
