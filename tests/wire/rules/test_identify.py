"""Identify (DSP0226 clause 11, MS-WSMV)."""
import uuid

import pytest

import soapkit as k


def read(reply):
    reply.ok()
    assert reply.content.tag == f"{{{k.I}}}IdentifyResponse"
    return reply.content


def child(node, name):
    return node.find(f"{{{k.I}}}{name}")


def test_W_IDN_01_02_11_bare_envelope(svc):
    answer = read(svc.send(k.identify()))
    assert [k.local(c) for c in answer][:3] == ["ProtocolVersion", "ProductVendor", "ProductVersion"]
    assert child(answer, "ProtocolVersion").text == k.W
    assert child(answer, "ProductVendor").text


def test_W_IDN_01_MS_33_content_and_prefix_are_free(svc):
    read(svc.send(k.identify().replace("<i:Identify/>", "<i:Identify><q:x xmlns:q='urn:q'>y</q:x></i:Identify>")))
    read(svc.send(f'<Envelope xmlns="{k.S}"><Body><Identify xmlns="{k.I}"/></Body></Envelope>'))


def test_W_IDN_03_08_optional_elements(svc):
    answer = read(svc.send(k.identify()))
    profiles = child(answer, "SecurityProfiles")
    assert profiles is not None
    for p in profiles:
        assert p.tag == f"{{{k.I}}}SecurityProfileName"
        assert p.text.startswith("http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/")
    assert not [c for c in answer.iter() if "DASH" in c.tag or "SMASH" in c.tag]


def test_W_SEC_13_profiles_are_those_offered(svc):
    profiles = {p.text.rpartition("secprofile/")[2] for p in child(read(svc.send(k.identify())), "SecurityProfiles")}
    assert profiles == {"http/basic", "https/basic"}


def test_W_IDN_04_07_10_MS_19_without_login(connect):
    nobody = connect(None)
    answer = read(nobody.send(k.identify(), headers={"WSMANIDENTIFY": "unauthenticated"}))
    assert child(answer, "SecurityProfiles") is None
    assert child(answer, "ProductVersion").text == "OS: 0.0.0 SP: 0.0 Stack: 3.0"


def test_MS_19_version_pattern(svc):
    import re
    assert re.fullmatch(r"OS: [\d.]+ SP: [\d.]+ Stack: [\d.]+", child(read(svc.send(k.identify())), "ProductVersion").text)


def test_W_IDN_04_W_SEC_15_nothing_else_without_login(connect, uri, base):
    nobody = connect(None)
    for text in (k.envelope(k.ACTIONS["Get"], uri("T_Base"), base), k.envelope(k.ACTIONS["Enumerate"], uri("T_Base"), None, k.enumerate_body())):
        reply = nobody.send(text, headers={"WSMANIDENTIFY": "unauthenticated"})
        assert reply.status == 401 and reply.envelope is None
    assert nobody.send(k.identify()).status == 401


def test_W_IDN_09_W_ADDR_02_anonymous_path(connect):
    read(connect(None).send(k.identify(), path="/wsman-anon/identify"))


def test_W_IDN_05_unknown_headers(svc):
    plain = k.identify().replace("<s:Header/>", "<s:Header><q:x xmlns:q='urn:q'/></s:Header>")
    read(svc.send(plain))
    reply = svc.send(plain.replace("<q:x ", '<q:x s:mustUnderstand="true" '))
    assert reply.fault.code == f"{{{k.S}}}MustUnderstand"


def test_W_IDN_06_with_addressing(svc):
    message_id = f"uuid:{uuid.uuid4()}"
    text = k.envelope("http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd/Identify", None, None,
                      f'<i:Identify xmlns:i="{k.I}"/>', message_id=message_id)
    reply = svc.send(text)
    read(reply)
    assert reply.relates_to == message_id
