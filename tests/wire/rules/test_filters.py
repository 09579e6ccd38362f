"""Filters of Enumerate (DSP0226 8.3, Annexes D and E; DSP0227 clause 8)."""
import pytest

import soapkit as k
from soapkit import assert_fault

V2 = "root/virtualization/v2"


@pytest.fixture
def things(make):
    """Three things with a common mark and different numbers."""
    mark = k.unique("mark")
    return mark, [make("T_Types", Name=mark, Number=n, Texts=[f"t{n}", "all"], Flag=("true" if n == 2 else "false"),
                       Numbers=[n, n * 10]) for n in (1, 2, 3)]


def ask(svc, uri_text, space, dialect, content, **more):
    return svc.enumerate(uri_text, space, filter=k.filter_(dialect, content, **({"tag": more.pop("tag")} if "tag" in more else {})),
                         optimize=True, max_elements=100, **more)


def found(reply):
    reply.ok()
    assert reply.ended
    return sorted(int(k.properties(i)["Number"]) for i in reply.items)


def wql(mark, condition=""):
    return k.escape(f"SELECT * FROM T_Types WHERE Name = '{mark}'{' AND ' + condition if condition else ''}")


@pytest.mark.parametrize("content", ["text <w:SelectorSet/>", "<w:SelectorSet/><w:SelectorSet/>"])
def test_W_FLT_01_mixed_content(svc, uri, space, content):
    assert_fault(ask(svc, uri("T_Types"), space, k.SELECTOR, content), ["wsen:CannotProcessFilter", "wsman:SchemaValidationError"])


@pytest.mark.parametrize("tag", ["w:Filter", "n:Filter"])
def test_W_FLT_02_both_filter_elements(svc, uri, space, things, tag):
    assert found(ask(svc, uri("T_Types"), space, k.WQL, wql(things[0], "Number > 1"), tag=tag)) == [2, 3]


def test_W_FLT_03_two_filters(svc, uri, space):
    both = k.filter_(k.WQL, "SELECT * FROM T_Types") + k.filter_(k.WQL, "SELECT * FROM T_Types", tag="n:Filter")
    assert_fault(svc.enumerate(uri("T_Types"), space, filter=both), "wsen:CannotProcessFilter", code="Sender")


def test_W_FLT_04_resource_without_filters(svc, space):
    reply = ask(svc, k.METADATA + "*", space, k.WQL, "SELECT * FROM T_Base")
    assert_fault(reply, ["wsen:FilteringNotSupported", "wsen:CannotProcessFilter"])


@pytest.mark.parametrize("dialect", ["urn:x", "http://schemas.microsoft.com/win/2004/08/events/eventquery"])
def test_W_FLT_05_MS_39_unknown_dialect(svc, uri, space, dialect):
    fault = assert_fault(ask(svc, uri("T_Types"), space, dialect, "x"), "wsen:FilterDialectRequestedUnavailable", code="Sender")
    listed = {n.text for n in fault.detail_node.findall(f"{{{k.N}}}SupportedDialect")}
    assert {k.WQL, k.CQL, k.SELECTOR, k.ASSOCIATION, k.XPATH} <= listed


@pytest.mark.parametrize("dialect, text", [
    (k.WQL, "SELECT FROM"), (k.WQL, ""), (k.WQL, "SELECT * FROM T_Types WHERE"), (k.WQL, "SELECT * FROM T_Types WHERE Nope = 1"),
    (k.CQL, "nonsense"), (k.XPATH, "/T_Types["), (k.XPATH, ""), (k.WQL, "SELECT * FROM NoSuchClass")])
def test_W_FLT_06_C_QRY_08_invalid_expressions(svc, uri, space, dialect, text):
    fault = assert_fault(ask(svc, uri("T_Types"), space, dialect, text), "wsen:CannotProcessFilter", code="Sender")
    assert len(fault.reason) > 15


def test_W_FLT_07_default_dialect_is_xpath(svc, uri, space, things):
    text = f'../T_Types[Name="{things[0]}" and Number="2"]'
    assert found(ask(svc, uri("T_Types"), space, None, text)) == [2]


# --- selector filter -----------------------------------------------------------------------------------------

def selectors(**values):
    return k.selector_set(values)


