"""Instances as XML (DSP0230)."""
import pytest

import soapkit as k
from soapkit import assert_fault


def get(svc, uri, keys, cls="T_Types"):
    return svc.get(uri(cls), keys).ok().content


def test_C_XML_01_one_namespace(svc, uri, make):
    node = get(svc, uri, make("T_Derived", Name="n", Extra="e"), "T_Derived")
    assert {c.tag.split("}")[0][1:] for c in node} == {uri("T_Derived")}


def test_C_XML_02_alphabetical(svc, uri, make):
    names = [k.local(c) for c in get(svc, uri, make("T_Types", Texts=["b", "a"]))]
    assert names == sorted(names, key=str.lower)


def test_C_XML_03_null_scalars(svc, uri, make):
    node = get(svc, uri, make("T_Types"))
    nil = node.find(f"{{{uri('T_Types')}}}U8")
    assert nil.get(f"{{{k.XSI}}}nil") == "true" and nil.text is None
    assert k.properties(node)["Id"]


def test_C_XML_04_05_arrays(svc, uri, make):
    """A NULL array has no element: a nil one would count as an entry for libvirt's client."""
    node = get(svc, uri, make("T_Types", Texts=["z", "a", "m"]))
    assert [c.text for c in node if k.local(c) == "Texts"] == ["z", "a", "m"]
    assert not [c for c in node if k.local(c) == "Numbers"]


@pytest.mark.parametrize("name, value", [
    ("Flag", "true"), ("Flag", "false"), ("U8", "255"), ("S8", "-128"), ("U16", "65535"), ("S16", "-32768"), ("U32", "4294967295"),
    ("S32", "-2147483648"), ("U64", "18446744073709551615"), ("S64", "-9223372036854775808"), ("R64", "INF"), ("R64", "-INF"),
    ("R64", "NaN"), ("R32", "1.5"), ("C16", "€"), ("Name", " kept as it is "), ("Name", "a<&>\"'")])
def test_C_XML_07_lexical_forms(svc, uri, make, name, value):
    assert k.properties(get(svc, uri, make("T_Types", **{name: value})))[name] == value


@pytest.mark.parametrize("sent, child, text", [
    ("<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>", "Datetime", "2026-11-02T09:30:00Z"),
    ("20261102093000.000000+000", "Datetime", "2026-11-02T09:30:00Z"),
    ("2026-11-02T09:30:00Z", "Datetime", "2026-11-02T09:30:00Z"),
    ("<cim:CIM_DateTime>201611********.******+000</cim:CIM_DateTime>", "CIM_DateTime", "201611********.******+000")])
def test_C_XML_08_09_datetimes(svc, uri, make, sent, child, text):
    node = get(svc, uri, make("T_Types", When=sent)).find(f"{{{uri('T_Types')}}}When")
    assert [c.tag for c in node] == [f"{{{k.CIM}}}{child}"] and node[0].text == text


@pytest.mark.parametrize("sent", ["<cim:Interval>P1DT2H</cim:Interval>", "00000001020000.000000:000", "P1DT2H"])
def test_C_XML_08_09_intervals(svc, uri, make, sent):
    node = get(svc, uri, make("T_Types", Lasting=sent)).find(f"{{{uri('T_Types')}}}Lasting")
    assert [k.local(c) for c in node] == ["Interval"] and node[0].text in ("P1DT2H", "P1DT2H0M0S")


def test_C_XML_10_references(svc, uri, make, base):
    node = get(svc, uri, make("T_Types", Other=k.Epr(uri("T_Base"), base))).find(f"{{{uri('T_Types')}}}Other")
    assert [k.local(c) for c in node] == ["Address", "ReferenceParameters"]
    epr = k.Epr.read(node)
    assert svc.get(epr.uri, epr.selectors).ok()


