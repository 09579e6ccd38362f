"""A libvirtd that is killed in the middle of exports and of realizing what was imported."""
import os
import random
import shutil
import threading

from hyperv import RUNNING, HyperV, eventually
from machine_parts import Parts
from snapshot_kit import Machine
from test_libvirtd import daemon, libvirtd, outcome, pytestmark  # noqa: F401


def test_libvirtd_is_killed_while_a_machine_is_exported_or_realized(daemon, libvirtd):
    """The export is whole or absent, the system planned or a machine, as the job says; the machine goes on."""
    hyperv = HyperV(daemon)
    eventually(lambda: hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER"))
    daemon.storage = libvirtd.folder / "vms"
    machine, parts = Machine(hyperv, daemon, "raw", pipe=False), Parts(hyperv, daemon, None)
    if libvirtd.user:
        for path in (daemon.storage, machine.disks[0]):
            os.chown(path, libvirtd.user.pw_uid, libvirtd.user.pw_gid)
    machine.turn(RUNNING)
    moments = random.Random(int(os.environ.get("WSVIRT_SEED", "1")))
    whole = parts.export(machine.epr, CaptureLiveState=0)

    def cut_off(call):
        """What became of it, when libvirtd is killed meanwhile."""
        end = threading.Timer(moments.uniform(0, 0.2), libvirtd.kill)
        end.start()
        told = outcome(hyperv, call)
        end.join()
        libvirtd.start()
        eventually(lambda: hyperv.state(machine.epr) == RUNNING)
        return told

    for n in range(3):
        folder = parts.exports / f"cut-{n}"
        told = cut_off(lambda: parts.start_export(machine.epr, folder, CreateVmExportSubdirectory=False, CaptureLiveState=0))
        assert {p.name for p in parts.exports.iterdir()} == {whole.name} | ({folder.name} if told == "done" else set()), told
        shutil.rmtree(folder, ignore_errors=True)
    for _ in range(3):
        copy = parts.imported(next(whole.glob("Virtual Machines/*.xml")), new_identifier=True)
        told = cut_off(lambda: hyperv.service("RealizePlannedSystem", f"<p:PlannedSystem>{copy.content()}</p:PlannedSystem>"))
        left = "Msvm_ComputerSystem" if told == "done" else "Msvm_PlannedComputerSystem"

        def found():
            return [name for name in ("Msvm_ComputerSystem", "Msvm_PlannedComputerSystem")
                    if hyperv.query(f"SELECT * FROM {name} WHERE Name = '{copy.selectors['Name']}'")]

        eventually(lambda: found() == [left])
        eventually(lambda: outcome(hyperv, lambda: hyperv.destroy(hyperv.reference(copy.selectors["Name"]) if told == "done" else copy))
                   == "done")
    machine.remove()