def test_W_FLT_08_MS_14_selector_filter(svc, uri, space, things):
    mark = things[0]
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=mark))) == [1, 2, 3]
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=mark, Number="2"))) == [2]
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=mark, Flag="true"))) == [2]
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=mark, Number="9"))) == []


def test_W_FLT_08_key_in_a_selector_filter(svc, uri, space, things):
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Id=things[1][2]["Id"]))) == [3]


def test_W_FLT_17_unknown_property(svc, uri, space):
    fault = assert_fault(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Nope="1")), "wsen:CannotProcessFilter")
    names = {n.text for n in fault.detail_node.findall(f"{{{k.W}}}SupportedSelectorName")}
    assert {"Name", "Number"} <= names


def test_W_FLT_19_array_property(svc, uri, space, things):
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=things[0], Texts="t3"))) == [3]
    assert found(ask(svc, uri("T_Types"), space, k.SELECTOR, selectors(Name=things[0], Texts="all"))) == [1, 2, 3]


@pytest.mark.parametrize("content, detail", [
    (k.selector_set([("Name", "a"), ("Name", "b")]), "DuplicateSelectors"), (k.selector_set({"Number": "many"}), "TypeMismatch")])
def test_W_FLT_20_bad_filter_selectors(svc, uri, space, content, detail):
    assert_fault(ask(svc, uri("T_Types"), space, k.SELECTOR, content), "wsen:CannotProcessFilter", detail)


# --- XPath -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("expression", ["/", "/T_Types", "../p:T_Types", "."])
def test_W_FLT_10_expressions_that_select_all(svc, uri, space, things, expression):
    reply = ask(svc, uri("T_Types"), space, k.XPATH, expression, max_size=1_000_000).ok()
    assert {t["Id"] for t in things[1]} <= {k.properties(i).get("Id") for i in reply.items}


@pytest.mark.parametrize("condition, numbers", [
    ('p:Number="2"', [2]), ('Number!="2"', [1, 3]), ('Texts="t1" or Texts="t3"', [1, 3]), ('not(Number="1")', [2, 3]),
    ('Number > 1', [2, 3]), ('Numbers[2]="30"', [3]), ('(Number="1" or Number="2") and Flag="true"', [2])])
def test_W_FLT_11_level_2(svc, uri, space, things, condition, numbers):
    text = k.escape(f'../p:T_Types[p:Name="{things[0]}" and ({condition})]')
    assert found(ask(svc, uri("T_Types"), space, k.XPATH, text)) == numbers


@pytest.mark.parametrize("condition, numbers", [
    ("contains(p:Texts[1], '3')", [3]), ("starts-with(Name, 'mark-') and Number >= 2", [2, 3]), ("count(p:Numbers) = 2", [1, 2, 3]),
    ("sum(Numbers) = 22", [2]), ("Numbers[last()] = 10", [1]), ("Numbers[position() = 2] > 15", [2, 3]), ("Number mod 2 = 1", [1, 3]),
    ("floor(Number div 2) = 1", [2, 3]), ("string-length(Texts) = 2", [1, 2, 3]), ("substring(Texts[1], 2) = '1'", [1]),
    ("child::Number[. = 3]", [3]), ("descendant-or-self::*[local-name() = 'Number'] = 2", [2]), ("Flag = 'true' or Number = 3", [2, 3]),
    ("Texts[. = 't1'] | Numbers[. = 3]", [1, 3]), ("translate(Texts[1], 't', 'x') = 'x2'", [2]), ("boolean(U8[not(@nil)])", []),
    ("following-sibling::*", []), ("number(Number) + 1 = 4", [3]), ("normalize-space(concat(' ', Number, ' ')) = '2'", [2])])
def test_W_FLT_07_11_all_of_xpath_1_0(svc, uri, space, things, condition, numbers):
    text = k.escape(f"../p:T_Types[p:Name='{things[0]}'][{condition}]")
    assert found(ask(svc, uri("T_Types"), space, k.XPATH, text)) == numbers


@pytest.mark.parametrize("expression", ["count(", "T_Types[", "1 +", "foo(.)", "$x = 1", "Name[position()"])
def test_W_FLT_06_broken_xpath(svc, uri, space, expression):
    assert_fault(ask(svc, uri("T_Types"), space, k.XPATH, expression), "wsen:CannotProcessFilter", code="Sender")


