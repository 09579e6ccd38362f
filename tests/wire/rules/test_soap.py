"""SOAP processing (DSP0226 clauses 5.2, 13 and 14)."""
import uuid

import pytest

import soapkit as k
from soapkit import assert_fault


def test_W_SOAP_01_soap_1_1_is_refused_with_upgrade(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, client=k.DMTF_CLIENT)
    assert reply.ok()
    reply = svc.send(k.envelope(k.ACTIONS["Get"], uri("T_Base"), base, soap="http://schemas.xmlsoap.org/soap/envelope/"))
    assert reply.status == 500
    assert reply.fault.code == f"{{{k.S}}}VersionMismatch" and reply.fault.subcode is None
    upgrade = reply.header.find(f"{{{k.S}}}Upgrade/{{{k.S}}}SupportedEnvelope")
    prefix, _, name = upgrade.get("qname").partition(":")
    assert (reply.prefixes[prefix], name) == (k.S, "Envelope")


@pytest.mark.parametrize("text", ["<a>", "<a/><b/>", "no xml", "<s:Envelope", "&#0;"])
def test_W_SOAP_02_broken_xml(svc, text):
    assert_fault(svc.send(text), "wsman:SchemaValidationError", code="Sender")


@pytest.mark.parametrize("body", [
    "<n:Pull><n:EnumerationContext>x</n:EnumerationContext><n:Unknown/></n:Pull>",
    "<n:Pull/>",
    "<n:Pull><n:EnumerationContext>x</n:EnumerationContext><n:MaxElements>many</n:MaxElements></n:Pull>",
    "<n:Pull><n:EnumerationContext>x</n:EnumerationContext><n:MaxElements>0</n:MaxElements></n:Pull>",
    "<n:Pull><n:EnumerationContext>x</n:EnumerationContext><n:MaxTime>soon</n:MaxTime></n:Pull>",
    "<n:Release/>",
])
def test_W_SOAP_03_schema_violations_in_pull(svc, uri, space, body):
    reply = svc.call("Pull", uri("T_Base"), space, body)
    assert_fault(reply, "wsman:SchemaValidationError")


@pytest.mark.parametrize("flag", ["true", "1"])
def test_W_SOAP_04_06_08_unknown_header_that_must_be_understood(svc, uri, base, flag):
    reply = svc.get(uri("T_Base"), base, headers=f'<q:Mystery xmlns:q="urn:mystery" s:mustUnderstand="{flag}">x</q:Mystery>')
    assert reply.status == 500
    assert reply.fault.code == f"{{{k.S}}}MustUnderstand" and reply.fault.subcode is None
    assert reply.action == k.FAULT_ACTIONS["wsa"]
    block = reply.header.find(f"{{{k.S}}}NotUnderstood")
    prefix, _, name = block.get("qname").partition(":")
    assert name == "Mystery"
    assert reply.prefixes[prefix] == "urn:mystery"


@pytest.mark.parametrize("attribute", ["", 's:mustUnderstand="false"', 's:mustUnderstand="0"'])
def test_W_SOAP_05_06_unknown_header_is_ignored(svc, uri, base, attribute):
    svc.get(uri("T_Base"), base, headers=f'<q:Mystery xmlns:q="urn:mystery" {attribute}>x</q:Mystery>').ok()


@pytest.mark.parametrize("header", [
    '<a:Action>urn:x</a:Action>', '<w:ResourceURI>urn:x</w:ResourceURI>',
    '<w:OperationTimeout>PT5S</w:OperationTimeout>', '<a:MessageID>uuid:2</a:MessageID>', '<w:SelectorSet/>',
])
def test_W_SOAP_07_duplicate_headers(svc, uri, base, header):
    reply = svc.get(uri("T_Base"), base, headers=header)
    assert_fault(reply, "wsa:InvalidMessageInformationHeader", code="Sender")


def test_W_SOAP_09_10_11_22_layout_of_a_fault(svc, uri, space):
    message_id = f"uuid:{uuid.uuid4()}"
    reply = svc.get(uri("T_Base"), {**space, "Id": "nobody"}, message_id=message_id)
    fault = assert_fault(reply, "wsa:DestinationUnreachable", code="Sender")
    assert reply.relates_to == message_id
    assert reply.message_id and reply.message_id != message_id
    assert fault.lang
    children = [k.local(c) for c in reply.content]
    assert children == ["Code", "Reason", "Detail"]
    assert reply.envelope.find(f".//{{{k.W}}}FaultDetail") is None or reply.prefixes["w"] == k.W