PART = k.DMTF + "T_Part"
FORMS = [
    f'<p:Part xmlns:q="{PART}" xsi:type="q:T_Part_Type"><q:Label>L</q:Label><q:Sizes>1</q:Sizes><q:Sizes>2</q:Sizes></p:Part>',
    f'<p:Part xmlns:q="{PART}" xsi:type="q:T_Part"><q:Label>L</q:Label><q:Sizes>1</q:Sizes><q:Sizes>2</q:Sizes></p:Part>',
    f'<p:Part xmlns:q="{PART}" xmlns:xsi="urn:wrong" xsi:type="q:T_Part"><q:Label>L</q:Label><q:Sizes>1</q:Sizes><q:Sizes>2</q:Sizes></p:Part>',
    f'<p:Part><q:T_Part xmlns:q="{PART}"><q:Label>L</q:Label><q:Sizes>1</q:Sizes><q:Sizes>2</q:Sizes></q:T_Part></p:Part>',
    "<p:Part>&lt;INSTANCE CLASSNAME=\"T_Part\"&gt;&lt;PROPERTY NAME=\"Label\" TYPE=\"string\"&gt;&lt;VALUE&gt;L&lt;/VALUE&gt;&lt;/PROPERTY&gt;"
    "&lt;PROPERTY.ARRAY NAME=\"Sizes\" TYPE=\"uint16\"&gt;&lt;VALUE.ARRAY&gt;&lt;VALUE&gt;1&lt;/VALUE&gt;&lt;VALUE&gt;2&lt;/VALUE&gt;&lt;/VALUE.ARRAY&gt;"
    "&lt;/PROPERTY.ARRAY&gt;&lt;/INSTANCE&gt;</p:Part>",
    '<p:Part>instance of T_Part { Label = "L"; Sizes = {1, 2}; };</p:Part>',
]


@pytest.mark.parametrize("form", FORMS)
def test_C_XML_11_12_MS_27_embedded_instances(svc, uri, space, form):
    key = k.unique()
    body = (f'<p:T_Types xmlns:p="{uri("T_Types")}" xmlns:xsi="{k.XSI}"><p:Id>{key}</p:Id>{form}</p:T_Types>')
    svc.create(uri("T_Types"), body, space).ok()
    node = get(svc, uri, {**space, "Id": key}).find(f"{{{uri('T_Types')}}}Part")
    text = node.text or ""
    if len(node):
        assert {c.tag.split("}")[0][1:] for c in node} == {PART}
        assert node.get(f"{{{k.XSI}}}type", "").endswith("T_Part_Type")
        assert [c.text for c in node] == ["L", "1", "2"]
    else:
        assert 'CLASSNAME="T_Part"' in text and "<VALUE>L</VALUE>" in text
    svc.delete(uri("T_Types"), {**space, "Id": key}).ok()


def test_C_XML_13_types_on_input(svc, uri, space):
    key = k.unique()
    body = (f'<p:T_Base xmlns:p="{uri("T_Base")}" xmlns:xsi="{k.XSI}" xmlns:cim="{k.CIM}" xsi:type="p:T_Base_Type">'
            f'<p:Id xsi:type="cim:cimString">{key}</p:Id><p:Number xsi:type="cim:cimUnsignedInt"> 5 </p:Number></p:T_Base>')
    svc.create(uri("T_Base"), body, space).ok()
    assert k.properties(get(svc, uri, {**space, "Id": key}, "T_Base"))["Number"] == "5"
    svc.delete(uri("T_Base"), {**space, "Id": key}).ok()


def test_C_XML_16_17_MS_29_nothing_extra(svc, uri, base):
    node = get(svc, uri, base, "T_Base")
    assert sorted(k.local(c) for c in node) == ["Fixed", "Id", "Name", "Number"]
    assert not any(name for c in node.iter() for name in c.attrib if name != f"{{{k.XSI}}}nil")


def test_C_XML_19_order_and_unknown_elements(svc, uri, base):
    body = f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Number>\n 9 \n</p:Number><p:Name>n</p:Name></p:T_Base>'
    svc.put(uri("T_Base"), base, body).ok()
    bad = body.replace("<p:Name>", "<p:Odd/><p:Name>")
    fault = assert_fault(svc.put(uri("T_Base"), base, bad), "wxf:InvalidRepresentation", "InvalidValues")
    assert "Odd" in fault.reason


def test_W_ENC_11_control_characters(svc, uri, base):
    """They cannot be sent, so none can come back; a character reference to one is refused too."""
    for text in ("\x01", "&#1;", "\x1f"):
        body = f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Name>a{text}b</p:Name></p:T_Base>'
        assert_fault(svc.put(uri("T_Base"), base, body), "wsman:SchemaValidationError")
