"""Limits of the service in all, whoever uses it up: the fault and the figure of each."""
import http.client
import pathlib
import re
import threading
import urllib.request

import pytest

import soapkit as k
from faults import FaultDaemon
from harness import PATIENCE, wait_until
from soapkit import assert_fault

MOF = pathlib.Path(__file__).resolve().parent / "mof" / "root_echo.mof"
ECHO, ONE = k.DMTF + "T_Echo", {"__cimnamespace": "root/echo", "Id": "one"}
SPACE = {"__cimnamespace": "root/echo"}
COMMON = f'[metrics]\nenabled = true\n[[namespace]]\nname = "root/echo"\nmof = ["{MOF}"]\n'
SERVICE = "Msvm_VirtualSystemManagementService"
V2 = {"__cimnamespace": "root/virtualization/v2", "CreationClassName": SERVICE}


class Limited(FaultDaemon):
    def __init__(self, limits, server):
        super().__init__(users={"admin": ("secret-a", "administrator")}, more=limits + COMMON, server=server)

    def client(self, password="secret-a"):
        return k.Service("127.0.0.1", self.http_port, auth=("admin", password), timeout=30 * PATIENCE)

    def refusals(self, limit):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http_port}/metrics", timeout=30 * PATIENCE) as answer:
            text = answer.read().decode()
        line = next(line for line in text.splitlines() if line.startswith(f'wsvirt_limit_refusals_total{{limit="{limit}"}}'))
        return float(line.rsplit(" ", 1)[1])


@pytest.fixture
def limited():
    made = []

    def make(limits, server=""):
        made.append(Limited(limits, server))
        made[-1].start()
        return made[-1]

    yield make
    for daemon in made:
        daemon.stop()
        daemon.clear()


def slow_ones(daemon, count, seconds):
    """That many methods at once, each of which takes so long; their answers."""
    replies = []

    def call():
        client = daemon.client()
        try:
            replies.append(client.invoke(ECHO, "Slow", "", ONE, timeout=f"PT{seconds}S"))
        finally:
            client.close()

    threads = [threading.Thread(target=call) for _ in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return replies


def refused(replies):
    return [r for r in replies if r.fault is not None and r.fault.subcode.endswith("}QuotaLimit")]


@pytest.mark.parametrize("limit, limits, server", [
    ("wsman.limits.max_operations", "[wsman.limits]\nmax_operations = 1\n", ""),
    ("server.work_queue", "", "workers = 1\nwork_queue = 1\n")])
def test_W_FLX_01_operations_at_once(limited, limit, limits, server):
    daemon = limited(limits, server)
    for seconds in (1, 3, 9, 27):   # longer where this machine is too slow for more than one at a time
        replies = slow_ones(daemon, 4, seconds)
        if refused(replies):
            break
    fault = assert_fault(refused(replies)[0], "wsman:QuotaLimit", "", code="Sender")
    assert fault.windows_code == 2150858815 and len(refused(replies)) < 4
    assert daemon.refusals(limit) >= len(refused(replies))
    # What was refused leaves nothing behind.
    client = daemon.client()
    assert wait_until(lambda: client.get(ECHO, ONE).fault is None)
    client.close()


@pytest.mark.parametrize("name, code", [("QuotaLimit", "Sender"), ("InternalError", "Receiver")])
def test_W_ENU_34_MS_20_open_enumerations(limited, name, code):
    """The fault has DSP0226's name, or that of Windows."""
    daemon = limited(f'[wsman]\nquota_fault = "{name}"\n[wsman.limits]\nmax_contexts = 1\n')
    client = daemon.client()
    context = client.enumerate(ECHO, SPACE).ok().context
    fault = assert_fault(client.enumerate(ECHO, SPACE), "wsman:" + name, "", code=code, status=500)
    assert "quota" in fault.reason or "open" in fault.reason, fault
    assert daemon.refusals("wsman.limits.max_contexts") == 1
    client.release(ECHO, context, SPACE).ok()
    client.enumerate(ECHO, SPACE).ok()
    client.close()


def test_jobs_that_have_not_ended(limited):
    daemon = limited('[jobs]\nmax_jobs = 1\nsynchronous_window = "1ms"\n')
    client = daemon.client()
    uri = k.DMTF + SERVICE
    settings = k.escape('<INSTANCE CLASSNAME="Msvm_VirtualSystemSettingData"><PROPERTY NAME="ElementName" TYPE="string">'
                        "<VALUE>one of many</VALUE></PROPERTY></INSTANCE>")
    define = lambda: client.invoke(uri, "DefineSystem", f"<p:SystemSettings>{settings}</p:SystemSettings>", V2)
    daemon.hold("define")
    try:
        first = define().ok()
        assert first.content.findtext(f"{{{uri}}}ReturnValue") == "4096"
        # Methods with return codes have one for this: the service is not available now.
        assert define().ok().content.findtext(f"{{{uri}}}ReturnValue") == "32777"
        assert daemon.refusals("jobs.max_jobs") == 1
    finally:
        daemon.release("define")
    assert wait_until(lambda: define().ok().content.findtext(f"{{{uri}}}ReturnValue") in ("0", "4096"))
    client.close()


def answers(daemon):
    client = daemon.client()
    try:
        return client.post(b"").status == 200
    except (OSError, http.client.HTTPException):
        return False   # the connections of before are not all closed yet
    finally:
        client.close()


def test_connections_and_failed_sign_ins(limited):
    daemon = limited('[http]\nmax_connections = 10\n[auth]\nfailures = 2\nfailure_delay = "1ms"\nlongest_failure_delay = "1ms"\n')
    opened = [daemon.client() for _ in range(14)]
    replies = []
    for client in opened:
        try:
            replies.append(client.post(b"", auth=None).status)
        except (OSError, http.client.HTTPException):
            replies.append(503)   # closed before the request was written
    assert 503 in replies
    for client in opened:
        client.close()
    assert wait_until(lambda: answers(daemon))
    assert daemon.refusals("http.max_connections") > 0
    wrong = daemon.client("wrong")
    for _ in range(6):
        assert wrong.post(b"").status in (401, 429, 503)
    wrong.close()
    assert daemon.refusals("auth.failures") > 0


def test_W_ENU_09_lives_of_enumerations(limited):
    daemon = limited('[wsman.limits]\nmax_context_life = "7s"\n')
    client = daemon.client()
    granted = client.enumerate(ECHO, SPACE, expires="PT1H").ok().content.find(f"{{{k.N}}}Expires").text
    seconds = re.fullmatch(r"P(?:0D)?T(?:0H0M)?([0-9.]+)S", granted)
    assert seconds and 0 < float(seconds.group(1)) <= 7, granted
    client.close()


def test_W_ENC_04_usual_size_of_answers(limited):
    """Of answers to clients that do not say which size they take."""
    daemon = limited('[wsman.limits]\nusual_envelope_size = "9000"\n')
    client = daemon.client()
    some = client.enumerate(k.DMTF + "CIM_ManagedElement", optimize=True, max_elements=1000, control="").ok()
    assert some.items and not some.ended and len(some.raw) <= 9000
    more = client.enumerate(k.DMTF + "CIM_ManagedElement", optimize=True, max_elements=1000, max_size=100_000).ok()
    assert len(more.raw) > 9000
    client.close()
