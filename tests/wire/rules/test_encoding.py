"""Encodings and sizes (DSP0226 13.1 and 13.4)."""
import pytest

import soapkit as k
from soapkit import assert_fault


def post(svc, data, content_type):
    return svc.post(data, content_type=content_type)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_W_ENC_01_02_utf16_in_both_orders(svc, uri, make, codec):
    keys = make("T_Base", Name="Zoë €😀")
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), keys)
    bom = "\ufeff".encode(codec)
    reply = post(svc, bom + text.encode(codec), "application/soap+xml;charset=UTF-16").ok()
    assert "utf-16" in reply.type.lower()
    assert reply.raw[:2] == bom
    assert k.properties(reply.content)["Name"] == "Zoë €😀"
    body = f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Name>\U0010fffd😀z</p:Name></p:T_Base>'
    text = k.envelope(k.ACTIONS["Put"], uri("T_Base"), keys, body)
    post(svc, bom + text.encode(codec), "application/soap+xml;charset=UTF-16").ok()
    assert k.properties(svc.get(uri("T_Base"), keys).ok().content)["Name"] == "\U0010fffd😀z"


def test_W_ENC_02_12_utf8_answer_without_bom(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base).encode()
    for data in (text, b"\xef\xbb\xbf" + text):
        reply = post(svc, data, "application/soap+xml;charset=UTF-8").ok()
        assert "utf-8" in reply.type.lower() and not reply.raw.startswith(b"\xef\xbb\xbf")


def test_W_ENC_02_faults_too(svc, uri, space):
    text = k.envelope(k.ACTIONS["Get"], uri("T_None"), space)
    reply = post(svc, text.encode("utf-16"), "application/soap+xml;charset=UTF-16")
    assert "utf-16" in reply.type.lower() and reply.raw[:2] in (b"\xff\xfe", b"\xfe\xff") and reply.text.startswith("<s:")
    assert_fault(reply, "wsa:DestinationUnreachable")


@pytest.mark.parametrize("charset", ["EBCDIC", "ISO-8859-1"])
def test_W_ENC_03_unknown_character_set(svc, uri, base, charset):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base).encode()
    assert_fault(post(svc, text, f"application/soap+xml;charset={charset}"), "wsman:EncodingLimit", "CharacterSet", code="Sender")


def test_W_ENC_04_usual_size(svc, uri, space, many):
    reply = svc.enumerate(uri("T_Many"), space, optimize=True, max_elements=100000, control="").ok()
    assert len(reply.raw) <= 32767 and reply.items and not reply.ended
    reply = svc.pull(uri("T_Many"), reply.context, space, max_elements=100000, control="").ok()
    assert len(reply.raw) <= 32767 and len(reply.items) > 1


def test_W_ENC_05_request_of_32_kb(svc, uri, make, space):
    name = unique_key = "x" * 29000
    keys = make("T_Base", Name=name)
    assert k.properties(svc.get(uri("T_Base"), keys).ok().content)["Name"] == unique_key


def test_W_ENC_06_W_HTTP_11_MS_35_oversized_request(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, body="<x>" + "y" * 5_000_000 + "</x>")
    assert reply.status == 413


def test_W_ENC_07_uri_limit(svc, uri, base):
    svc.get(uri("T_Base"), base, message_id="urn:" + "x" * 2044).ok()
    assert_fault(svc.get(uri("T_Base"), base, message_id="urn:" + "x" * 4092), "wsman:EncodingLimit", "URILimitExceeded")
    assert_fault(svc.get(k.DMTF + "x" * 4000, base), "wsman:EncodingLimit", "URILimitExceeded")


def test_W_ENC_10_attachments_and_codings(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base).encode()
    assert post(svc, text, 'multipart/related; boundary="x"; type="application/xop+xml"').status == 415
    assert svc.post(text, headers={"Content-Encoding": "SLDC"}).status == 415


def test_W_ENC_13_contradictions(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    for data, charset in ((text.encode("utf-16"), "UTF-8"), (text.encode(), "UTF-16"), (text.encode("utf-16-le"), "UTF-16")):
        reply = post(svc, data, f"application/soap+xml;charset={charset}")
        assert reply.status == 400 and reply.envelope is None


def test_W_ENC_14_W_SEL_12_values_are_trimmed(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    for tag in ("a:Action s:mustUnderstand=\"true\"", "w:ResourceURI s:mustUnderstand=\"true\"", "a:To"):
        text = text.replace(f"<{tag}>", f"<{tag}>\n   ")
    text = text.replace("</a:Action>", "\n</a:Action>").replace("</w:Selector>", " \n</w:Selector>")
    svc.send(text).ok()


def test_W_ENC_14_enumeration_context_is_trimmed(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    svc.pull(uri("T_Base"), f"\n {reply.context}\n", space).ok()


def test_W_ENC_15_our_uris_are_short(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    assert len(reply.context) <= 2048 and len(reply.message_id) <= 2048


def test_W_ENC_16_every_character_is_supported(svc, uri, make):
    name = "a\U0010FFFDb\uFFFDc"
    assert k.properties(svc.get(uri("T_Base"), make("T_Base", Name=name)).ok().content)["Name"] == name


def test_W_ENC_11_17_giant_instance(svc, uri, make):
    keys = make("T_Base", Name="x" * 100_000)
    reply = svc.get(uri("T_Base"), keys, control="").ok()
    assert len(k.properties(reply.content)["Name"]) == 100_000
