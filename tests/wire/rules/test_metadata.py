"""Class declarations (DSP0227 clause 15)."""
import pytest

import soapkit as k
from soapkit import assert_fault


def get(svc, space, cls, **options):
    return svc.get(k.METADATA + cls, space, options=[(n, v, False) for n, v in options.items()] or None)


def test_C_CLS_01_06_C_OP_10_get_class(svc, space):
    cls = get(svc, space, "T_Derived").ok().content
    assert cls.tag == "CLASS" and cls.get("NAME") == "T_Derived" and cls.get("SUPERCLASS") == "T_Base"
    names = {p.get("NAME") for p in cls if p.tag.startswith("PROPERTY")}
    assert {"Id", "Name", "Extra"} <= names


def test_C_CLS_05_options(svc, space):
    full = get(svc, space, "T_Derived", IncludeInheritedElements="true", IncludeQualifiers="true", IncludeClassOrigin="true").ok().content
    assert full.findall(".//QUALIFIER") and any(p.get("CLASSORIGIN") == "T_Base" for p in full.iter("PROPERTY"))
    plain = get(svc, space, "T_Derived", IncludeInheritedElements="false", IncludeQualifiers="false").ok().content
    assert not plain.findall(".//QUALIFIER") and not any(p.get("CLASSORIGIN") for p in plain.iter("PROPERTY"))
    assert [p.get("NAME") for p in plain.iter("PROPERTY")] == ["Extra"]
    windows = get(svc, space, "T_Derived", **{"wmi:IncludeQualifiers": "false"}).ok().content
    assert not windows.findall(".//QUALIFIER")


def test_C_CLS_02_enumerate_classes(svc, space):
    items = svc.all(k.METADATA + "*", space)
    assert all(i.tag == "CLASS" for i in items)
    names = {i.get("NAME") for i in items}
    assert {"T_Base", "T_Derived", "T_Link"} <= names
    top = svc.enumerate(k.METADATA + "*", space, optimize=True, max_elements=1000, max_size=1_000_000,
                        options=[("IncludeSubClasses", "false", False)]).ok().items
    assert "T_Derived" not in {i.get("NAME") for i in top}


def test_C_CLS_04_subclass_names(svc, space):
    reply = svc.enumerate(k.METADATA + "T_Base", space, mode="EnumerateEPR", optimize=True, max_elements=100).ok()
    assert {i.get("NAME") for i in reply.items} == {"T_Derived", "T_Types"}
    reply = svc.enumerate(k.METADATA + "T_Base", space, optimize=True, max_elements=100,
                          options=[("ExcludeClassSpecification", "true", False)]).ok()
    assert {i.get("NAME") for i in reply.items} == {"T_Derived", "T_Types"} and all(len(i) == 0 for i in reply.items)


def test_C_CLS_05_paths(svc, space, namespace):
    """GetSubClassPaths and GetSubClassesWithPath of DSP0227 15.3, in the elements of DSP0201."""
    def of_path(node):
        assert node.tag == "CLASSPATH" and [c.tag for c in node] == ["NAMESPACEPATH", "CLASSNAME"]
        assert node.findtext("NAMESPACEPATH/HOST") == "TESTHOST"
        assert "/".join(n.get("NAME") for n in node.findall("NAMESPACEPATH/LOCALNAMESPACEPATH/NAMESPACE")) == namespace
        return node.find("CLASSNAME").get("NAME")

    def items(*options):
        return svc.enumerate(k.METADATA + "T_Base", space, optimize=True, max_elements=100,
                             options=[(name, "true", True) for name in options]).ok().items

    assert {of_path(i) for i in items("IncludePath", "ExcludeClassSpecification")} == {"T_Derived", "T_Types"}
    for item in items("IncludePath"):
        assert item.tag == "VALUE.OBJECTWITHPATH" and [c.tag for c in item] == ["CLASSPATH", "CLASS"]
        assert of_path(item[0]) == item[1].get("NAME") in ("T_Derived", "T_Types")


