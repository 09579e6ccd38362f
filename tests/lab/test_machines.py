"""The main job: a WinRM client posts DefineSystem, a real QEMU machine exists, boots, is seen, changes state, is gone."""
import time

import pytest
from console import READY, READY_LINE, parse_ready, wait_in_file
from embedded import FORMS, Instance
from hyperv import OFF, PAUSED, RUNNING, SAVED, HyperV
from wsvirtd import Daemon, processes_below


SHUT_DOWN = 4
MEMORY = {1: 160, 2: 320}  # MiB, by generation: UEFI's loader needs more


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


@pytest.fixture
def machines(hyperv):
    """Machines to be destroyed at the end, whatever happens."""
    made = []
    yield made
    for machine in made:
        if not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{machine.selectors['Name']}'"):
            continue
        if hyperv.state(machine) in (RUNNING, PAUSED):
            hyperv.finish(hyperv.request_state(machine, OFF))
        if hyperv.state(machine) in (OFF, SAVED):  # else a test has failed on the way; the daemon's end ends it
            hyperv.finish(hyperv.destroy(machine))


def settings(name, generation):
    return Instance("Msvm_VirtualSystemSettingData", ElementName=name, Notes=["made by a test", "second <line> & more"],
                    VirtualSystemSubType=f"Microsoft:Hyper-V:SubType:{generation}")


def memory(mib):
    return Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory",
                    DynamicMemoryEnabled=False, VirtualQuantity=mib, Reservation=mib, Limit=mib)


def processors(count):
    return Instance("Msvm_ProcessorSettingData", ResourceType=3, ResourceSubType="Microsoft:Hyper-V:Processor",
                    VirtualQuantity=count)


def attach_cd(hyperv, machine, path, generation, form):
    kind = "5" if generation == 1 else "6"
    controllers = [d for d in hyperv.devices(machine) if d["ResourceType"] == kind]
    if not controllers:  # a generation 2 machine may begin without one
        hyperv.add(machine, Instance("Msvm_ResourceAllocationSettingData", ResourceType=6,
                                     ResourceSubType="Microsoft:Hyper-V:Synthetic SCSI Controller"), form)
        controllers = [d for d in hyperv.devices(machine) if d["ResourceType"] == kind]
    assert controllers, "no controller of the generation's kind"
    first = min(controllers, key=lambda d: d.get("Address") or "")
    path_of_controller = (r'\\TESTHOST\root\virtualization\v2:Msvm_ResourceAllocationSettingData.InstanceID="{}"'
                          .format(first["InstanceID"].replace("\\", "\\\\")))
    drive = hyperv.add(machine, Instance(
        "Msvm_ResourceAllocationSettingData", ResourceType=16, ResourceSubType="Microsoft:Hyper-V:Synthetic DVD Drive",
        Parent=path_of_controller, AddressOnParent="0"), form)
    return hyperv.add(machine, Instance(
        "Msvm_StorageAllocationSettingData", ResourceType=31, ResourceSubType="Microsoft:Hyper-V:Virtual CD/DVD Disk",
        Parent=drive.path("TESTHOST"), HostResource=[str(path)]), form)


def serial_to_file(hyperv, machine, path):
    port = next(d for d in hyperv.devices(machine, "Msvm_SerialPortSettingData"))
    hyperv.modify(Instance("Msvm_SerialPortSettingData", InstanceID=port["InstanceID"], ResourceType=21,
                           ResourceSubType="Microsoft:Hyper-V:Serial Port", Connection=[f"file://{path}"]))


def boot(hyperv, daemon, machines, guest_iso, form, generation, name):
    output = hyperv.finish(hyperv.define(settings(name, generation), [memory(MEMORY[generation]), processors(2)], form))
    machine = output["ResultingSystem"]
    machines.append(machine)
    attach_cd(hyperv, machine, guest_iso, generation, form)
    console = daemon.state / f"console-{machine.selectors['Name']}"
    serial_to_file(hyperv, machine, console)
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)
    return machine, parse_ready(wait_in_file(console, READY_LINE, 90).group()), console


def read_back(hyperv, machine, name, generation):
    system = hyperv.get(machine)
    assert system["ElementName"] == name
    assert system["Caption"] == "Virtual Machine"
    found = hyperv.get(hyperv.settings_of(machine))
    assert found["ElementName"] == name
    assert found.all("Notes") == ["made by a test", "second <line> & more"]
    assert found["VirtualSystemSubType"] == f"Microsoft:Hyper-V:SubType:{generation}"
    assert found["VirtualSystemIdentifier"].upper() == machine.selectors["Name"].upper()
    assert [d["VirtualQuantity"] for d in hyperv.devices(machine, "Msvm_MemorySettingData")] == [str(MEMORY[generation])]
    assert [d["VirtualQuantity"] for d in hyperv.devices(machine, "Msvm_ProcessorSettingData")] == ["2"]
    disks = hyperv.devices(machine, "Msvm_StorageAllocationSettingData")
    assert [d["ResourceType"] for d in disks] == ["31"]
    assert disks[0].all("HostResource")[0].endswith("guest.iso")


@pytest.mark.parametrize("form", FORMS)
def test_each_embedded_form_makes_a_machine_that_boots(hyperv, daemon, machines, guest_iso, form):
    name = f"bios {form}"
    machine, ready, console = boot(hyperv, daemon, machines, guest_iso, form, 1, name)
    assert ready["firmware"] == "bios"
    assert ready["cpus"] == 2
    assert 120 * 1024 < ready["memory_kib"] <= 160 * 1024
    assert ready["disks"] == ["sr0"]
    wait_in_file(console, r"TICK 2", 15)
    read_back(hyperv, machine, name, 1)
    hyperv.finish(hyperv.request_state(machine, OFF))
    hyperv.wait_state(machine, OFF)
    hyperv.finish(hyperv.destroy(machine))
    assert not hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{machine.selectors['Name']}'")
    assert not processes_below(machine.selectors["Name"].lower())


