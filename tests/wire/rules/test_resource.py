"""Resource URIs and selectors (DSP0226 5.1.2; DSP0227 clause 6; Microsoft's WMI URIs)."""
import pytest

import soapkit as k
from soapkit import assert_fault


def test_W_RES_01_resource_uri_is_required(svc, space):
    for operation, body in (("Get", ""), ("Enumerate", k.enumerate_body()), ("Delete", "")):
        assert_fault(svc.call(operation, None, space, body), "wsa:DestinationUnreachable", "InvalidResourceURI")


@pytest.mark.parametrize("uri_text", ["http://example/none", "urn:x:y", "nothing", "http://schemas.microsoft.com/wbem/wsman/1/wmi/",
                                      "http://schemas.microsoft.com/wbem/wsman/1/config", k.WMI + "root/nowhere/T_Base"])
def test_W_RES_02_10_MS_04_unknown_resource_uri(svc, space, uri_text):
    assert_fault(svc.get(uri_text, space), "wsa:DestinationUnreachable", "InvalidResourceURI", code="Sender")


def test_W_RES_03_absent_instance(svc, uri, space):
    assert_fault(svc.get(uri("T_Base"), {**space, "Id": "nobody"}), "wsa:DestinationUnreachable", ["", "InvalidResourceURI"])


def test_W_RES_05_C_URI_05_MS_36_case_of_class_names(svc, uri, base, namespace):
    svc.get(uri("T_Base").replace("T_Base", "t_bASE"), base).ok()
    svc.get(k.WMI + namespace.upper() + "/T_BASE", {key: v for key, v in base.items() if key != "__cimnamespace"}).ok()


def test_W_RES_06_no_selectors_in_the_uri(svc, uri, base, space):
    assert_fault(svc.get(uri("T_Base") + "?Id=" + base["Id"], space), "wsa:DestinationUnreachable", "InvalidResourceURI")


def test_W_RES_07_no_resource_uri_in_answers(svc, uri, base):
    reply = svc.get(uri("T_Base"), base).ok()
    assert reply.header.find(f"{{{k.W}}}ResourceURI") is None and reply.header.find(f"{{{k.W}}}SelectorSet") is None


def test_W_SEL_01_MS_36_case_of_selectors(svc, uri, base):
    svc.get(uri("T_Base"), {"__CIMNAMESPACE": base["__cimnamespace"], "iD": base["Id"].upper()}).ok()


def test_W_SEL_02_content_of_a_selector(svc, uri, space):
    bad = f'<w:SelectorSet><w:Selector Name="Id"><x/></w:Selector></w:SelectorSet>'
    assert_fault(svc.get(uri("T_Base"), headers=bad), ["wsman:InvalidSelectors", "wsman:SchemaValidationError"])
    nameless = f"<w:SelectorSet><w:Selector>x</w:Selector></w:SelectorSet>"
    assert_fault(svc.get(uri("T_Base"), headers=nameless), ["wsman:InvalidSelectors", "wsman:SchemaValidationError"])


def test_W_SEL_03_duplicate_selector(svc, uri, base):
    reply = svc.get(uri("T_Base"), list(base.items()) + [("ID", "x")])
    assert_fault(reply, "wsman:InvalidSelectors", "DuplicateSelectors", code="Sender")


def test_W_SEL_04_C_SEL_02_04_reference_keys(svc, uri, link):
    """A nested reference may name any address; address and namespace may be left out."""
    keys, (one, two) = link
    svc.get(uri("T_Link"), keys).ok()
    for address in ("http://other/", k.ANONYMOUS):
        moved = {**keys, "Antecedent": k.Epr(uri("T_Base"), {"Id": one["Id"]}, address)}
        svc.get(uri("T_Link"), moved).ok()


def test_W_SEL_05_missing_selectors(svc, uri, make, space):
    make("T_Pair", keys={"A": k.unique(), "B": "x"})
    make("T_Pair", keys={"A": k.unique(), "B": "y"})
    assert_fault(svc.get(uri("T_Pair"), space), "wsman:InvalidSelectors",
                 ["InsufficientSelectors", "AmbiguousSelectors"])


def test_W_SEL_06_unknown_selector(svc, uri, base):
    assert_fault(svc.get(uri("T_Base"), {**base, "Nonsense": "1"}), "wsman:InvalidSelectors", "UnexpectedSelectors")


def test_W_SEL_07_wrong_type(svc, uri, space):
    assert_fault(svc.get(uri("T_Numbered"), {**space, "N": "abc"}), "wsman:InvalidSelectors", "TypeMismatch")


@pytest.mark.parametrize("value", ["99999999999", "-1"])
def test_W_SEL_08_illegal_value(svc, uri, space, value):
    assert_fault(svc.get(uri("T_Numbered"), {**space, "N": value}), "wsman:InvalidSelectors", ["InvalidValue", "TypeMismatch"])


def test_W_SEL_09_partial_keys(svc, uri, make, space):
    """A part of the keys is enough when it names one instance, as real clients rely on."""
    a = k.unique()
    make("T_Pair", keys={"A": a, "B": "1"}, Name="one")
    assert k.properties(svc.get(uri("T_Pair"), {**space, "A": a}).ok().content)["Name"] == "one"
    make("T_Pair", keys={"A": a, "B": "2"}, Name="two")
    assert_fault(svc.get(uri("T_Pair"), {**space, "A": a}), "wsman:InvalidSelectors",
                 ["AmbiguousSelectors", "InsufficientSelectors"])


