"""wsman:OperationTimeout is observed whatever the service is doing (DSP0226 6.1): a search ends, what waits for a thread is
answered and never begun, an enumeration lives on and loses nothing.

Rules: W-TMO-05, W-TMO-06, W-TMO-08, W-ENU-25
"""
import threading
import time

import pytest

import soapkit as k
from big import BigNamespace
from harness import PATIENCE, QUICK_SIGN_IN
from soapkit import assert_fault

COUNT = 20_000
NOTHING = k.filter_(k.WQL, "SELECT * FROM T_Item WHERE Text LIKE '%never%'")
LAST = k.filter_(k.WQL, f"SELECT * FROM T_Item WHERE Text LIKE 'item {COUNT - 1} %'")


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return BigNamespace(tmp_path_factory.mktemp("big"), COUNT)


@pytest.fixture(scope="module")
def daemon(space):
    """One worker, so that one long operation keeps all others waiting."""
    from harness import Server
    server = Server(more=QUICK_SIGN_IN + space.config(), server="workers = 1")
    server.start()
    client = service(server)
    client.enumerate(space.uri, space.selectors, timeout="PT600S").ok()  # fills the repository
    client.close()
    yield server
    server.end()


def service(server):
    return k.Service("127.0.0.1", server.http_port, auth=(server.user, server.users[server.user][0]), timeout=60 * PATIENCE)


@pytest.fixture
def connect(daemon):
    made = []

    def make():
        made.append(service(daemon))
        return made[-1]

    yield make
    for s in made:
        s.close()


def search(client, space, filter, timeout):
    return client.enumerate(space.uri, space.selectors, filter=filter, optimize=True, timeout=timeout)


def busy_until_its_timeout(client, space, seconds):
    """A filter that takes long for each of many instances."""
    long = " or ".join(["count(//*[count(//*[count(//*[count(//*) > 90]) > 90]) > 90]) > 90"] * 190)
    return search(client, space, k.filter_(k.XPATH, k.escape(long)), f"PT{seconds}S")


def test_W_TMO_05_08_a_search_ends_at_its_timeout(connect, daemon, space):
    client = connect()
    start = time.monotonic()
    fault = assert_fault(busy_until_its_timeout(client, space, 0.2), "wsman:TimedOut", code="Receiver")
    took = time.monotonic() - start
    assert fault.windows_code == 2150858793
    assert 0.1 < took < 2 * PATIENCE
    # It is not searched on, which would take many times longer: the only thread is free again.
    client.get(space.uri, {**space.selectors, "N": 1}, timeout=f"PT{PATIENCE}S").ok()


def test_W_TMO_06_what_waits_for_a_thread_is_answered_and_never_begun(connect, space):
    one, two = connect(), connect()
    target = {**space.selectors, "N": 7}
    replies = []
    blocker = threading.Thread(target=lambda: replies.append(busy_until_its_timeout(one, space, 3)))
    blocker.start()
    try:
        time.sleep(0.3)
        body = f'<p:T_Item xmlns:p="{space.uri}"><p:Text>changed</p:Text></p:T_Item>'
        start = time.monotonic()
        reply = two.put(space.uri, target, body, timeout="PT0.5S")
        took = time.monotonic() - start
        fault = assert_fault(reply, "wsman:TimedOut", code="Receiver")
        assert fault.windows_code == 2150858793 and "Nothing was changed" in fault.reason
        assert 0.4 < took < 2.5, took
    finally:
        blocker.join()
    assert_fault(replies[0], "wsman:TimedOut")
    assert k.properties(two.get(space.uri, target).ok().content)["Text"] == "item 7 of many"


def test_W_ENU_25_a_slow_pull_gives_up_and_the_enumeration_lives_on(connect, space):
    client = connect()
    opened = client.enumerate(space.uri, space.selectors, filter=LAST).ok()
    found, slow = [], 0
    context = opened.context
    for _ in range(1000):
        # Too little for any machine at first, enough for every machine at last.
        timeout = f"PT{min(0.001 * 2**slow, 60):.3f}S"
        reply = client.pull(space.uri, context, space.selectors, max_elements=10, timeout=timeout)
        if reply.fault is not None:
            assert_fault(reply, "wsman:TimedOut", code="Receiver")
            slow += 1
            continue
        found += reply.items
        if reply.ended:
            break
        context = reply.context
    assert slow > 0
    assert [k.properties(i)["N"] for i in found] == [str(COUNT - 1)]


def test_W_ENU_25_max_time_gives_an_empty_answer(connect, space):
    client = connect()
    opened = client.enumerate(space.uri, space.selectors, filter=LAST, control="").ok()
    reply = client.pull(space.uri, opened.context, space.selectors, max_elements=10, max_time="PT0.001S", control="").ok()
    assert reply.items == [] and not reply.ended and reply.context
    client.release(space.uri, reply.context, space.selectors).ok()


def test_a_client_that_goes_away_ends_its_search(connect, daemon, space):
    text = k.envelope(k.ACTIONS["Enumerate"], space.uri, space.selectors,
                      k.enumerate_body(filter=NOTHING, optimize=True), timeout="PT60S").encode()
    with daemon.connect() as raw:
        raw.send(daemon.signed(text))
        time.sleep(0.1)
    client = connect()
    start = time.monotonic()
    client.get(space.uri, {**space.selectors, "N": 1}, timeout="PT60S").ok()
    assert time.monotonic() - start < 3 * PATIENCE


def test_MS_32_longer_timeouts_are_cut_to_the_configured_one(fresh_server, space):
    server = fresh_server(more=QUICK_SIGN_IN + space.config() + '[wsman.limits]\nmax_timeout = "300ms"\n')
    client = service(server)
    try:
        deadline = time.monotonic() + 30 * PATIENCE
        while client.enumerate(space.uri, space.selectors).fault is not None:  # until the repository is filled
            assert time.monotonic() < deadline
        start = time.monotonic()
        assert_fault(busy_until_its_timeout(client, space, 60), "wsman:TimedOut")
        assert time.monotonic() - start < 2 * PATIENCE
    finally:
        client.close()


def test_W_ENU_41_an_enumeration_ends_with_the_service(fresh_server, space):
    """A service may end an enumeration at any time; then Pull and Release say so."""
    server = fresh_server(more=QUICK_SIGN_IN)
    client = service(server)
    uri = k.DMTF + "CIM_ManagedElement"
    contexts = [client.enumerate(uri).ok().context for _ in range(2)]
    client.pull(uri, contexts[0], max_elements=1).ok()
    client.close()
    server.stop()
    server.start()
    client = service(server)
    assert_fault(client.pull(uri, contexts[0]), "wsen:InvalidEnumerationContext", code="Receiver")
    assert_fault(client.release(uri, contexts[1]), "wsen:InvalidEnumerationContext", code="Receiver")
    client.close()
