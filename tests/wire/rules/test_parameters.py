"""Parameters of every CIM type, in and out, over the wire (DSP0227 clause 11, DSP0230): a class whose methods give back what
they got, served by wsvirtd_faults."""
import pathlib

import pytest

import soapkit as k
from faults import FaultDaemon
from soapkit import assert_fault

NAMESPACE = "root/echo"
MOF = pathlib.Path(__file__).resolve().parents[1] / "mof" / "root_echo.mof"
URI, PART = k.DMTF + "T_Echo", k.DMTF + "T_Part"
SPACE = {"__cimnamespace": NAMESPACE}
ONE = {**SPACE, "Id": "one"}
# (type, values as they are sent, as they come back where that differs)
WHOLE = {f"{sign}{bits}": ((0, 2**bits - 1) if sign == "U" else (-2**(bits - 1), 2**(bits - 1) - 1))
         for sign in "US" for bits in (8, 16, 32, 64)}
SAME = {**{name: [str(low), str(high), "7"] for name, (low, high) in WHOLE.items()},
        "Flag": ["true", "false"], "R32": ["1.5", "-0.25", "INF", "-INF", "NaN"], "R64": ["1.5", "-2.5e-300", "INF", "-INF", "NaN"],
        "C16": ["a", "€", "\uffee", "<"], "Text": ["", " kept as it is ", "a<b> & \"c\" 'd'", "\U0001f600", "line\nline"]}
FORMS = {"Flag": [("1", "true"), ("0", "false"), (" true ", "true")], "U32": [(" 7 ", "7"), ("007", "7"), ("+7", "7")],
         "S32": [("-0", "0")], "R64": [("1e3", "1000"), (" 2 ", "2"), ("-2.5E-300", "-2.5e-300")], "R32": [("-0", "-0")]}
# In and out by its element of cim:cimDateTime.
TIMES = [
    ("<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>", "Datetime", "2026-11-02T09:30:00Z"),
    ("<cim:Datetime>2026-11-02T09:30:00.123456+02:00</cim:Datetime>", "Datetime", "2026-11-02T09:30:00.123456+02:00"),
    ("2026-11-02T09:30:00Z", "Datetime", "2026-11-02T09:30:00Z"),
    ("20261102093000.000000+000", "Datetime", "2026-11-02T09:30:00Z"),
    ("20261102093000.123456-300", "Datetime", "2026-11-02T09:30:00.123456-05:00"),
    ("<cim:CIM_DateTime>20261102093000.000000+000</cim:CIM_DateTime>", "Datetime", "2026-11-02T09:30:00Z"),
    ("<cim:CIM_DateTime>20261102******.******+000</cim:CIM_DateTime>", "CIM_DateTime", "20261102******.******+000"),
    ("<cim:CIM_DateTime>2026110209300*.******+000</cim:CIM_DateTime>", None, None),
    ("<cim:CIM_DateTime>20261102093000.123***+060</cim:CIM_DateTime>", "CIM_DateTime", "20261102093000.123***+060"),
    ("<cim:Interval>P1DT2H3M4.5S</cim:Interval>", "Interval", "P1DT2H3M4.500000S"),
    ("P1DT2H", "Interval", "P1DT2H0M0S"),
    ("00000001020304.500000:000", "Interval", "P1DT2H3M4.500000S"),
    ("<cim:CIM_DateTime>000000010203**.******:000</cim:CIM_DateTime>", "CIM_DateTime", "000000010203**.******:000"),
    ("<cim:CIM_DateTime>99999999235959.999999:000</cim:CIM_DateTime>", "Interval", "P99999999DT23H59M59.999999S"),
]


@pytest.fixture(scope="module")
def echo(transport):
    auth = ("admin", "secret-a")
    config = f'[[namespace]]\nname = "{NAMESPACE}"\nmof = ["{MOF}"]\n'
    with FaultDaemon(users={auth[0]: (auth[1], "administrator")}, more=config) as running:
        scheme, _, encoding = transport.partition("-")
        service = (k.Service("localhost", running.https_port, tls=str(running.ca), auth=auth, encoding=encoding) if scheme == "https"
                   else k.Service("127.0.0.1", running.http_port, auth=auth, encoding=encoding))
        yield service
        service.close()