def test_W_FLT_12_16_projection_by_xpath(svc, uri, space, things):
    reply = ask(svc, uri("T_Types"), space, k.XPATH, f'/T_Types[Name="{things[0]}"]/Number').ok()
    assert all(i.tag == f"{{{k.W}}}XmlFragment" for i in reply.items)
    assert sorted(i[0].text for i in reply.items) == ["1", "2", "3"]


# --- queries ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("dialect", [k.WQL, "http://schemas.dmtf.org/wbem/wsman/1/WQL"])
def test_W_FLT_15_C_QRY_04_07_wql(svc, uri, space, things, dialect):
    assert found(ask(svc, uri("T_Types"), space, dialect, wql(things[0], "Number >= 2"))) == [2, 3]


@pytest.mark.parametrize("condition, numbers", [
    ("Number <> 2", [1, 3]), ("Number != 2", [1, 3]), ("NOT Number = 2", [1, 3]), ("(Number = 1 or Number = 3)", [1, 3]),
    ("Flag = TRUE", [2]), ("U8 IS NULL", [1, 2, 3]), ("U8 IS NOT NULL", []), ("Id LIKE 't-%'", [1, 2, 3]), ("Number < 3 AND Number > 1", [2])])
def test_C_QRY_04_conditions(svc, uri, space, things, condition, numbers):
    assert found(ask(svc, uri("T_Types"), space, k.WQL, wql(things[0], condition))) == numbers


@pytest.mark.parametrize("uri_text", [k.ALL, k.DMTF + "T_Types"])
def test_C_QRY_01_C_OP_09_C_URI_02_cql(svc, space, things, uri_text):
    assert found(ask(svc, uri_text, space, k.CQL, wql(things[0]))) == [1, 2, 3]


def test_C_QRY_03_from_and_uri_must_agree(svc, uri, space):
    assert_fault(ask(svc, uri("T_Pair"), space, k.WQL, "SELECT * FROM T_Types"), "wsen:CannotProcessFilter")


def test_W_FLT_12_C_QRY_02_select_list_of_the_dmtf_family(svc, uri, space, things):
    reply = ask(svc, k.ALL, space, k.WQL, f"SELECT Number,Name FROM T_Types WHERE Name = '{things[0]}'").ok()
    for item in reply.items:
        assert item.tag == f"{{{k.W}}}XmlFragment"
        assert [c.tag for c in item] == [f"{{{uri('T_Types')}}}Name", f"{{{uri('T_Types')}}}Number"]


def test_C_QRY_04_05_MS_16_select_list_of_the_wmi_family(svc, namespace, things):
    reply = ask(svc, k.WMI + namespace + "/*", None, k.WQL, f"SELECT Number,Name FROM T_Types WHERE Name = '{things[0]}'").ok()
    for item in reply.items:
        assert [c.tag for c in item] == ["Name", "Number"]


@pytest.mark.parametrize("mode", ["EnumerateEPR", "EnumerateObjectAndEPR"])
def test_W_FLT_13_projection_with_references(svc, space, mode):
    reply = ask(svc, k.ALL, space, k.WQL, "SELECT Number FROM T_Types", mode=mode)
    assert_fault(reply, ["wsman:UnsupportedFeature", "wsen:CannotProcessFilter"])


def test_W_FLT_14_filter_required(svc, space):
    assert_fault(svc.enumerate(k.ALL, space), ["wsen:CannotProcessFilter", "wsman:UnsupportedFeature"])


def test_C_QRY_06_MS_02_association_statements(svc, uri, namespace, link):
    keys, (one, two) = link
    path = f"T_Base.Id='{one['Id']}'"
    items = svc.query(namespace, f"ASSOCIATORS OF {{{path}}} WHERE AssocClass = T_Link ResultClass = T_Base")
    assert [k.properties(i)["Id"] for i in items] == [two["Id"]]
    items = svc.query(namespace, f"REFERENCES OF {{{path}}} WHERE ResultClass = T_Link")
    assert [k.local(i) for i in items] == ["T_Link"]


# --- association filter --------------------------------------------------------------------------------------

