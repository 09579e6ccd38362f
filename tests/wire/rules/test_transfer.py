"""Get, Put, Create, Delete (DSP0226 clause 7, DSP0227 clause 7)."""
import pytest

import soapkit as k
from soapkit import assert_fault


def body(cls, uri_text=None, **values):
    inner = "".join(f"<p:{n}>{k.escape(str(v))}</p:{n}>" for n, v in values.items())
    return f'<p:{cls} xmlns:p="{uri_text or k.DMTF + cls}">{inner}</p:{cls}>'


def read(svc, cls, keys):
    return k.properties(svc.get(k.DMTF + cls, keys).ok().content)


def test_W_GET_01_05_C_OP_01_get(svc, uri, base):
    reply = svc.get(uri("T_Base"), base).ok()
    assert reply.action == k.ACTIONS["Get"] + "Response"
    assert reply.content.tag == f"{{{uri('T_Base')}}}T_Base"
    assert k.properties(reply.content) == k.properties(svc.get(uri("T_Base"), base).ok().content)
    assert read(svc, "T_Base", base)["Name"] == "base"


def test_W_GET_02_get_unsupported(svc, space):
    assert_fault(svc.get(k.ALL, space), "wsa:ActionNotSupported", "ActionMismatch")


def test_W_GET_03_body_in_get(svc, uri, base):
    reply = svc.get(uri("T_Base"), base, body="<x/>")
    assert reply.fault is None or assert_fault(reply, "wsman:SchemaValidationError")


def test_C_OP_01_get_through_the_superclass(svc, uri, make):
    keys = make("T_Derived", Name="d", Extra="e")
    reply = svc.get(uri("T_Base"), keys).ok()
    assert k.local(reply.content) in ("T_Base", "T_Derived")
    assert k.properties(reply.content)["Name"] == "d"


def test_W_PUT_01_C_OP_02_put_returns_the_result(svc, uri, base):
    reply = svc.put(uri("T_Base"), base, body("T_Base", Id=base["Id"], Name="new", Number=7)).ok()
    assert reply.action == k.ACTIONS["Put"] + "Response"
    assert k.properties(reply.content)["Name"] == "new"
    assert read(svc, "T_Base", base)["Number"] == "7"


def test_W_PUT_02_read_only_values_are_ignored(svc, uri, make):
    keys = make("T_Base", Name="n", Fixed="as created")
    svc.put(uri("T_Base"), keys, body("T_Base", Name="m", Fixed="changed")).ok()
    now = read(svc, "T_Base", keys)
    assert now["Name"] == "m" and now["Fixed"] == "as created"


def test_W_PUT_02_put_of_what_get_gave(svc, uri, base):
    got = svc.get(uri("T_Base"), base).ok()
    import xml.etree.ElementTree as ET
    svc.put(uri("T_Base"), base, ET.tostring(got.content, encoding="unicode")).ok()


def test_W_PUT_03_C_OP_03_missing_values(svc, namespace, make):
    """A required value may be missing in the WMI family, where what is left out is unchanged."""
    keys = make("T_Strict", Must="m", May="y")
    assert_fault(svc.put(k.DMTF + "T_Strict", keys, body("T_Strict", May="z")), "wxf:InvalidRepresentation", "MissingValues")
    wmi = k.WMI + namespace + "/T_Strict"
    svc.put(wmi, {"Id": keys["Id"]}, body("T_Strict", wmi, May="z")).ok()
    now = read(svc, "T_Strict", keys)
    assert now["Must"] == "m" and now["May"] == "z"


def test_C_OP_03_left_out_is_unchanged_and_nil_is_null(svc, uri, base):
    svc.put(uri("T_Base"), base, body("T_Base", Number=5)).ok()
    assert read(svc, "T_Base", base)["Name"] == "base"
    nil = f'<p:T_Base xmlns:p="{uri("T_Base")}" xmlns:xsi="{k.XSI}"><p:Name xsi:nil="true"/></p:T_Base>'
    svc.put(uri("T_Base"), base, nil).ok()
    assert read(svc, "T_Base", base)["Name"] is None


@pytest.mark.parametrize("text", ['<p:T_Pair xmlns:p="{pair}"><p:Name>x</p:Name></p:T_Pair>', '<x xmlns="urn:x"/>', "<x/>"])
def test_W_PUT_04_wrong_namespace(svc, uri, base, text):
    reply = svc.put(uri("T_Base"), base, text.replace("{pair}", uri("T_Pair")))
    assert_fault(reply, "wxf:InvalidRepresentation", "InvalidNamespace")


@pytest.mark.parametrize("values", [{"Number": "many"}, {"Number": "-1"}, {"Number": "4294967296"}, {"NoSuch": "1"}])
def test_W_PUT_05_11_C_XML_19_wrong_values(svc, uri, base, values):
    fault = assert_fault(svc.put(uri("T_Base"), base, body("T_Base", Name="changed", **values)), "wxf:InvalidRepresentation",
                         "InvalidValues")
    assert list(values)[0] in fault.reason
    assert read(svc, "T_Base", base)["Name"] == "base"


def test_W_PUT_07_C_OP_02_keys_cannot_change(svc, uri, base):
    assert_fault(svc.put(uri("T_Base"), base, body("T_Base", Id="other", Name="x")), "wxf:InvalidRepresentation", "InvalidValues")


def test_W_PUT_08_absent_instance(svc, uri, space):
    assert_fault(svc.put(uri("T_Base"), {**space, "Id": "no"}, body("T_Base", Name="x")), "wsa:DestinationUnreachable")