def element(name, content="", nil=False):
    if nil:
        return f'<p:{name} xmlns:xsi="{k.XSI}" xsi:nil="{nil}"/>'
    return f'<p:{name} xmlns:cim="{k.CIM}">{content}</p:{name}>'


def call(echo, inner, method="Echo", selectors=ONE, uri=URI):
    return echo.invoke(uri, method, inner, selectors)


def returned(reply, name, uri=URI, method="Echo"):
    """The elements of one out parameter."""
    reply.ok()
    assert reply.content.tag == f"{{{uri}}}{method}_OUTPUT" and reply.action == f"{uri}/{method}Response"
    return [c for c in reply.content if c.tag == f"{{{uri}}}{name}"]


def nil(node):
    return node.get(f"{{{k.XSI}}}nil") == "true" and not node.text and not len(node)


@pytest.mark.parametrize("name", SAME)
def test_C_XML_07_C_INV_11_every_value_comes_back(echo, name):
    for value in SAME[name]:
        assert [c.text or "" for c in returned(call(echo, element(name, k.escape(value))), name)] == [value], value


@pytest.mark.parametrize("name", SAME)
def test_C_INV_05_C_XML_04_arrays_of_every_type(echo, name):
    values = SAME[name] + SAME[name][:1]
    inner = "".join(element(name + "s", k.escape(v)) for v in values)
    assert [c.text or "" for c in returned(call(echo, inner), name + "s")] == values
    one = returned(call(echo, element(name + "s", k.escape(values[0]))), name + "s")
    assert [c.text or "" for c in one] == values[:1]


@pytest.mark.parametrize("name, sent, back", [(n, s, b) for n in FORMS for s, b in FORMS[n]])
def test_C_XML_07_other_lexical_forms(echo, name, sent, back):
    assert [c.text for c in returned(call(echo, element(name, sent)), name)] == [back]


@pytest.mark.parametrize("name, value", [(n, str(v)) for n, (low, high) in WHOLE.items() for v in (low - 1, high + 1)] + [
    ("U8", ""), ("U32", "1.0"), ("U32", "0x1"), ("U32", "1 2"), ("Flag", "TRUE!"), ("Flag", "2"), ("R32", "one"), ("R64", "1,5"),
    ("C16", "ab"), ("C16", "\U0001f600"), ("When", "yesterday"), ("When", "20261302093000.000000+000"), ("Octets", "no base64!"),
    ("U64", "1" * 400), ("U32", "<x/>")])
def test_W_ACT_04_no_value_of_the_type(echo, name, value):
    fault = assert_fault(call(echo, element(name, value)), "wsman:InvalidParameter", "TypeMismatch", code="Sender")
    assert name in fault.reason and fault.windows_code == 2150858836


@pytest.mark.parametrize("sent, child, text", TIMES)
def test_C_XML_08_09_datetimes_of_each_form_and_precision(echo, sent, child, text):
    reply = call(echo, element("When", sent) + element("Whens", sent) * 2)
    if child is None:
        assert_fault(reply, "wsman:InvalidParameter", "TypeMismatch")
        return
    for name, count in (("When", 1), ("Whens", 2)):
        found = returned(reply, name)
        assert [[c.tag for c in node] for node in found] == [[f"{{{k.CIM}}}{child}"]] * count
        assert {node[0].text for node in found} == {text}


def test_C_XML_14_octet_strings(echo):
    assert [c.text for c in returned(call(echo, element("Octets", "AAEC/w==")), "Octets")] == ["AAEC/w=="]
    listed = "".join(element("Octets", n) for n in (0, 1, 2, 255))
    assert [c.text for c in returned(call(echo, listed), "Octets")] == ["AAEC/w=="]


@pytest.mark.parametrize("wrapped", [False, True])
def test_C_INV_05_C_XML_10_references(echo, wrapped):
    other = k.Epr(URI, {**SPACE, "Id": "x&y <z>"})
    content = other.xml() if wrapped else other.content()
    reply = call(echo, element("Other", content) + element("Others", content) * 2)
    for name, count in (("Other", 1), ("Others", 2)):
        found = [k.Epr.read(node) for node in returned(reply, name)]
        assert [(e.uri, e.selectors) for e in found] == [(URI, other.selectors)] * count
    assert_fault(call(echo, element("Other", "<x/>")), "wsman:InvalidParameter", "TypeMismatch")


