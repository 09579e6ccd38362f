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


@pytest.mark.parametrize("cls", ["T_Base", "*"])
def test_C_CLS_03_no_ws_cim_form(svc, space, cls):
    reply = svc.get("http://schemas.dmtf.org/wbem/ws-cim/1/cim-schema/2/" + cls, space)
    assert_fault(reply, ["wsa:ActionNotSupported", "wsa:DestinationUnreachable"])


def test_C_CLS_07_unknown_class(svc, space):
    assert_fault(get(svc, space, "T_None"), "wsa:DestinationUnreachable", "InvalidResourceURI")


@pytest.mark.parametrize("space_name", ["root/virtualization/v2", "root/cimv2", "root/interop"])
def test_C_CLS_01_every_class_of_every_namespace(svc, space_name):
    items = svc.all(k.METADATA + "*", {"__cimnamespace": space_name}, max_size=1_000_000)
    assert len(items) > 10
    for i in items[:: max(1, len(items) // 25)]:
        again = svc.get(k.METADATA + i.get("NAME"), {"__cimnamespace": space_name}).ok().content
        assert again.get("NAME") == i.get("NAME")