def test_W_PUT_body_missing_or_double(svc, uri, base):
    assert_fault(svc.put(uri("T_Base"), base, ""), "wxf:InvalidRepresentation", "MissingValues")
    assert_fault(svc.put(uri("T_Base"), base, body("T_Base") * 2), "wsman:SchemaValidationError")


@pytest.mark.parametrize("family", ["dmtf", "wmi"])
def test_W_CRE_01_02_05_C_OP_04_MS_38_create(svc, namespace, family):
    uri_text = k.DMTF + "T_Base" if family == "dmtf" else k.WMI + namespace + "/T_Base"
    selectors = {"__cimnamespace": namespace} if family == "dmtf" else None
    key = k.unique()
    reply = svc.create(uri_text, body("T_Base", uri_text, Id=key, Name="c"), selectors, headers="<w:RequestEPR/>").ok()
    assert reply.action == k.ACTIONS["Create"] + "Response"
    assert reply.content.tag == f"{{{k.X}}}ResourceCreated"
    assert [k.local(c) for c in reply.content] == ["Address", "ReferenceParameters"]
    epr = k.Epr.read(reply.content)
    assert epr.uri == uri_text and epr.selectors["Id"] == key
    assert reply.header.find(f"{{{k.W}}}RequestedEPR") is not None
    assert k.properties(svc.get(epr.uri, epr.selectors).ok().content)["Name"] == "c"
    svc.delete(epr.uri, epr.selectors).ok()


def test_W_CRE_03_create_never_updates(svc, uri, base, space):
    assert_fault(svc.create(uri("T_Base"), body("T_Base", Id=base["Id"], Name="other"), space), "wsman:AlreadyExists", code="Sender")
    assert read(svc, "T_Base", base)["Name"] == "base"


def test_W_CRE_04_class_that_cannot_be_created(svc, uri, space):
    assert_fault(svc.create(uri("T_Abstract"), body("T_Abstract", Id="x"), space),
                 ["wsa:ActionNotSupported", "wxf:InvalidRepresentation"])
    assert_fault(svc.create(k.ALL, body("T_Base", Id="x"), space), "wsa:ActionNotSupported", "ActionMismatch")


def test_W_CRE_06_bad_initial_representation(svc, uri, space):
    create = lambda cls, text: svc.create(uri(cls), text, space)
    assert_fault(create("T_Base", body("T_Base", Id=k.unique(), Number="x")), "wxf:InvalidRepresentation", "InvalidValues")
    assert_fault(create("T_Strict", body("T_Strict", Id=k.unique())), "wxf:InvalidRepresentation", "MissingValues")
    assert_fault(create("T_Base", body("T_Base", Name="no key")), "wxf:InvalidRepresentation", "MissingValues")
    assert_fault(create("T_Base", body("T_Base", "urn:other", Id="x")), "wxf:InvalidRepresentation", "InvalidNamespace")
    assert_fault(create("T_Base", ""), "wxf:InvalidRepresentation", "MissingValues")


def test_W_CRE_07_read_only_values_at_create(svc, uri, make):
    keys = make("T_ReadOnly", Value="given")
    assert read(svc, "T_ReadOnly", keys)["Value"] in ("given", None)


def test_W_DEL_01_02_C_OP_05_delete(svc, uri, make):
    keys = make("T_Base")
    reply = svc.delete(uri("T_Base"), keys).ok()
    assert reply.action == k.ACTIONS["Delete"] + "Response" and list(reply.body) == []
    assert_fault(svc.delete(uri("T_Base"), keys), "wsa:DestinationUnreachable")


def test_W_DEL_03_not_deletable(svc, space):
    host = {"__cimnamespace": "root/virtualization/v2", "CreationClassName": "Msvm_ComputerSystem", "Name": "TESTHOST"}
    assert_fault(svc.delete(k.DMTF + "Msvm_ComputerSystem", host), "wsa:ActionNotSupported", "ActionMismatch")


def test_W_PUT_09_nothing_is_writable(svc, namespace):
    host = {"__cimnamespace": "root/virtualization/v2", "CreationClassName": "Msvm_ComputerSystem", "Name": "TESTHOST"}
    assert_fault(svc.put(k.DMTF + "Msvm_ComputerSystem", host, body("Msvm_ComputerSystem")),
                 "wsa:ActionNotSupported", "ActionMismatch")


@pytest.mark.parametrize("action", [k.X + "/Rename", "http://schemas.dmtf.org/wbem/wsman/1/wsman/Rename"])
def test_W_REN_01_no_rename(svc, uri, base, action):
    assert_fault(svc.send(k.envelope(action, uri("T_Base"), base)), "wsa:ActionNotSupported")


def test_W_GET_04_W_SEC_11_W_RES_08_without_the_right(connect, uri, base):
    """Who may only read gets a fault, not 401, when changing something."""
    viewer = connect("viewer")
    viewer.get(uri("T_Base"), base).ok()
    fault = assert_fault(viewer.put(uri("T_Base"), base, body("T_Base", Name="x")), "wsman:AccessDenied", code="Sender")
    assert fault.windows_code == 5
    assert_fault(viewer.delete(uri("T_Base"), base), "wsman:AccessDenied")


def test_C_OP_11_no_class_changes(svc, space):
    for operation in ("Put", "Create", "Delete"):
        assert_fault(svc.call(operation, k.METADATA + "T_Base", space, "<CLASS NAME='x'/>"), "wsa:ActionNotSupported")