MADE = "<cim:Datetime>2026-11-02T09:30:00Z</cim:Datetime>"
INSIDE = f'<q:Label>L</q:Label><q:Sizes>1</q:Sizes><q:Sizes>2</q:Sizes><q:Made xmlns:cim="{k.CIM}">{MADE}</q:Made>'
EMBEDDED = {
    "type attribute": f'<p:@ xmlns:q="{PART}" xmlns:xsi="{k.XSI}" xsi:type="q:T_Part_Type">{INSIDE}</p:@>',
    "Microsoft's type": f'<p:@ xmlns:q="{PART}" xmlns:xsi="{k.XSI}" xsi:type="q:T_Part">{INSIDE}</p:@>',
    "element of the class": f'<p:@><q:T_Part xmlns:q="{PART}">{INSIDE}</q:T_Part></p:@>',
    "CIM-XML": "<p:@>" + k.escape('<INSTANCE CLASSNAME="T_Part"><PROPERTY NAME="Label" TYPE="string"><VALUE>L</VALUE></PROPERTY>'
                                  '<PROPERTY.ARRAY NAME="Sizes" TYPE="uint16"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE>'
                                  '</VALUE.ARRAY></PROPERTY.ARRAY></INSTANCE>') + "</p:@>",
    "MOF": '<p:@>instance of T_Part { Label = "L"; Sizes = {1, 2}; };</p:@>',
}


@pytest.mark.parametrize("form", EMBEDDED)
@pytest.mark.parametrize("name", ["Part", "Parts", "Thing", "Things"])
def test_MS_27_C_XML_11_12_embedded_objects_in_every_form(echo, name, form):
    """They come back as CIM-XML text, which is how Hyper-V gives them."""
    count = 2 if name.endswith("s") else 1
    found = returned(call(echo, EMBEDDED[form].replace("@", name) * count), name)
    assert len(found) == count
    for node in found:
        given = k.ET.fromstring(node.text)
        assert given.tag == "INSTANCE" and given.get("CLASSNAME") == "T_Part"
        assert given.findtext("PROPERTY[@NAME='Label']/VALUE") == "L"
        assert [v.text for v in given.findall("PROPERTY.ARRAY[@NAME='Sizes']/VALUE.ARRAY/VALUE")] == ["1", "2"]
        if form.endswith(("attribute", "type", "class")):
            assert given.findtext("PROPERTY[@NAME='Made']/VALUE") == "20261102093000.000000+000"


def test_MS_27_embedded_instances_of_a_subclass_and_of_none(echo):
    text = k.escape('<INSTANCE CLASSNAME="T_SmallPart"><PROPERTY NAME="Small" TYPE="boolean"><VALUE>true</VALUE></PROPERTY></INSTANCE>')
    given = k.ET.fromstring(returned(call(echo, element("Part", text)), "Part")[0].text)
    assert given.get("CLASSNAME") == "T_SmallPart" and given.findtext("PROPERTY[@NAME='Small']/VALUE").lower() == "true"
    # An instance of a class that is no part is one of the object parameter only.
    other = k.escape('<INSTANCE CLASSNAME="T_Echo"><PROPERTY NAME="Id" TYPE="string"><VALUE>x</VALUE></PROPERTY></INSTANCE>')
    assert returned(call(echo, element("Thing", other)), "Thing")
    assert_fault(call(echo, element("Part", other)), "wsman:InvalidParameter")