def association(kind, epr, **members):
    """Members in the order of the schema; "Object" content as given."""
    content = epr if isinstance(epr, str) else epr.content()
    inner = "".join(f"<wsmb:{n}>{v}</wsmb:{n}>" for n, vs in members.items() for v in (vs if isinstance(vs, list) else [vs]))
    return f'<wsmb:{kind} xmlns:wsmb="{k.B}"><wsmb:Object>{content}</wsmb:Object>{inner}</wsmb:{kind}>'


@pytest.fixture
def linked(svc, uri, make, space, link):
    """One thing linked to two others: T_Link to `two`, T_StrongLink to `three`."""
    keys, (one, two) = link
    three = make("T_Derived", Name="three")
    make("T_StrongLink", keys={"Antecedent": k.Epr(uri("T_Base"), one), "Dependent": k.Epr(uri("T_Base"), three)}, Weight=3)
    return one, two, three


def ids(reply):
    reply.ok()
    return sorted(k.properties(i).get("Id", k.local(i)) for i in reply.items)


def test_C_ASF_01_10_C_OP_08_all_members(svc, uri, space, linked):
    one, two, three = linked
    epr = k.Epr(uri("T_Base"), one)
    go = lambda **m: ids(ask(svc, k.ALL, space, k.ASSOCIATION, association("AssociatedInstances", epr, **m)))
    assert go() == sorted([two["Id"], three["Id"]])
    assert go(AssociationClassName="T_StrongLink") == [three["Id"]]
    assert go(ResultClassName="T_Derived") == [three["Id"]]
    assert go(Role="Antecedent", ResultRole="Dependent") == sorted([two["Id"], three["Id"]])
    assert go(Role="Dependent") == [] == go(ResultRole="Antecedent")
    assert go(AssociationClassName="T_Link", Role="Antecedent", ResultClassName="T_Base", ResultRole="Dependent") == \
        sorted([two["Id"], three["Id"]])
    reply = ask(svc, k.ALL, space, k.ASSOCIATION, association("AssociatedInstances", epr, ResultClassName="T_Derived"))
    assert [k.local(i) for i in reply.ok().items] == ["T_Derived"]


def test_C_ASF_02_11_association_instances(svc, uri, space, linked):
    one = linked[0]
    epr = k.Epr(uri("T_Base"), one)
    go = lambda **m: sorted(k.local(i) for i in ask(svc, k.ALL, space, k.ASSOCIATION, association("AssociationInstances", epr, **m)).ok().items)
    assert go() == ["T_Link", "T_StrongLink"]
    assert go(ResultClassName="T_Link") == ["T_Link", "T_StrongLink"]
    assert go(ResultClassName="T_StrongLink", Role="Antecedent") == ["T_StrongLink"]
    assert go(Role="Dependent") == []


@pytest.mark.parametrize("kind", ["AssociatedInstances", "AssociationInstances"])
def test_C_ASF_03_object_must_exist(svc, uri, space, kind):
    for keys in ({**space, "Id": "nobody"}, {**space, "Nope": "x"}):
        reply = ask(svc, k.ALL, space, k.ASSOCIATION, association(kind, k.Epr(uri("T_Base"), keys)))
        assert_fault(reply, "wsen:CannotProcessFilter")


def test_C_ASF_04_object_missing(svc, space):
    text = f'<wsmb:AssociatedInstances xmlns:wsmb="{k.B}"><wsmb:Role>x</wsmb:Role></wsmb:AssociatedInstances>'
    assert_fault(ask(svc, k.ALL, space, k.ASSOCIATION, text), ["wsen:CannotProcessFilter", "wsa:DestinationUnreachable"])
    assert_fault(ask(svc, k.ALL, space, k.ASSOCIATION, association("AssociatedInstances", "")),
                 ["wsen:CannotProcessFilter", "wsa:DestinationUnreachable"])


def test_C_ASF_05_included_properties(svc, uri, space, linked):
    epr = k.Epr(uri("T_Base"), linked[0])
    text = association("AssociatedInstances", epr, ResultClassName="T_Derived", IncludeResultProperty=["Name", "Id", "Nope"])
    item = ask(svc, k.ALL, space, k.ASSOCIATION, text).ok().items[0]
    assert item.tag == f"{{{k.W}}}XmlFragment" and [k.local(c) for c in item] == ["Id", "Name"]


