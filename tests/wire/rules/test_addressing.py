"""Addressing headers (DSP0226 5.3 and 5.4)."""
import socket
import uuid

import pytest

import soapkit as k
from soapkit import assert_fault


def test_W_ADDR_01_to_is_required(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, to=None), "wsa:MessageInformationHeaderRequired", code="Sender")


@pytest.mark.parametrize("to", ["http://elsewhere:1234/wsman", "https://other/wsman/"])
def test_W_ADDR_03_W_HTTP_15_other_host_in_to(svc, uri, base, to):
    svc.get(uri("T_Base"), base, to=to).ok()


def test_W_ADDR_03_other_path_in_to(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, to="http://host/no/such/service"), "wsa:DestinationUnreachable")


def test_W_ADDR_04_action_is_required(svc, uri, base):
    assert_fault(svc.send(k.envelope(None, uri("T_Base"), base)), "wsa:MessageInformationHeaderRequired", code="Sender")


@pytest.mark.parametrize("action", [k.X + "/Frobnicate", k.X + "/get", k.N + "/Renew", "urn:what"])
def test_W_ADDR_05_07_unknown_action(svc, uri, base, action):
    reply = svc.send(k.envelope(action, uri("T_Base"), base))
    fault = assert_fault(reply, "wsa:ActionNotSupported", code="Sender")
    assert fault.detail_node.find(f"{{{k.A}}}Action").text == action


def test_W_ADDR_06_action_that_does_not_fit(svc, uri, space):
    action = uri("T_Base") + "/NoSuchMethod"
    fault = assert_fault(svc.send(k.envelope(action, uri("T_Base"), space)), "wsa:ActionNotSupported", "ActionMismatch")
    assert fault.detail_node.find(f"{{{k.A}}}Action").text == action


def test_W_ADDR_07_body_that_does_not_fit_the_action(svc, uri, space):
    reply = svc.call("Enumerate", uri("T_Base"), space, '<n:Pull xmlns:n="%s"/>' % k.N)
    assert_fault(reply, "wsman:SchemaValidationError")


def test_W_ADDR_08_MS_05_reply_to_is_required(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), base, reply_to=None), "wsa:MessageInformationHeaderRequired")


@pytest.mark.parametrize("address", ["http://other/", "http://127.0.0.1:9/reply?x=1"])
def test_W_ADDR_09_28_29_MS_06_only_anonymous_replies(svc, uri, base, address):
    assert_fault(svc.get(uri("T_Base"), base, reply_to=address), "wsman:UnsupportedFeature", "AddressingMode")


@pytest.mark.parametrize("fault", [False, True])
def test_W_ADDR_10_12_reply_parameters_are_echoed(svc, uri, base, space, fault):
    reply_to = (f"<a:Address>{k.ANONYMOUS}</a:Address><a:ReferenceParameters><q:Cookie xmlns:q='urn:q' q:kind='oat'>"
                "1 &lt; 2<q:more/></q:Cookie><w:Other>z</w:Other></a:ReferenceParameters>")
    reply = svc.get(uri("T_Base"), {**space, "Id": "nobody"} if fault else base, reply_to=reply_to)
    assert (reply.fault is not None) == fault
    cookie = reply.header.find("{urn:q}Cookie")
    assert cookie.text == "1 < 2" and cookie.get("{urn:q}kind") == "oat" and cookie.find("{urn:q}more") is not None
    assert reply.header.find(f"{{{k.W}}}Other").text == "z"
    assert reply.header_text("To") == k.ANONYMOUS


def test_W_ADDR_11_13_other_fault_address(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, headers="<a:FaultTo><a:Address>http://other/</a:Address></a:FaultTo>")
    assert_fault(reply, "wsman:UnsupportedFeature", "AddressingMode")


def test_W_ADDR_14_fault_parameters_are_echoed(svc, uri, space, base):
    fault_to = (f"<a:FaultTo><a:Address>{k.ANONYMOUS}</a:Address><a:ReferenceParameters><q:F xmlns:q='urn:q'>f</q:F>"
                "</a:ReferenceParameters></a:FaultTo>")
    reply = svc.get(uri("T_Base"), {**space, "Id": "nobody"}, headers=fault_to)
    assert reply.fault and reply.header.find("{urn:q}F").text == "f"
    assert svc.get(uri("T_Base"), base, headers=fault_to).ok().header.find("{urn:q}F") is None


@pytest.mark.parametrize("message_id", ["uuid:AbC-1", "urn:uuid:0C4C4F2A-2F1F-4B69-8E43-0123456789ab", "http://x/Y?z#1",
                                         "tag:a@b,2020:c"])
