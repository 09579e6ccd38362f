"""kill -9 of the daemon while it defines and removes machines: afterwards each machine is whole or absent, and each job tells the truth."""
import os
import random
import threading
import time

import pytest
from embedded import Instance
from hyperv import RUNNING, SAVED, HyperV
from wsvirtd import Daemon

ROUNDS = 50
MEMORY, PROCESSORS = 96, 3
COMPLETED, FAILED_STATES = 7, (8, 9, 10)
DEFINE_SYSTEM = 1  # JobType


class Victim:
    """A daemon that is killed again and again, and a client that lives through it."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.known_jobs = set()
        self.connect()

    def connect(self):
        self.hyperv = HyperV(self.daemon)

    def definition(self, name, generation):
        """Settings and resources of one DefineSystem."""
        settings = Instance("Msvm_VirtualSystemSettingData", ElementName=name, Notes=[f"round {name}"],
                            VirtualSystemSubType=f"Microsoft:Hyper-V:SubType:{generation}")
        resources = [
            Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory",
                     VirtualQuantity=MEMORY, Reservation=MEMORY, Limit=MEMORY, DynamicMemoryEnabled=False),
            Instance("Msvm_ProcessorSettingData", ResourceType=3, ResourceSubType="Microsoft:Hyper-V:Processor",
                     VirtualQuantity=PROCESSORS)]
        return settings, resources

    def machines(self):
        return {i["ElementName"]: i for i in self.hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")}

    def check_whole(self, item, generation):
        """Everything that DefineSystem was asked for is there and can be read."""
        machine = self.hyperv.reference(item["Name"])
        settings = self.hyperv.get(self.hyperv.settings_of(machine))
        assert settings["ElementName"] == item["ElementName"] and settings.all("Notes") == [f"round {item['ElementName']}"]
        assert settings["VirtualSystemSubType"].endswith(f":{generation}")
        assert settings["VirtualSystemIdentifier"].lower() == item["Name"].lower()
        memory, = self.hyperv.devices(machine, "Msvm_MemorySettingData")
        processor, = self.hyperv.devices(machine, "Msvm_ProcessorSettingData")
        assert (int(memory["VirtualQuantity"]), int(processor["VirtualQuantity"])) == (MEMORY, PROCESSORS)
        assert int(item["EnabledState"]) == 3
        return machine

    def new_jobs(self):
        """Those that were not there when this was last asked."""
        found = [j for j in self.hyperv.query("SELECT * FROM Msvm_ConcreteJob") if j["InstanceID"] not in self.known_jobs]
        self.known_jobs.update(j["InstanceID"] for j in found)
        return found


class Definer(threading.Thread):
    """One DefineSystem, whose answer may never come."""

    def __init__(self, victim, name, generation):
        super().__init__()
        self.client, self.definition = HyperV(victim.daemon), victim.definition(name, generation)
        self.output, self.begun, self.ended = None, threading.Event(), None

    def run(self):
        self.begun.set()
        try:
            self.output = self.client.define(*self.definition)
        except Exception:  # the connection ended with the daemon
            pass
        self.ended = time.monotonic()


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as running:
        yield running


@pytest.fixture(scope="module")
def victim(daemon):
    return Victim(daemon)


def domains_on_disk(daemon):
    """Names of the definitions that libvirt has written."""
    folder = daemon.state / "qemu" / "etc" / "qemu"
    return {f.stem for f in folder.glob("*.xml")} if folder.is_dir() else set()


def leftovers(daemon):
    """Firmware variables of machines that do not exist."""
    found = daemon.state.glob("qemu/lib/qemu/nvram/*")
    return {f.name for f in found if not any(f.name.startswith(d) for d in domains_on_disk(daemon))}


def check_jobs(victim, name, exists):
    """No job runs after a start; what one says of the definition is so. Their number."""
    jobs = victim.new_jobs()
    for job in jobs:
        state = int(job["JobState"])
        assert state in (COMPLETED, *FAILED_STATES), f"{name}: {dict(job)}"
        if int(job["JobType"]) == DEFINE_SYSTEM:
            assert (state == COMPLETED) == exists, f"{name} {'exists' if exists else 'does not exist'}: {dict(job)}"
            assert state == COMPLETED or job["ErrorDescription"], f"{name}: {dict(job)}"
    return sum(int(j["JobType"]) == DEFINE_SYSTEM for j in jobs)


def test_kill_during_define_system(victim, daemon):
    seed = int(os.environ.get("WSVIRT_SEED", random.SystemRandom().randrange(1 << 30)))
    rng = random.Random(seed)
    usual = {}
    for generation in (1, 2):  # how long it takes here
        for n in range(3):
            definer = Definer(victim, f"warm{generation}{n}", generation)
            begun = time.monotonic()
            definer.start()
            definer.join()
            usual[generation] = time.monotonic() - begun
            victim.hyperv.finish(definer.output)
    warm = set(victim.machines())
    victim.new_jobs()
    there, answered, with_job = 0, 0, 0
    for n in range(ROUNDS):
        name, generation = f"m{n}", rng.choice([1, 2])
        definer = Definer(victim, name, generation)
        definer.start()
        definer.begun.wait()
        time.sleep(rng.uniform(0, usual[generation]))
        daemon.kill()
        definer.join()
        daemon.start()
        victim.connect()
        machines = victim.machines()
        assert set(machines) - {name} == warm, f"seed {seed}, round {n}"
        said_done = definer.output is not None and int(definer.output["ReturnValue"]) == 0
        assert not said_done or name in machines, f"seed {seed}, round {n}: the answer said that it is there"
        with_job += check_jobs(victim, name, name in machines)
        answered += said_done
        if name in machines:
            there += 1
            machine = victim.check_whole(machines[name], generation)
            victim.hyperv.finish(victim.hyperv.destroy(machine))
            if definer.output is None:  # next time a little earlier, until both ends are met
                usual[generation] *= 0.97
        elif n % 2:
            usual[generation] *= 1.02
        assert not leftovers(daemon), f"seed {seed}, round {n}"
        assert len(domains_on_disk(daemon)) == len(warm), f"seed {seed}, round {n}: {domains_on_disk(daemon)}"
    print(f"seed {seed}: {ROUNDS} kills, {there} machines were there, {answered} of them answered; {with_job} jobs were kept; "
          f"DefineSystem takes {usual}")
    assert 0 < there < ROUNDS, f"seed {seed}: the kills did not come before and after the definition"


def destroy_unheard(hyperv, machine):
    try:
        hyperv.destroy(machine)
    except Exception:  # the connection ended with the daemon
        pass


def test_kill_while_a_saved_machine_is_destroyed(victim, daemon):
    """It is gone, or it is there with its memory."""
    rng = random.Random(7)
    for n in range(6):
        machine = victim.hyperv.finish(victim.hyperv.define(*victim.definition(f"saved{n}", 2)))["ResultingSystem"]
        for state in (RUNNING, SAVED):
            victim.hyperv.finish(victim.hyperv.request_state(machine, state))
        victim.new_jobs()
        caller = threading.Thread(target=destroy_unheard, args=(victim.hyperv, machine))
        caller.start()
        time.sleep(rng.uniform(0.01, 0.05))
        daemon.kill()
        caller.join()
        daemon.start()
        victim.connect()
        there = f"saved{n}" in victim.machines()
        for job in victim.new_jobs():
            assert (int(job["JobState"]) == COMPLETED) != there, f"round {n}: {dict(job)}"
        if there:
            assert victim.hyperv.state(machine) == SAVED, f"round {n}"
            victim.hyperv.finish(victim.hyperv.destroy(machine))
        assert not leftovers(daemon) and not list(daemon.state.glob("qemu/lib/qemu/save/*")), f"round {n}"