def test_C_CLS_06_a_selector_names_the_class(svc, space):
    """What Get-CimClass sends: the URI of all classes with the selector ClassName (public traces of PowerShell)."""
    named = {**space, "ClassName": "t_derived"}
    assert svc.get(k.METADATA + "*", named).ok().content.get("NAME") == "T_Derived"

    def names(**more):
        return [i.get("NAME") for i in svc.enumerate(k.METADATA + "*", named, optimize=True, max_elements=100, **more).ok().items]

    assert names() == ["T_Derived"] == names(mode="EnumerateEPR")
    assert names(options=[("IncludeInheritanceHierarchy", "true", False)]) == ["T_Derived", "T_Base"]
    named["ClassName"] = "T_Base"
    assert names(options=[("IncludeSubClasses", "true", False)]) == ["T_Base", "T_Derived", "T_Types"]
    for call in (svc.get, svc.enumerate):
        assert_fault(call(k.METADATA + "*", {**space, "ClassName": "T_None"}), "wsa:DestinationUnreachable", "InvalidResourceURI")
    assert_fault(svc.delete(k.METADATA + "*", named), "wsa:ActionNotSupported", "ActionMismatch")
    assert_fault(svc.enumerate(k.METADATA + "*", {**named, "Odd": "1"}), "wsman:InvalidSelectors", "UnexpectedSelectors")


@pytest.mark.parametrize("cls", ["T_Base", "*"])
def test_C_CLS_03_no_ws_cim_form(svc, space, cls):
    reply = svc.get("http://schemas.dmtf.org/wbem/ws-cim/1/cim-schema/2/" + cls, space)
    assert_fault(reply, ["wsa:ActionNotSupported", "wsa:DestinationUnreachable"])


def test_C_CLS_07_unknown_class(svc, space):
    assert_fault(get(svc, space, "T_None"), "wsa:DestinationUnreachable", "InvalidResourceURI")


SPACES = ["root/virtualization/v2", "root/virtualization", "root/HyperVCluster/v2", "root/cimv2", "root/interop", "root/test"]
WITH_METHODS = {space: "Msvm_VirtualSystemManagementService" for space in SPACES[:3]}


def names_of(items):
    names = [i.get("NAME") for i in items]
    assert len(names) == len({n.lower() for n in names}), "a class is there twice"
    return names


@pytest.mark.parametrize("space_name", SPACES)
def test_C_CLS_01_02_04_every_class_of_every_namespace(svc, space_name):
    """EnumerateClasses and EnumerateClassNames give the same classes, and GetClass gives each of them as it stood there."""
    selectors = {"__cimnamespace": space_name}
    items = {i.get("NAME"): i for i in svc.all(k.METADATA + "*", selectors, max_size=4_000_000, optimize=True, max_elements=1000)}
    only_names = []
    reply = svc.enumerate(k.METADATA + "*", selectors, mode="EnumerateEPR", optimize=True, max_elements=1000).ok()
    only_names += reply.items
    while not reply.ended:
        reply = svc.pull(k.METADATA + "*", reply.context, selectors, max_elements=1000).ok()
        only_names += reply.items
    assert sorted(names_of(only_names)) == sorted(names_of(items.values())) and len(items) > 10
    assert all(i.tag == "CLASSNAME" and len(i) == 0 for i in only_names)
    for name, item in items.items():
        above = item.get("SUPERCLASS")
        assert above is None or above in items, f"{name} is derived from {above}, which is not there"
        cls = get(svc, selectors, name).ok().content
        assert cls.tag == "CLASS" and cls.get("NAME") == name and cls.get("SUPERCLASS") == above
        parts = [(c.tag, c.get("NAME"), c.get("TYPE")) for c in cls if c.tag != "QUALIFIER"]
        assert parts == [(c.tag, c.get("NAME"), c.get("TYPE")) for c in item if c.tag != "QUALIFIER"], name
        assert all(kind in ("PROPERTY", "PROPERTY.ARRAY", "PROPERTY.REFERENCE", "METHOD") and what for kind, what, _ in parts)
    if space_name in WITH_METHODS:
        assert items[WITH_METHODS[space_name]].findall("METHOD")
