"""Fragment-level transfer (DSP0226 7.7 to 7.11, Annex D.2)."""
import pytest

import soapkit as k
from soapkit import assert_fault

WHOLE = "wsman:XmlFragment"


@pytest.fixture
def thing(make):
    return make("T_Types", Name="n", Texts=["one", "two", "three"], Numbers=[1, 2], Fixed="f", U16=5)


def fragment(reply):
    reply.ok()
    assert reply.content.tag == f"{{{k.W}}}XmlFragment"
    return reply.content


def values(reply):
    return [c.text for c in fragment(reply)]


def wrap(uri_text, name, *texts):
    inner = "".join(f"<p:{name}>{t}</p:{name}>" for t in texts)
    return f'<w:XmlFragment xmlns:p="{uri_text}">{inner}</w:XmlFragment>'


def texts_of(svc, uri, thing, name="Texts"):
    return values(svc.get(uri("T_Types"), thing, fragment=name))


@pytest.mark.parametrize("expression, expected", [
    ("Name", ["n"]), ("q:Name", ["n"]), ("./q:Name", ["n"]), ("/T_Types/Name", ["n"]), ("../q:T_Types/q:Name", ["n"]),
    ("Texts[2]", ["two"]), ("Texts", ["one", "two", "three"]), ("Texts[9]", [])])
def test_W_FRG_03_06_09_15_22_expressions(svc, uri, thing, expression, expected):
    reply = svc.get(uri("T_Types"), thing, fragment=expression)
    assert values(reply) == expected
    assert reply.action == k.ACTIONS["Get"] + "Response"
    header = reply.header.find(f"{{{k.W}}}FragmentTransfer")
    assert header.text.strip() == expression


@pytest.mark.parametrize("expression", [".", "/", "/T_Types", "../T_Types"])
def test_W_FRG_15_the_whole_object(svc, uri, thing, expression):
    content = fragment(svc.get(uri("T_Types"), thing, fragment=expression))
    assert [k.local(c) for c in content] == ["T_Types"]


def test_W_FRG_06_namespace_of_the_fragment(svc, uri, thing):
    element = fragment(svc.get(uri("T_Types"), thing, fragment="Name"))[0]
    assert element.tag == f"{{{uri('T_Types')}}}Name"


def test_W_FRG_07_text(svc, uri, thing):
    content = fragment(svc.get(uri("T_Types"), thing, fragment="Texts[3]/text()"))
    assert content.text == "three" and len(content) == 0


def test_W_FRG_08_null_and_no_match(svc, uri, thing):
    element = fragment(svc.get(uri("T_Types"), thing, fragment="U8"))[0]
    assert element.get(f"{{{k.XSI}}}nil") == "true"
    assert values(svc.get(uri("T_Types"), thing, fragment="Flags")) == []


def test_W_FRG_15_attribute(svc, uri, thing):
    assert fragment(svc.get(uri("T_Types"), thing, fragment="U8/@xsi:nil")).text == "true"


def test_W_FRG_04_unknown_dialect(svc, uri, thing):
    reply = svc.get(uri("T_Types"), thing, fragment="Name", fragment_dialect="urn:x")
    fault = assert_fault(reply, "wsman:FragmentDialectNotSupported", code="Sender")
    assert fault.detail_node.find(f"{{{k.W}}}FragmentDialect").text == k.XPATH
    svc.get(uri("T_Types"), thing, fragment="Name", fragment_dialect=k.XPATH).ok()


@pytest.mark.parametrize("expression", ["/q:T_Types/q:Texts[position()<3]", "Texts[", "", "a|b", "Name|Texts", "Name='n'", "//Name", "NoSuch", "/T_Base/Name"])
def test_W_FRG_05_beyond_level_1(svc, uri, thing, expression):
    fault = assert_fault(svc.get(uri("T_Types"), thing, fragment=expression), "wsman:CannotProcessFilter", code="Sender")
    assert len(fault.reason) > 20


def test_W_FRG_01_02_10_MS_17_put(svc, uri, thing):
    reply = svc.put(uri("T_Types"), thing, wrap(uri("T_Types"), "Name", "changed"), fragment="Name")
    assert values(reply) == ["changed"]
    assert reply.header.find(f"{{{k.W}}}FragmentTransfer") is not None
    now = k.properties(svc.get(uri("T_Types"), thing).ok().content)
    assert now["Name"] == "changed" and now["U16"] == "5" and now["Texts"] == ["one", "two", "three"]


