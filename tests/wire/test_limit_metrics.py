"""Every limit's refusal counts in the limit's own metric, in all and for the user whom it hit."""
import threading

import pytest

import soapkit as k
from big import BigNamespace
from harness import PATIENCE, QUICK_SIGN_IN, Server, wait_until
from soapkit import assert_fault

LIMITS = QUICK_SIGN_IN + """
[metrics]
enabled = true
[jobs]
max_jobs = 1
[http]
max_header = "8KiB"
max_body = "300KiB"
max_body_before_sign_in = "4KiB"
header_time = "400ms"
body_time = "400ms"
idle_time = "400ms"
max_connections_per_peer = 30
[wsman.limits]
max_envelope_size = "8KiB"
max_selectors = 5
max_options = 3
max_filter_bytes = "4KiB"
max_filter_nesting = 3
max_filter_steps = 10000000
max_operations_per_user = 2
max_contexts_per_user = 2
max_timeout = "1s"
context_idle = "3s"
[wsman.gate]
max_bytes = "64KiB"
max_header_bytes = "8KiB"
max_depth = 16
max_elements = 1000
max_attributes = 16
max_attribute_bytes = "1KiB"
max_name_bytes = "128"
max_prefixes = 16
"""
SUMMARY = k.DMTF + "CIM_ManagedElement"


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    return BigNamespace(tmp_path_factory.mktemp("big"), 20_000)


@pytest.fixture(scope="module")
def limited(space):
    server = Server(more=LIMITS + space.config())
    server.start()
    service = k.Service("127.0.0.1", server.http_port, auth=(server.user, server.users[server.user][0]), timeout=30 * PATIENCE)
    # The first use fills the repository, which may take longer than an operation may.
    assert wait_until(lambda: service.get(space.uri, {**space.selectors, "N": 1}).fault is None, seconds=60)
    service.close()
    yield server
    server.end()


@pytest.fixture
def client(limited):
    service = k.Service("127.0.0.1", limited.http_port, auth=(limited.user, limited.users[limited.user][0]), timeout=30 * PATIENCE)
    yield service
    service.close()


class counting:
    """Within it the limit refuses, at least once, and nothing else of its kind does."""

    def __init__(self, server, limit, user="admin"):
        self.server, self.limit, self.user = server, limit, user

    def read(self):
        values = [self.server.metric("wsvirt_limit_refusals_total", limit=self.limit)]
        if self.user:
            try:
                values.append(self.server.metric("wsvirt_user_limit_refusals_total", limit=self.limit, user=self.user))
            except KeyError:
                values.append(0)
        return values

    def __enter__(self):
        self.before = self.read()

    def __exit__(self, kind, *_):
        if kind is None:
            assert wait_until(lambda: all(now > then for now, then in zip(self.read(), self.before))), self.limit


def header(content):
    return k.envelope(k.ACTIONS["Get"], SUMMARY, {"Id": "x"}, headers=content, client=k.DMTF_CLIENT)


GATE = {
    "max_bytes": (header("") + " " * 70_000, 413),
    "max_header_bytes": (header(f"<q:a xmlns:q='urn:q'>{'x' * 9000}</q:a>"), None),
    "max_depth": (header("<q:a xmlns:q='urn:q'>" + "<q:b>" * 20 + "</q:b>" * 20 + "</q:a>"), None),
    "max_elements": (k.envelope(k.ACTIONS["Get"], SUMMARY, {"Id": "x"}, "<x>" + "<y/>" * 1100 + "</x>"), None),
    "max_attributes": (header("<q:a xmlns:q='urn:q' " + " ".join(f"a{i}='1'" for i in range(20)) + "/>"), None),
    "max_attribute_bytes": (header(f"<q:a xmlns:q='urn:q' b='{'x' * 1100}'/>"), None),
    "max_name_bytes": (header(f"<q:{'x' * 200} xmlns:q='urn:q'/>"), None),
    "max_prefixes": (header("<q:a xmlns:q='urn:q'><q:b " + " ".join(f"xmlns:p{i}='urn:{i}'" for i in range(12)) + "><q:c " +
                            " ".join(f"xmlns:r{i}='urn:{i}'" for i in range(12)) + "/></q:b></q:a>"), None),
}


@pytest.mark.parametrize("limit", GATE)
def test_gate(limited, client, limit):
    text, status = GATE[limit]
    with counting(limited, "wsman.gate." + limit):
        reply = client.send(text)
        if status:
            assert reply.status == status
        else:
            assert_fault(reply, "wsman:EncodingLimit")


def test_selectors_options_and_uris(limited, client):
    with counting(limited, "wsman.limits.max_selectors"):
        assert_fault(client.get(SUMMARY, {f"s{i}": "1" for i in range(6)}), "wsman:EncodingLimit", "SelectorLimit")
    with counting(limited, "wsman.limits.max_options"):
        assert_fault(client.get(SUMMARY, {"Id": "1"}, options=[(f"o{i}", "1", False) for i in range(4)]), "wsman:EncodingLimit",
                     "OptionLimit")
    with counting(limited, "wsman.limits.max_uri_characters"):
        assert_fault(client.get(k.DMTF + "x" * 2100, {"Id": "1"}), "wsman:EncodingLimit", "URILimitExceeded")


