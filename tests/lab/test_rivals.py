"""Two clients that define, start and destroy the same machine at once."""
import threading
import time
import uuid
import xml.etree.ElementTree as ET

import pytest
import winrm.exceptions
from embedded import Instance
from hyperv import OFF, RUNNING, WMI, Epr, HyperV
from wsvirtd import Daemon, processes_below

DONE, STARTED = 0, 4096
REFUSED = range(32768, 32780)  # the documented return codes of the methods
ROUNDS = 3


@pytest.fixture(scope="module")
def daemon():
    with Daemon() as running:
        yield running


def reference(guid):
    """A machine's reference, made without asking whether it exists."""
    W = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
    element = ET.Element("x")
    ET.SubElement(element, W + "ResourceURI").text = WMI + "Msvm_ComputerSystem"
    for name, value in (("CreationClassName", "Msvm_ComputerSystem"), ("Name", guid)):
        ET.SubElement(element, W + "Selector", Name=name).text = value
    return Epr(element)


class Rival:
    def __init__(self, daemon, name, guid):
        self.hyperv, self.name, self.guid = HyperV(daemon), name, guid
        self.machine = reference(guid)
        self.outcomes = []

    def call(self, what):
        """Whether this client's call brought it about; everything else must be a documented refusal."""
        begin = {"define": lambda: self.hyperv.define(Instance(
                     "Msvm_VirtualSystemSettingData", ElementName=self.name, VirtualSystemIdentifier=self.guid),
                     [Instance("Msvm_MemorySettingData", ResourceType=4, ResourceSubType="Microsoft:Hyper-V:Memory",
                               VirtualQuantity=64, Reservation=64, Limit=64)]),
                 "start": lambda: self.hyperv.request_state(self.machine, RUNNING),
                 "stop": lambda: self.hyperv.request_state(self.machine, OFF),
                 "destroy": lambda: self.hyperv.destroy(self.machine)}[what]
        try:
            output = begin()
        except winrm.exceptions.WinRMError as e:  # a fault: the machine is not there, or somebody changes it now
            assert "InternalError" not in str(e), e
            outcome = f"fault: {e}"
        else:
            code = int(output["ReturnValue"])
            assert code in (DONE, STARTED) or code in REFUSED, f"{what}: {dict(output)}"
            outcome = "done" if code == DONE else code
            if code == STARTED:
                job = self.hyperv.wait_job(output["Job"])
                state = int(job["JobState"])
                assert state in (7, 10), f"{what}: {dict(job)}"
                assert state == 7 or job["ErrorDescription"], dict(job)
                outcome = "done" if state == 7 else f"job: {job['ErrorCode']}"
        self.outcomes.append((what, outcome))
        return outcome == "done"


def both(rivals, *calls):
    """The same calls of every client at once; how often the last of them succeeded."""
    gate, won, broken = threading.Barrier(len(rivals)), [], []

    def run(rival):
        try:
            gate.wait(30)
            for what in calls:
                done = rival.call(what)
            won.append(done)
        except BaseException as e:
            broken.append(e)
            raise

    threads = [threading.Thread(target=run, args=(r,)) for r in rivals]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not broken, broken
    return sum(won)


def machines(hyperv):
    return {i["Name"].upper(): i for i in hyperv.query("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER")}


def test_each_step_is_done_once(daemon):
    """Step by step: of two that do the same, one does it, and the other is told."""
    observer = HyperV(daemon)
    for n in range(ROUNDS):
        guid = str(uuid.uuid4()).upper()
        rivals = [Rival(daemon, f"rival{i}", guid) for i in range(2)]
        try:
            assert both(rivals, "define") == 1
            seen = machines(observer)
            assert list(seen) == [guid] and seen[guid]["ElementName"] in ("rival0", "rival1")
            assert both(rivals, "start") >= 1
            observer.wait_state(reference(guid), RUNNING)
            assert len(processes_below(guid.lower())) == 1
            assert both(rivals, "stop") >= 1
            observer.wait_state(reference(guid), OFF)
            assert not processes_below(guid.lower())
            assert both(rivals, "destroy") == 1
            assert not machines(observer)
        except BaseException:
            print(n, [r.outcomes for r in rivals])
            raise


def test_all_steps_in_any_order(daemon):
    """Without waiting for each other: at the end there is what libvirt has, and it can be removed."""
    guid = str(uuid.uuid4()).upper()
    rivals = [Rival(daemon, f"wild{i}", guid) for i in range(3)]
    both(rivals, *(["define", "start", "stop", "destroy"] * ROUNDS))
    observer = HyperV(daemon)
    for attempt in range(20):
        seen = machines(observer)
        if not seen:
            break
        state = int(seen[guid]["EnabledState"])
        assert bool(processes_below(guid.lower())) == (state != OFF)
        rivals[0].call("stop" if state != OFF else "destroy")
        time.sleep(0.05)
    assert not machines(observer), [r.outcomes[-8:] for r in rivals]
    assert not processes_below(guid.lower())
    assert not list((daemon.state / "qemu" / "etc" / "qemu").glob("*.xml"))
    print([r.outcomes for r in rivals])
    done = [o for r in rivals for o in r.outcomes if o[1] == "done"]
    assert {what for what, _ in done} >= {"define", "destroy"}, done