def test_W_SOAP_10_action_of_faults_by_namespace(svc, uri, space, base):
    assert_fault(svc.pull(uri("T_Base"), "uuid:none", space), "wsen:InvalidEnumerationContext", code="Receiver")
    assert_fault(svc.get(uri("T_Base"), base, headers='<w:Locale xml:lang="fr" s:mustUnderstand="true"/>', control=""),
                 "wsman:UnsupportedFeature")
    assert_fault(svc.put(uri("T_Base"), base, '<q:X xmlns:q="urn:x"/>'), "wxf:InvalidRepresentation")


def test_W_SOAP_12_fault_within_the_limit(svc, uri, space):
    long = "n" * 20000
    reply = svc.get(uri("T_Base"), {**space, "Id": long}, max_size=8192)
    assert reply.fault is not None
    assert len(reply.raw) <= 8192


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("length", [2048, 3000, 20_000])
def test_W_SOAP_12_long_message_id_in_a_small_fault(svc, uri, space, codec, length):
    """The MessageID is left out last, and only where it is longer than a URI may be."""
    message_id = "urn:" + "y" * (length - 4)
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), {**space, "Id": "nobody"}, message_id=message_id, max_size=8192)
    reply = svc.post(text.encode(codec), content_type=f"application/soap+xml;charset={codec}")
    assert_fault(reply, "wsa:DestinationUnreachable" if length == 2048 else "wsman:EncodingLimit")
    assert len(reply.raw) <= 8192
    assert reply.relates_to in ((message_id,) if length == 2048 else (message_id, None))



def test_W_SOAP_13_vendor_detail_stands_beside_fault_detail(svc, uri, space):
    reply = svc.get(uri("T_None"), space)
    fault = assert_fault(reply, "wsa:DestinationUnreachable", "InvalidResourceURI")
    assert fault.windows_code and fault.machine and fault.message


def test_W_SOAP_14_one_answer(svc, uri, base):
    reply = svc.get(uri("T_Base"), base).ok()
    assert len(list(reply.envelope)) == 2 and len(list(reply.body)) == 1


@pytest.mark.parametrize("prolog", ['<!DOCTYPE s [<!ENTITY a "b">]>', '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x">', "<?pi x?>"])
def test_W_SOAP_15_no_dtd_no_processing_instruction(svc, uri, base, prolog):
    assert_fault(svc.send(prolog + k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)), "wsman:SchemaValidationError")


def test_W_SOAP_15_entities_are_not_expanded(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, headers="<q:x xmlns:q='urn:x'>&lol;</q:x>")
    assert_fault(reply, "wsman:SchemaValidationError")


def test_W_SOAP_16_comments(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    for at in ("<s:Header>", "<s:Body>", "</s:Header>", "<a:Action s:mustUnderstand=\"true\">"):
        text = text.replace(at, at + "<!-- a comment -->", 1)
    svc.send("<!-- before -->" + text + "<!-- after -->").ok()


@pytest.mark.parametrize("reference", ["get", "put", "pull", "unknown"])
def test_W_SOAP_19_same_error_same_fault(svc, uri, space, reference):
    missing = {**space, "Id": "nobody"}
    if reference == "get":
        reply = svc.get(uri("T_Base"), missing)
    elif reference == "put":
        reply = svc.put(uri("T_Base"), missing, f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Id>nobody</p:Id></p:T_Base>')
    elif reference == "pull":
        reply = svc.delete(uri("T_Base"), missing)
    else:
        reply = svc.get(uri("T_Base"), missing, fragment="Name")
    assert_fault(reply, "wsa:DestinationUnreachable")


def test_W_SOAP_20_garbled_message_id(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, message_id="")
    assert_fault(reply, "wsa:InvalidMessageInformationHeader")
    assert not reply.relates_to


def test_W_SOAP_21_headers_with_and_without_must_understand(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    one = k.properties(svc.send(text).ok().content)
    two = k.properties(svc.send(text.replace(' s:mustUnderstand="true"', "")).ok().content)
    three = text
    for name in ("To", "MessageID"):
        three = three.replace(f"<a:{name}>", f'<a:{name} s:mustUnderstand="1">')
    assert one == two == k.properties(svc.send(three).ok().content)


def test_W_SOAP_23_unknown_addressing_header(svc, uri, base):
    svc.get(uri("T_Base"), base, headers="<a:Whatever>x</a:Whatever>").ok()
    reply = svc.get(uri("T_Base"), base, headers='<a:Whatever s:mustUnderstand="true">x</a:Whatever>')
    assert reply.fault.code == f"{{{k.S}}}MustUnderstand"


def test_W_SOAP_24_unknown_element_in_enumerate(svc, uri, space):
    reply = svc.enumerate(uri("T_Base"), space, extra='<q:odd xmlns:q="urn:q"/>')
    assert_fault(reply, "wsman:SchemaValidationError")