def test_filters(limited, client, space):
    ask = lambda text: client.enumerate(space.uri, space.selectors, filter=k.filter_(k.XPATH, k.escape(text)))
    with counting(limited, "wsman.limits.max_filter_bytes"):
        assert_fault(ask("N = 1 or " * 500 + "N = 2"), "wsen:CannotProcessFilter")
    with counting(limited, "wsman.limits.max_filter_nesting"):
        assert_fault(ask("*[*[*[*[. = 1]]]]"), "wsen:CannotProcessFilter")
    left = ask("*[*[*[. = 1]]]").ok()
    client.release(space.uri, left.context, space.selectors).ok()
    with counting(limited, "wsman.limits.max_filter_steps"):
        item = client.enumerate(space.uri, space.selectors, optimize=True,
                                filter=k.filter_(k.XPATH, " or ".join(["//*//*[//*//*[//*//*[. = 1]]]"] * 8)))
        assert_fault(item, "wsen:CannotProcessFilter")


def test_size_of_an_answer(limited, client, space):
    with counting(limited, "wsman.limits.max_envelope_size"):
        reply = client.get(k.METADATA + "CIM_ComputerSystem", control="")
        assert_fault(reply, "wsman:EncodingLimit", "ServiceEnvelopeLimit")


def test_open_enumerations_of_a_user(limited, client, space):
    opened = []
    with counting(limited, "wsman.limits.max_contexts_per_user"):
        for _ in range(3):
            reply = client.enumerate(space.uri, space.selectors)
            if reply.fault is not None:
                assert_fault(reply, "wsman:QuotaLimit")
                break
            opened.append(reply.context)
        else:
            raise AssertionError("three were opened")
    assert limited.metric("wsvirt_enumerations") == limited.metric("wsvirt_user_enumerations", user="admin") == 2
    with counting(limited, "wsman.limits.context_idle"):
        assert wait_until(lambda: client.enumerate(space.uri, space.selectors).fault is None, every=0.3)


def test_time_and_operations_of_a_user(limited, client, space):
    """Searches that take longer than they may; two of them are all that this user may have at once."""
    long = " or ".join(["count(//*[count(//*[count(//*) > 90]) > 90]) > 90"] * 70)

    def search():
        one = k.Service("127.0.0.1", limited.http_port, auth=client.auth, timeout=30 * PATIENCE)
        try:
            replies.append(one.enumerate(space.uri, space.selectors, filter=k.filter_(k.XPATH, k.escape(long)), optimize=True,
                                         timeout="PT60S"))
        finally:
            one.close()

    for _ in range(5):
        replies = []
        before = limited.metric("wsvirt_limit_refusals_total", limit="wsman.limits.max_operations_per_user")
        threads = [threading.Thread(target=search) for _ in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        if limited.metric("wsvirt_limit_refusals_total", limit="wsman.limits.max_operations_per_user") > before:
            break
    else:
        raise AssertionError("six searches at once were never too many")
    assert any(r.fault is not None and r.fault.subcode.endswith("QuotaLimit") for r in replies)
    # Those that ran were cut to the configured time.
    assert any(r.fault is not None and r.fault.subcode.endswith("TimedOut") for r in replies)
    # A search that was answered for stops at its next item.
    assert wait_until(lambda: limited.metric("wsvirt_operations") == 0)


def test_http(limited):
    with counting(limited, "http.max_header", None):
        assert limited.raw(limited.signed(k.identify().encode(), [("X-Long", "x" * 9000)])).status == 431
    with counting(limited, "http.max_body", None):
        assert limited.post(b"x" * 301 * 1024).status == 413
    with counting(limited, "http.max_body_before_sign_in", None):
        assert limited.post(b"x" * 5000, {"WSMANIDENTIFY": "unauthenticated"}, sign_in=False).status == 413
    with counting(limited, "http.header_time", None), limited.connect() as raw:
        assert raw.send(b"POST /wsman HTTP/1.1\r\n").answer().status == 408
    with counting(limited, "http.body_time", None), limited.connect() as raw:
        assert raw.send(limited.signed(None, [("Content-Length", "100")])).answer().status == 408
    with counting(limited, "http.idle_time", None), limited.connect() as raw:
        assert raw.send(limited.signed(k.identify().encode())).answer().status == 200
        assert raw.is_closed()
    with counting(limited, "http.max_connections_per_peer", None):
        many = [limited.connect() for _ in range(40)]
        assert 503 in [raw.answer().status for raw in many]
        for raw in many:
            raw.socket.close()


def test_every_limit_has_a_figure_from_the_start(fresh_server):
    server = fresh_server(more=QUICK_SIGN_IN + "[metrics]\nenabled = true\n")
    text = server.post(b"", path="/metrics", method="GET", sign_in=False).text
    for section, keys in {"wsman.gate": GATE, "http": ["max_header", "max_body", "max_connections", "write_time"],
                          "auth": ["failures", "queue"], "jobs": ["max_jobs"], "server": ["work_queue"]}.items():
        for key in keys:
            assert f'wsvirt_limit_refusals_total{{limit="{section}.{key}"}} 0' in text, key
    assert "wsvirt_jobs_unfinished 0" in text
