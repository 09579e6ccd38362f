"""Jobs beside each other and after a restart: what is long keeps nobody waiting, who may cancel what, and ends that are not
written down at once."""
import time

import pytest
from faults import FaultDaemon
from harness import QUICK_SIGN_IN

import embedded  # noqa: E402
from embedded import Instance  # noqa: E402
from hyperv import OFF, RUNNING, WMI, HyperV, eventually  # noqa: E402
from machine_parts import FORM  # noqa: E402

NOBODY = '<p:AffectedSystem>Msvm_ComputerSystem.Name="00000000-0000-0000-0000-000000000001"</p:AffectedSystem>'
TERMINATE = "<p:RequestedState>4</p:RequestedState>"


def jobs(text):
    return QUICK_SIGN_IN + f'[jobs]\nsynchronous_window = "100ms"\n{text}\n'


def define(hyperv):
    inner = embedded.render(FORM, "SystemSettings", Instance("Msvm_VirtualSystemSettingData", ElementName="m"), WMI)
    return hyperv.service("DefineSystem", inner)


def machine(hyperv):
    return hyperv.finish(define(hyperv))["ResultingSystem"]


def test_long_jobs_keep_nobody_waiting():
    with FaultDaemon(more=jobs('threads = 2\nlong_after = "500ms"')) as daemon:
        hyperv = HyperV(daemon)
        other = machine(hyperv)
        daemon.hold("define")
        try:
            held = [define(hyperv)["Job"] for _ in range(5)]
            # What is refused has ended, and says why.
            begun = time.monotonic()
            refused = hyperv.service("DestroySystem", NOBODY)
            assert int(refused["ReturnValue"]) == 32773
            why = hyperv.get(refused["Job"])
            assert (int(why["JobState"]), int(why["ErrorCode"])) == (10, 32773)
            assert "00000000-0000-0000-0000-000000000001" in why["ErrorDescription"]
            assert time.monotonic() - begun < 5
            hyperv.finish(hyperv.request_state(other, RUNNING))
            assert hyperv.state(other) == RUNNING
            hyperv.finish(hyperv.request_state(other, OFF))
            assert all(int(hyperv.get(job)["JobState"]) == 4 for job in held)
        finally:
            daemon.release("define")
        assert all(int(hyperv.wait_job(job)["JobState"]) == 7 for job in held)


def test_cancelling_needs_the_role_of_the_method():
    # The second job waits for the first, and so can be cancelled.
    with FaultDaemon(more=jobs('threads = 1\nlong_after = "1h"')) as daemon:
        admin, operator, viewer = (HyperV(daemon, user) for user in ("admin", "operator", "viewer"))
        first, second = machine(admin), machine(admin)
        stop = {"RequestStateChange": (TERMINATE, "0"), "KillJob": ("", "0")}
        daemon.hold("start")
        try:
            first_start = admin.request_state(first, RUNNING)["Job"]
            for method, (inner, done) in stop.items():
                cancel = lambda who, job: who.invoke(job.class_name, job.selectors, method, inner)["ReturnValue"]
                defining = define(admin)["Job"]
                for who in (operator, viewer):
                    with pytest.raises(Exception, match="needs the role administrator"):
                        cancel(who, defining)
                assert int(admin.get(defining)["JobState"]) == 2
                assert cancel(admin, defining) == done
                assert int(admin.get(defining)["JobState"]) in (8, 9)
                # Operators may start machines, too.
                starting = admin.request_state(second, RUNNING)["Job"]
                with pytest.raises(Exception, match="needs the role operator"):
                    cancel(viewer, starting)
                assert cancel(operator, starting) == done
                assert int(admin.get(starting)["JobState"]) in (8, 9)
        finally:
            daemon.release("start")
        assert int(admin.wait_job(first_start)["JobState"]) == 7


def test_an_end_that_cannot_be_written_down_is_written_later():
    with FaultDaemon(more=jobs("")) as daemon:
        hyperv = HyperV(daemon)
        whole = machine(hyperv)
        daemon.hold("start")
        started = hyperv.request_state(whole, RUNNING)["Job"]
        with daemon.unwritable("job"):
            daemon.release("start")
            assert int(hyperv.wait_job(started)["JobState"]) == 7
            assert "state\t7\n" not in daemon.row("job", started.selectors["InstanceID"])
        eventually(lambda: "state\t7\n" in daemon.row("job", started.selectors["InstanceID"]))
        daemon.kill()
        daemon.start()
        after = HyperV(daemon).get(started)
        assert (int(after["JobState"]), int(after["ErrorCode"])) == (7, 0)
