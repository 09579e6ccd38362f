"""Envelopes that only an attacker sends, over the network: each gets an answer at once, and the next request is served."""
import time

import pytest
import soapkit as k
from harness import PATIENCE

V2 = {"__cimnamespace": "root/virtualization/v2"}
MACHINES = k.WMI + "root/virtualization/v2/Msvm_ComputerSystem"
BOMB = "".join(f'<!ENTITY l{n} "&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};&l{n - 1};">' for n in range(1, 20))


def get(body="", headers=""):
    return k.envelope(k.ACTIONS["Get"], MACHINES, None, body, headers=headers)


TEXTS = {
    "60,000 levels in the body": get("<a>" * 60_000 + "</a>" * 60_000),
    "100,000 levels that never end": get("<a>" * 100_000),
    "100,000 levels in the header": get(headers="<a>" * 100_000),
    "400 KB of attributes in the body": get("<a" + "".join(f' a{n}="{n}"' for n in range(35_000)) + "/>"),
    "400 KB of attributes in the header": get(headers="<a" + "".join(f' a{n}="{n}"' for n in range(35_000)) + "/>"),
    "an attribute of 400 KB": get(f'<a b="{"x" * 400_000}"/>'),
    "a name of 400 KB": get(f"<{'x' * 400_000}/>"),
    "the same attribute twice": get('<a b="1" b="2"/>'),
    "namespaces without end": get("".join(f'<n{n}:a xmlns:n{n}="urn:{n}">' for n in range(5_000))),
    "a DOCTYPE": '<!DOCTYPE a [<!ENTITY b "c">]>' + get("<a>&b;</a>"),
    "an entity bomb": f'<!DOCTYPE a [<!ENTITY l0 "lol">{BOMB}]>' + get("<a>&l19;</a>"),
    "an entity from a file": '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>' + get("<a>&b;</a>"),
    "a character reference to NUL": get("<a>&#0;</a>"),
    "a surrogate as a reference": get("<a>&#xD800;</a>"),
    "CDATA without end": get("<a><![CDATA[x"),
    "a comment without end": get("<a><!-- x"),
}
BYTES = {
    "NUL": get("<a>\0</a>").encode(),
    "bad UTF-8": get("<a>@</a>").encode().replace(b"@", b"\xff\xfe"),
    "overlong UTF-8": get("<a>@</a>").encode().replace(b"@", b"\xc0\xbcscript\xc0\xbe"),
    "a surrogate in UTF-8": get("<a>@</a>").encode().replace(b"@", b"\xed\xa0\x80"),
    "half a character": get("<a>@</a>").encode().replace(b"@", b"\xf0\x9f\x98"),
    "beyond Unicode": get("<a>@</a>").encode().replace(b"@", b"\xf4\x90\x80\x80"),
}


@pytest.fixture(scope="module")
def service(server):
    made = k.Service("127.0.0.1", server.http_port, auth=("admin", server.users["admin"][0]), timeout=20 * PATIENCE)
    yield made
    made.close()


def check(service, data):
    begun = time.monotonic()
    reply = service.post(data)
    assert time.monotonic() - begun < 1 * PATIENCE
    assert reply.fault is not None, reply
    assert reply.status == 500 and not reply.fault.subcode.endswith("InternalError")
    assert len(reply.raw) < 16_384
    assert service.send(k.identify()).ok()


@pytest.mark.parametrize("name", TEXTS)
def test_hostile_text(service, name):
    """Rules: W-SOAP-02, W-SOAP-15"""
    check(service, TEXTS[name].encode())


@pytest.mark.parametrize("name", BYTES)
def test_hostile_bytes(service, name):
    """Rules: W-SOAP-02"""
    check(service, BYTES[name])


OPERATIONS = {
    **{name: k.envelope(action, MACHINES, {"Name": "x"}) for name, action in k.ACTIONS.items()},
    "Enumerate with a query": k.envelope(k.ACTIONS["Enumerate"], k.WMI + "root/cimv2/*", None,
                                         k.enumerate_body(filter=k.filter_(k.WQL, "SELECT * FROM Win32_Processor"))),
    "Pull": k.envelope(k.ACTIONS["Pull"], MACHINES, None, k.pull_body("uuid:1")),
    "Release": k.envelope(k.ACTIONS["Release"], MACHINES, None, k.release_body("uuid:1")),
    "a class": k.envelope(k.ACTIONS["Get"], k.METADATA + "CIM_ComputerSystem", V2),
    "Invoke": k.envelope(MACHINES + "/RequestStateChange", MACHINES, {"Name": "x"}),
    "Identify": k.identify(),
    "Ack": k.envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack", MACHINES),
    "nothing known": k.envelope("urn:x", "urn:y"),
    "no XML": "no XML",
    "nothing": "",
}


@pytest.mark.parametrize("credentials", [None, ("admin", "wrong"), ("nobody", ""), ("", "")])
@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_needs_an_identity(server, name, credentials):
    """Rules: W-SEC-01"""
    service = k.Service("127.0.0.1", server.http_port, auth=credentials, timeout=20 * PATIENCE)
    try:
        reply = service.send(OPERATIONS[name])
        assert reply.status == 401 and reply.envelope is None
        assert reply.headers["Www-Authenticate"].startswith("Basic ")
    finally:
        service.close()