def test_W_ADDR_15_18_any_uri_and_case_kept(svc, uri, base, space, message_id):
    assert svc.get(uri("T_Base"), base, message_id=message_id).ok().relates_to == message_id
    assert svc.get(uri("T_Base"), {**space, "Id": "no"}, message_id=message_id).relates_to == message_id


def test_W_ADDR_16_our_message_ids_are_unique(svc, uri, base):
    ids = [svc.get(uri("T_Base"), base).ok().message_id.lower() for _ in range(200)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("message_id", ["0", "noscheme", "../x?y"])
def test_W_ADDR_15_MS_07_relative_uris_of_other_clients(svc, uri, base, space, message_id):
    """AMT's clients number their messages and send To as a path."""
    assert svc.get(uri("T_Base"), base, message_id=message_id, to="/wsman").ok().relates_to == message_id
    assert svc.get(uri("T_Base"), {**space, "Id": "no"}, message_id=message_id).relates_to == message_id
    assert_fault(svc.get(uri("T_Base"), base, to="/elsewhere"), "wsa:DestinationUnreachable")


@pytest.mark.parametrize("message_id", [None, "", "not a uri", "a<b", "{1}"])
def test_W_ADDR_17_MS_07_bad_message_id(svc, uri, base, message_id):
    assert_fault(svc.get(uri("T_Base"), base, message_id=message_id), "wsa:InvalidMessageInformationHeader")


def test_W_ADDR_19_repeated_message_id(svc, uri, base):
    message_id = f"uuid:{uuid.uuid4()}"
    for _ in range(2):
        svc.get(uri("T_Base"), base, message_id=message_id).ok()


@pytest.mark.parametrize("mu", ["", 's:mustUnderstand="true"'])
def test_W_ADDR_20_from_has_no_effect(svc, uri, base, mu):
    svc.get(uri("T_Base"), base, headers=f"<a:From {mu}><a:Address>http://me/</a:Address></a:From>").ok()


@pytest.mark.parametrize("where", ["reply", "fault"])
def test_W_ADDR_21_malformed_address(svc, uri, base, where):
    if where == "reply":
        reply = svc.get(uri("T_Base"), base, reply_to="not a uri")
    else:
        reply = svc.get(uri("T_Base"), base, headers="<a:FaultTo><a:Address>not a uri</a:Address></a:FaultTo>")
    assert_fault(reply, "wsa:InvalidMessageInformationHeader")


def test_W_ADDR_22_newer_addressing(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, addressing=k.A5, reply_to=k.ANONYMOUS5, message_id="urn:x:1").ok()
    assert reply.header_text("Action", k.A5) == k.ACTIONS["Get"] + "Response"
    assert reply.header_text("To", k.A5) == k.ANONYMOUS5
    assert reply.relates_to == "urn:x:1"
    assert reply.header.find(f"{{{k.A}}}Action") is None


def test_W_ADDR_22_no_mixing(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, headers=f'<z:From xmlns:z="{k.A5}"><z:Address>urn:x</z:Address></z:From>')
    assert_fault(reply, "wsa:InvalidMessageInformationHeader")


def test_W_ADDR_23_newer_fault_names(svc, uri, base, space):
    new = {"addressing": k.A5, "reply_to": k.ANONYMOUS5}
    assert_fault(svc.send(k.envelope(None, uri("T_Base"), base, **new)), "wsa10:MessageAddressingHeaderRequired")
    assert_fault(svc.get(uri("T_Base"), base, **{**new, "message_id": "no uri"}), "wsa10:InvalidAddressingHeader")
    assert_fault(svc.get(uri("T_Base"), {**space, "Id": "nobody"}, **new), "wsa10:DestinationUnreachable")


@pytest.mark.parametrize("operation", ["Get", "Enumerate", "Delete"])
def test_W_ADDR_24_32_headers_of_answers(svc, uri, make, space, operation):
    keys = make("T_Base")
    if operation == "Enumerate":
        reply = svc.enumerate(uri("T_Base"), space).ok()
    else:
        reply = svc.call(operation, uri("T_Base"), keys).ok()
    assert reply.action == k.ACTIONS[operation] + "Response"
    assert reply.header_text("To") == k.ANONYMOUS


def test_W_ADDR_25_31_layout_and_use_of_references(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space, mode="EnumerateEPR", optimize=True, max_elements=1).ok()
    item = reply.items[0]
    assert [k.local(c) for c in item] == ["Address", "ReferenceParameters"]
    assert [k.local(c) for c in item[1]] == ["ResourceURI", "SelectorSet"]
    epr = k.Epr.read(item)
    svc.get(epr.uri, epr.selectors).ok()


def test_W_ADDR_26_order_of_headers(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base, control="")
    head, tail = text.split("<s:Header>")[1].split("</s:Header>")[0], None
    import re
    blocks = re.findall(r"<(?:a|w):\w+.*?</(?:a|w):(?:Action|To|ResourceURI|MessageID|ReplyTo|SelectorSet)>", head)
    assert len(blocks) == 6
    shuffled = text.replace(head, "".join(reversed(blocks)))
    assert shuffled != text and tail is None
    svc.send(shuffled).ok()


def test_W_ADDR_30_continuation_carries_the_reference(svc, uri, space, three):
    reply = svc.enumerate(uri("T_Base"), space).ok()
    assert_fault(svc.pull(None, reply.context), "wsa:MessageInformationHeaderRequired")
    svc.pull(uri("T_Base"), reply.context, space).ok()


@pytest.mark.parametrize("fault", [False, True])
def test_W_ADDR_10_14_22_newer_addressing_marks_what_it_echoes(svc, uri, base, space, fault):
    """WS-Addressing 1.0 SOAP Binding 3.4: a reference parameter that became a header says so."""
    one = f"<a:Address>{k.ANONYMOUS5}</a:Address><a:ReferenceParameters><q:R xmlns:q='urn:q'>r</q:R></a:ReferenceParameters>"
    reply = svc.get(uri("T_Base"), {**space, "Id": "nobody"} if fault else base, addressing=k.A5, reply_to=one,
                    headers=f"<a:FaultTo>{one.replace('q:R', 'q:F')}</a:FaultTo>")
    assert (reply.fault is not None) == fault
    echoed = [n for n in reply.header if n.tag.startswith("{urn:q}")]
    assert [(n.tag, n.text, n.get(f"{{{k.A5}}}IsReferenceParameter")) for n in echoed] == [
        ("{urn:q}F" if fault else "{urn:q}R", "r", "true")]


def test_W_ADDR_22_25_references_in_newer_addressing(svc, uri, space, make):
    """References in answers, and in requests, are of the version of their envelope."""
    keys = make("T_Base")
    new = {"addressing": k.A5, "reply_to": k.ANONYMOUS5}
    items = svc.enumerate(uri("T_Base"), space, mode="EnumerateEPR", optimize=True, max_elements=1000, **new).ok().items
    assert items and all(i.tag == f"{{{k.A5}}}EndpointReference" for i in items)
    found = [k.Epr.read(i) for i in items]
    assert keys in [e.selectors for e in found] and {e.address for e in found} == {k.ANONYMOUS5}
    nested = f'<w:Selector Name="Other" xmlns:w="{k.W}">' + k.Epr(uri("T_Base"), keys, k.ANONYMOUS5).xml(a=k.A5) + "</w:Selector>"
    reply = svc.enumerate(uri("T_Types"), space, filter=k.filter_(k.SELECTOR, f"<w:SelectorSet>{nested}</w:SelectorSet>"), **new)
    assert reply.fault is None, reply


def test_W_ADDR_09_29_no_connection_to_an_address_of_a_client(svc, uri, base, space, link):
    """Wherever a request may hold an address, nobody is called there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        epr = k.Epr(uri("T_Base"), base, address)
        place = f"<a:Address>{address}</a:Address>"
        requests = [
            lambda: svc.get(uri("T_Base"), base, reply_to=address),
            lambda: svc.get(uri("T_Base"), {**space, "Id": "nobody"}, headers=f"<a:FaultTo>{place}</a:FaultTo>"),
            lambda: svc.get(uri("T_Base"), base, headers=f"<a:From>{place}</a:From>"),
            lambda: svc.get(uri("T_Base"), base, to=address),
            lambda: svc.enumerate(uri("T_Base"), space, extra=f'<n:EndTo xmlns:a="{k.A}">{place}</n:EndTo>'),
            lambda: svc.enumerate(uri("T_Types"), space, optimize=True, filter=k.filter_(k.SELECTOR, k.selector_set({"Other": epr}))),
            lambda: svc.enumerate(k.ALL, space, optimize=True, filter=k.filter_(
                k.ASSOCIATION, f"<b:AssociatedInstances xmlns:b='{k.B}'><b:Object>{epr.content()}</b:Object></b:AssociatedInstances>")),
            lambda: svc.get(uri("T_Link"), {**space, "Antecedent": epr, "Dependent": epr}),
            lambda: svc.put(uri("T_Types"), {**space, "Id": "no"}, f'<p:T_Types xmlns:p="{uri("T_Types")}"><p:Other>{epr.content()}'
                                                                   "</p:Other></p:T_Types>"),
            lambda: svc.call(k.E + "/Subscribe", uri("T_Base"), space,
                             f'<e:Subscribe xmlns:e="{k.E}"><e:Delivery><e:NotifyTo>{place}</e:NotifyTo></e:Delivery></e:Subscribe>'),
        ]
        for request in requests:
            assert request().envelope is not None
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