@pytest.mark.parametrize("value", ["true", "1"])
def test_C_XML_03_C_INV_06_nil_forms(echo, value):
    """A scalar that is nil, or absent, is NULL and comes back nil; a NULL array has no element."""
    scalars = [*SAME, "When", "Other", "Part", "Thing"]
    reply = call(echo, "".join(element(name, nil=value) for name in scalars))
    absent = call(echo, "")
    for name in scalars:
        assert [nil(node) for node in returned(reply, name)] == [nil(node) for node in returned(absent, name)] == [True], name
        assert returned(reply, name + "s") == []
    assert returned(call(echo, element("U8s", nil=value)), "U8s") == []
    assert [c.text for c in returned(call(echo, f'<p:U8 xmlns:xsi="{k.XSI}" xsi:nil="false">5</p:U8>'), "U8")] == ["5"]


def test_C_INV_10_C_OP_07_static_instance_and_inherited_methods(echo):
    inner = element("N", "5") + element("Texts", "a")
    for selectors in (SPACE, ONE):
        reply = call(echo, inner, "Fixed", selectors)
        assert [c.text for c in returned(reply, "N", method="Fixed")] == ["5"]
        assert [c.text for c in returned(reply, "Texts", method="Fixed")] == ["a"]
    assert_fault(call(echo, element("N", "5"), "Inherited", {**SPACE, "Id": "no"}), "wsa:DestinationUnreachable")
    reply = call(echo, element("N", "5"), "Inherited")
    assert [c.text for c in returned(reply, "N", method="Inherited")] == ["5"]
    parent = k.DMTF + "T_Parent"
    body = f'<p:Inherited_INPUT xmlns:p="{parent}"><p:N>6</p:N></p:Inherited_INPUT>'
    reply = echo.send(k.envelope(parent + "/Inherited", URI, ONE, body))
    assert [c.text for c in returned(reply, "N", parent, "Inherited")] == ["6"]


def test_C_INV_03_04_void_methods_and_types_of_return_values(echo):
    reply = call(echo, "", "Nothing").ok()
    assert reply.content.tag == f"{{{URI}}}Nothing_OUTPUT" and len(reply.content) == 0
    for body in ("", f'<p:Nothing_INPUT xmlns:p="{URI}"/>'):
        assert len(echo.send(k.envelope(URI + "/Nothing", URI, ONE, body)).ok().content) == 0
    assert [c.text for c in returned(call(echo, ""), "ReturnValue")] == ["0"]


def test_C_INV_06_07_required_unknown_and_out_only_parameters(echo):
    for inner in (element("Nope", "1"), element("flags9", "1")):
        assert_fault(call(echo, inner), "wsman:InvalidParameter", "InvalidName")
    assert_fault(call(echo, element("Job", ""), "Job"), "wsman:InvalidParameter", "InvalidName")
    assert_fault(call(echo, element("U8", "1") * 2), "wsman:InvalidParameter", "TypeMismatch")
    assert "Must" in assert_fault(call(echo, "", "Needs"), "wsman:InvalidParameter").reason
    call(echo, element("Must", "x"), "Needs").ok()


def test_C_INV_13_wmi_names_are_mirrored(echo):
    uri = k.WMI + NAMESPACE + "/T_Echo"
    reply = call(echo, element("U64", "18446744073709551615"), selectors={"Id": "one"}, uri=uri)
    assert [c.text for c in returned(reply, "U64", uri)] == ["18446744073709551615"]


def test_W_GET_06_W_PUT_06_W_DEL_04_W_RES_04_locked_and_offline(echo):
    """Objects that somebody else is changing, and one whose host does not answer."""
    body = f'<p:T_Echo xmlns:p="{URI}"><p:Note>new</p:Note></p:T_Echo>'
    assert_fault(echo.get(URI, {**SPACE, "Id": "reading"}), "wsman:Concurrency", "")
    assert_fault(echo.put(URI, {**SPACE, "Id": "locked"}, body), "wsman:Concurrency", "")
    assert_fault(echo.delete(URI, {**SPACE, "Id": "locked"}), "wsman:Concurrency", "")
    assert_fault(echo.get(URI, {**SPACE, "Id": "offline"}), "wsa:EndpointUnavailable", "ResourceOffline", code="Receiver")


def test_W_FLX_02_a_defect_is_an_internal_error(echo):
    fault = assert_fault(call(echo, "", "Throws"), "wsman:InternalError", "", code="Receiver", status=500)
    assert fault.windows_code == 1359
    call(echo, "", "Nothing").ok()