def test_W_FRG_02_without_must_understand_never_the_whole(svc, uri, thing):
    text = k.envelope(k.ACTIONS["Put"], uri("T_Types"), thing, wrap(uri("T_Types"), "Name", "m"), fragment="Name")
    text = text.replace('<w:FragmentTransfer s:mustUnderstand="true"', "<w:FragmentTransfer")
    svc.send(text)
    assert texts_of(svc, uri, thing) == ["one", "two", "three"]


def test_W_FRG_10_put_text(svc, uri, thing):
    svc.put(uri("T_Types"), thing, "<w:XmlFragment>plain</w:XmlFragment>", fragment="Name/text()").ok()
    assert texts_of(svc, uri, thing, "Name") == ["plain"]


def test_W_FRG_11_put_replaces_and_never_inserts(svc, uri, thing):
    put = lambda expression, *new: svc.put(uri("T_Types"), thing, wrap(uri("T_Types"), "Texts", *new), fragment=expression)
    put("Texts[2]", "zwei").ok()
    assert texts_of(svc, uri, thing) == ["one", "zwei", "three"]
    assert put("Texts[4]", "vier").fault is not None
    assert put("Texts[2]", "a", "b").fault is not None
    assert texts_of(svc, uri, thing) == ["one", "zwei", "three"]
    put("Texts", "x").ok()
    assert texts_of(svc, uri, thing) == ["x"]


@pytest.mark.parametrize("text", ["<p:Name xmlns:p='{uri}'>x</p:Name>", "", "<w:XmlFragment/>",
                                  "<w:XmlFragment><p:Number xmlns:p='{uri}'>1</p:Number></w:XmlFragment>"])
def test_W_FRG_12_wrapper_is_required(svc, uri, thing, text):
    reply = svc.put(uri("T_Types"), thing, text.replace("{uri}", uri("T_Types")), fragment="Name")
    assert_fault(reply, "wxf:InvalidRepresentation", "InvalidFragment")


@pytest.mark.parametrize("name", ["Fixed", "Id"])
def test_W_FRG_13_read_only(svc, uri, thing, name):
    reply = svc.put(uri("T_Types"), thing, wrap(uri("T_Types"), name, "x"), fragment=name)
    assert_fault(reply, "wsa:ActionNotSupported", "ActionMismatch")


def test_W_FRG_17_all_or_nothing(svc, uri, thing):
    reply = svc.put(uri("T_Types"), thing, wrap(uri("T_Types"), "Numbers", "7", "many", "8"), fragment="Numbers")
    assert_fault(reply, "wxf:InvalidRepresentation", "InvalidValues")
    assert texts_of(svc, uri, thing, "Numbers") == ["1", "2"]


def test_W_FRG_14_21_create(svc, uri, thing):
    create = lambda expression, text: svc.create(uri("T_Types"), wrap(uri("T_Types"), "Texts", text), thing, fragment=expression)
    reply = create("Texts[2]", "new").ok()
    assert reply.content.tag == f"{{{k.X}}}ResourceCreated"
    epr = k.Epr.read(reply.content)
    assert epr.selectors["Id"] == thing["Id"]
    assert reply.header.find(f"{{{k.W}}}FragmentTransfer") is not None
    assert texts_of(svc, uri, thing) == ["one", "new", "two", "three"]
    create("Texts", "last").ok()
    assert texts_of(svc, uri, thing)[-1] == "last"
    assert create("Texts[20]", "far").fault is not None


def test_W_FRG_19_20_create_never_updates(svc, uri, thing):
    create = lambda expression: svc.create(uri("T_Types"), wrap(uri("T_Types"), "Name", "other"), thing, fragment=expression)
    assert_fault(create("Name"), "wsman:AlreadyExists")
    assert_fault(create("Name[2]"), "wxf:InvalidRepresentation")
    assert texts_of(svc, uri, thing, "Name") == ["n"]


def test_W_FRG_14_delete(svc, uri, thing):
    reply = svc.delete(uri("T_Types"), thing, fragment="Texts[1]").ok()
    assert list(reply.body) == [] and reply.header.find(f"{{{k.W}}}FragmentTransfer") is not None
    assert texts_of(svc, uri, thing) == ["two", "three"]
    svc.delete(uri("T_Types"), thing, fragment="Texts").ok()
    assert texts_of(svc, uri, thing) == []
    assert svc.delete(uri("T_Types"), thing, fragment="Texts[1]").fault is not None
    svc.delete(uri("T_Types"), thing, fragment="Name").ok()
    assert k.properties(svc.get(uri("T_Types"), thing).ok().content)["Name"] is None
    assert_fault(svc.delete(uri("T_Types"), thing, fragment="Id"), "wsa:ActionNotSupported")