def test_C_ASF_06_empty_elements(svc, uri, space, linked):
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]), AssociationClassName="", Role="",
                       ResultClassName="", ResultRole="", IncludeResultProperty="")
    assert len(ids(ask(svc, k.ALL, space, k.ASSOCIATION, text))) == 2


def test_C_ASF_07_class_in_the_uri(svc, uri, space, linked):
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]))
    assert ids(ask(svc, uri("T_Derived"), space, k.ASSOCIATION, text)) == [linked[2]["Id"]]


@pytest.mark.parametrize("where,selectors", [(k.ALL, None), (k.ALL, {"__cimnamespace": "root/cimv2"}),
                                             (k.WMI + "root/cimv2/*", None)])
def test_C_ASF_08_namespace_of_the_object(svc, uri, linked, where, selectors):
    """The answer names that namespace, too."""
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]))
    assert len(ids(ask(svc, where, selectors, k.ASSOCIATION, text))) == 2
    for item in ask(svc, where, selectors, k.ASSOCIATION, text, mode="EnumerateObjectAndEPR").ok().items:
        epr = k.Epr.read(item[1])
        assert k.properties(svc.get(epr.uri, epr.selectors).ok().content) == k.properties(item[0])
        assert item[0].tag == f"{{{epr.uri}}}{k.local(item[0])}"


def test_C_ASF_08_association_between_namespaces(svc, uri, family, make, namespace, space):
    """What an association leads to names the namespace where it is, in its element and in its reference."""
    v2 = k.WMI + V2 + "/" if family == "wmi" else k.DMTF
    one = make("T_Base", Name="one")
    service = svc.enumerate(v2 + "Msvm_VirtualSystemManagementService", {"__cimnamespace": V2}, optimize=True,
                            mode="EnumerateObjectAndEPR").ok().items[0]
    far = k.Epr.read(service[1])
    make("T_Link", keys={"Antecedent": k.Epr(uri("T_Base"), one), "Dependent": far})
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), one))
    where = (k.WMI + namespace + "/*", None) if family == "wmi" else (k.ALL, space)
    item = ask(svc, *where, k.ASSOCIATION, text).ok().items[0]
    assert item.tag == service[0].tag and k.properties(item) == k.properties(service[0])
    both = ask(svc, *where, k.ASSOCIATION, text, mode="EnumerateObjectAndEPR").ok().items[0]
    epr = k.Epr.read(both[1])
    assert both[0].tag == service[0].tag and epr.uri == far.uri and epr.selectors == far.selectors
    assert epr.selectors["__cimnamespace"] == V2


@pytest.mark.parametrize("mode", ["EnumerateEPR", "EnumerateObjectAndEPR"])
def test_C_ASF_09_with_references(svc, uri, space, linked, mode):
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]), ResultClassName="T_Derived")
    item = ask(svc, k.ALL, space, k.ASSOCIATION, text, mode=mode).ok().items[0]
    epr = k.Epr.read(item if mode == "EnumerateEPR" else item[1])
    assert k.properties(svc.get(epr.uri, epr.selectors).ok().content)["Id"] == linked[2]["Id"]


def test_C_ASF_11_unknown_class(svc, uri, space, linked):
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]), ResultClassName="Nope")
    reply = ask(svc, k.ALL, space, k.ASSOCIATION, text)
    assert reply.fault is None and reply.items == [] or assert_fault(reply, "wsen:CannotProcessFilter")


def test_C_ASF_12_roles_without_case(svc, uri, space, linked):
    text = association("AssociatedInstances", k.Epr(uri("T_Base"), linked[0]), Role="ANTECEDENT", ResultRole="dependent")
    assert len(ids(ask(svc, k.ALL, space, k.ASSOCIATION, text))) == 2


def test_C_ASF_13_14_wmi_uri_and_both_forms_of_the_reference(svc, namespace, linked):
    epr = k.Epr(k.WMI + namespace + "/T_Base", {"Id": linked[0]["Id"]})
    for content in (epr.content(), epr.xml()):
        reply = ask(svc, k.WMI + namespace + "/*", None, k.ASSOCIATION, association("AssociatedInstances", content))
        assert len(ids(reply)) == 2