def test_W_SEL_10_too_many_selectors(svc, uri, space):
    many = {f"k{i}": "x" for i in range(150)}
    assert_fault(svc.get(uri("T_Base"), {**space, **many}), "wsman:EncodingLimit", "SelectorLimit")


def test_W_SEL_11_empty_selector_set(svc, namespace):
    svc.enumerate(k.WMI + namespace + "/T_Base", {}).ok()


def test_W_SEL_13_one_reference_for_all_operations(svc, uri, make):
    epr = epr_of(svc, uri, make("T_Base", Name="n"))
    svc.get(epr.uri, epr.selectors).ok()
    svc.put(epr.uri, epr.selectors, f'<p:T_Base xmlns:p="{epr.uri}"><p:Name>m</p:Name></p:T_Base>').ok()
    svc.delete(epr.uri, epr.selectors).ok()


def epr_of(svc, uri, keys):
    reply = svc.get(uri("T_Base"), keys, headers="<w:RequestEPR/>").ok()
    return k.Epr.read(reply.header.find(f"{{{k.W}}}RequestedEPR")[0])


def test_W_SEL_14_order_is_irrelevant(svc, uri, make, space):
    keys = make("T_Pair", keys={"A": k.unique(), "B": "b"})
    for order in (list(keys.items()), list(reversed(keys.items()))):
        svc.get(uri("T_Pair"), order).ok()
    assert_fault(svc.get(uri("T_Pair"), {**keys, "B": "other"}), "wsa:DestinationUnreachable")


def test_W_SEL_15_16_long_selectors(svc, uri, make, space):
    keys = make("T_Base", keys={"Id": "x" * 4096})
    svc.get(uri("T_Base"), keys).ok()
    assert_fault(svc.get(uri("T_Base"), {**keys, "n" * 2048: "1"}), "wsman:InvalidSelectors", "UnexpectedSelectors")


def test_C_URI_01_MS_01_both_families(svc, namespace, base):
    dmtf = svc.get(k.DMTF + "T_Base", base).ok().content
    wmi = svc.get(k.WMI + namespace + "/T_Base", {"Id": base["Id"]}).ok().content
    assert dmtf.tag == f"{{{k.DMTF}T_Base}}T_Base"
    assert wmi.tag == f"{{{k.WMI}{namespace}/T_Base}}T_Base"
    assert k.properties(dmtf) == k.properties(wmi)


@pytest.mark.parametrize("operation", ["Get", "Put", "Create", "Delete"])
def test_C_URI_02_03_all_classes_with_transfer(svc, space, operation):
    assert_fault(svc.call(operation, k.ALL, space), "wsa:ActionNotSupported")


def test_C_URI_04_unknown_class(svc, uri, space):
    assert_fault(svc.get(uri("T_None"), space), "wsa:DestinationUnreachable", "InvalidResourceURI")


def test_C_NS_01_02_03_namespace_selector(svc, base):
    svc.get(k.DMTF + "T_Base", base).ok()
    svc.get(k.DMTF + "T_Base", {**base, "__cimnamespace": base["__cimnamespace"].replace("/", "\\")}).ok()
    assert_fault(svc.get(k.DMTF + "T_Base", {**base, "__cimnamespace": "root/nowhere"}), "wsa:DestinationUnreachable", "")
    # The default is root/virtualization/v2, which has no such class.
    assert_fault(svc.get(k.DMTF + "T_Base", {"Id": base["Id"]}), "wsa:DestinationUnreachable", "InvalidResourceURI")


def test_C_NS_04_namespace_in_our_references(svc, uri, base, namespace):
    reply = svc.get(uri("T_Base"), base, headers="<w:RequestEPR/>").ok()
    assert k.Epr.read(reply.header.find(f"{{{k.W}}}RequestedEPR")[0]).selectors["__cimnamespace"] == namespace


def test_C_SEL_01_03_lexical_forms_of_keys(svc, uri, make, space):
    keys = make("T_Numbered", keys={"N": "4000000000"})
    reply = svc.get(uri("T_Numbered"), {**space, "N": " 4000000000 "}, headers="<w:RequestEPR/>").ok()
    assert k.Epr.read(reply.header.find(f"{{{k.W}}}RequestedEPR")[0]).selectors["N"] == "4000000000"
    assert keys["N"] == "4000000000"


def test_C_SEL_05_selectors_at_enumerate(svc, uri, base):
    assert_fault(svc.enumerate(uri("T_Base"), base), "wsman:InvalidSelectors", "UnexpectedSelectors")


def test_C_SEL_06_get_without_selectors(svc, uri, space, make):
    make("T_Concrete")
    make("T_Concrete")
    assert_fault(svc.get(uri("T_Concrete"), space), "wsman:InvalidSelectors",
                 ["InsufficientSelectors", "AmbiguousSelectors"])


def test_MS_03_namespace_selector_with_a_wmi_uri(svc, namespace, base):
    svc.get(k.WMI + namespace + "/T_Base", base).ok()
    assert svc.get(k.WMI + namespace + "/T_Base", {**base, "__cimnamespace": "root/cimv2"}).fault is not None


def test_MS_02_plain_enumerate_of_all_classes(svc, namespace):
    assert_fault(svc.enumerate(k.WMI + namespace + "/*"), "wsen:CannotProcessFilter")