def test_a_guest_that_does_not_listen_is_turned_off_at_once(hyperv, machines):
    machine = hyperv.finish(hyperv.define(settings("deaf", 1), [memory(32)]))["ResultingSystem"]
    machines.append(machine)
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    asked = hyperv.request_state(machine, 4)
    hyperv.wait_state(machine, 4)
    begun = time.monotonic()
    hyperv.finish(hyperv.request_state(machine, OFF))
    assert hyperv.state(machine) == OFF
    assert time.monotonic() - begun < 30
    assert int(hyperv.wait_job(asked["Job"])["JobState"]) == 8
    assert not processes_below(machine.selectors["Name"].lower())


def test_silent_guests_keep_nobody_waiting():
    """They are waited for, and the one call at a time that the host is allowed is free for others meanwhile."""
    with Daemon(backend='max_calls = 1\nshut_down_limit = "20s"\n') as daemon:
        hyperv = HyperV(daemon)
        made = [hyperv.finish(hyperv.define(settings(name, 1), [memory(32)]))["ResultingSystem"] for name in ("deaf", "deaf too", "other")]
        for machine in made:
            hyperv.finish(hyperv.request_state(machine, RUNNING))
        since = hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{made[1].selectors['Name']}'")[0]["TimeOfLastStateChange"]
        asked = [hyperv.request_state(machine, SHUT_DOWN) for machine in made[:2]]
        for machine in made[:2]:
            hyperv.wait_state(machine, SHUT_DOWN)
        begun = time.monotonic()
        hyperv.finish(hyperv.request_state(made[2], OFF))
        hyperv.finish(hyperv.request_state(made[0], OFF))
        assert time.monotonic() - begun < 15
        assert int(hyperv.wait_job(asked[0]["Job"])["JobState"]) == 8
        job = hyperv.wait_job(asked[1]["Job"])
        assert (int(job["JobState"]), int(job["ErrorCode"])) == (10, 32772), dict(job)
        assert "did not shut down in time" in job["ErrorDescription"]
        assert hyperv.state(made[1]) == RUNNING
        assert hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE Name = '{made[1].selectors['Name']}'")[0]["TimeOfLastStateChange"] == since
        hyperv.finish(hyperv.request_state(made[1], OFF))


def test_generation_2_boots_from_uefi(hyperv, daemon, machines, guest_iso):
    machine, ready, _ = boot(hyperv, daemon, machines, guest_iso, "inline-xsi-type", 2, "uefi")
    assert ready["firmware"] == "uefi"
    assert "sr0" in ready["disks"]
    read_back(hyperv, machine, "uefi", 2)


def test_states(hyperv, daemon, machines, guest_iso):
    machine, _, console = boot(hyperv, daemon, machines, guest_iso, "cimxml-escaped", 1, "states")
    wait_in_file(console, r"TICK 1", 15)
    assert int(hyperv.request_state(machine, RUNNING)["ReturnValue"]) == 32775  # it has that state already

    hyperv.finish(hyperv.request_state(machine, PAUSED))
    hyperv.wait_state(machine, PAUSED)
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)

    hyperv.finish(hyperv.request_state(machine, SAVED))
    hyperv.wait_state(machine, SAVED)
    text = console.read_text(errors="replace")
    last = int(text.rsplit("TICK ", 1)[1].split()[0])
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)
    wait_in_file(console, rf"TICK {last + 2}\b", 20)  # it went on where it was, not from the start
    boots = console.read_text(errors="replace").count(READY)
    assert boots <= 1

    hyperv.finish(hyperv.request_state(machine, 11))  # reset
    hyperv.wait_state(machine, RUNNING)
    wait_in_file(console, rf"(?s)({READY}.*){{{boots + 1}}}TICK 0\b", 60)
    hyperv.finish(hyperv.request_state(machine, 4))  # ask the guest to shut down
    hyperv.wait_state(machine, OFF, 60)
    assert int(hyperv.request_state(machine, PAUSED)["ReturnValue"]) == 32775
    assert int(hyperv.request_state(machine, SAVED)["ReturnValue"]) == 32775


def test_a_running_machine_is_not_destroyed(hyperv, daemon, machines, guest_iso):
    machine, _, _ = boot(hyperv, daemon, machines, guest_iso, "cimxml-escaped", 1, "busy")
    assert int(hyperv.destroy(machine)["ReturnValue"]) == 32775
    assert hyperv.state(machine) == RUNNING


def test_qemu_killed_is_seen_as_off(hyperv, daemon, machines, guest_iso):
    import os
    import signal

    machine, _, _ = boot(hyperv, daemon, machines, guest_iso, "cimxml-escaped", 1, "victim")
    processes = processes_below(machine.selectors["Name"].lower())
    assert processes, "no QEMU process with the machine's GUID"
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    hyperv.wait_state(machine, OFF)
    hyperv.finish(hyperv.request_state(machine, RUNNING))
    hyperv.wait_state(machine, RUNNING)


def test_machines_outlive_the_daemon(daemon, hyperv, machines, guest_iso):
    machine, _, console = boot(hyperv, daemon, machines, guest_iso, "cimxml-escaped", 1, "survivor")
    text = wait_in_file(console, r"TICK \d+", 15).group()
    assert daemon.stop() == 0
    daemon.start()
    assert hyperv.state(machine) == RUNNING
    daemon.kill()
    daemon.start()
    assert hyperv.state(machine) == RUNNING
    wait_in_file(console, rf"TICK {int(text.split()[1]) + 3}\b", 30)
