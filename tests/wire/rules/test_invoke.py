"""Methods of the virtualization classes over the wire (DSP0227 clause 11); parameters of every type: test_parameters.py."""
import time

import pytest

import soapkit as k
from soapkit import assert_fault

V2 = "root/virtualization/v2"
SERVICE = "Msvm_VirtualSystemManagementService"


@pytest.fixture(params=["dmtf", "wmi"])
def service(request):
    """URI of the management service and the part of its key that libvirt's client sends."""
    if request.param == "dmtf":
        return k.DMTF + SERVICE, {"__cimnamespace": V2, "CreationClassName": SERVICE}
    return k.WMI + V2 + "/" + SERVICE, {"CreationClassName": SERVICE}


def output(reply, uri_text, method):
    reply.ok()
    assert reply.action == f"{uri_text}/{method}Response"
    assert reply.content.tag == f"{{{uri_text}}}{method}_OUTPUT"
    assert all(c.tag.startswith("{" + uri_text + "}") for c in reply.content)
    return {k.local(c): c for c in reply.content}


def finish(svc, out):
    """Waits for the end of the job of a method's output, if there is one."""
    if out["ReturnValue"].text == "0":
        return
    job = k.Epr.read(out["Job"])
    for _ in range(200):
        state = k.properties(svc.get(job.uri, job.selectors).ok().content)["JobState"]
        if int(state) >= 7:
            assert state == "7", state
            return
        time.sleep(0.05)
    raise AssertionError("the job did not end")


def test_C_INV_01_02_03_08_13_W_ACT_01_02_MS_27_define_and_destroy(svc, service):
    """A machine is defined from embedded text and destroyed again; a return value is no fault."""
    uri_text, keys = service
    name = k.unique("vm")
    settings = k.escape(f'<INSTANCE CLASSNAME="Msvm_VirtualSystemSettingData"><PROPERTY NAME="ElementName" TYPE="string">'
                        f"<VALUE>{name}</VALUE></PROPERTY></INSTANCE>")
    reply = svc.invoke(uri_text, "DefineSystem", f"<p:SystemSettings>{settings}</p:SystemSettings>", keys)
    out = output(reply, uri_text, "DefineSystem")
    assert out["ReturnValue"].text in ("0", "4096")
    assert [k.local(c) for c in reply.content][-1] == "ReturnValue"
    finish(svc, out)
    system = k.Epr.read(out["ResultingSystem"])
    assert k.properties(svc.get(system.uri, system.selectors).ok().content)["ElementName"] == name
    reply = svc.invoke(uri_text, "DestroySystem", f"<p:AffectedSystem>{system.content()}</p:AffectedSystem>", keys)
    out = output(reply, uri_text, "DestroySystem")
    assert out["ReturnValue"].text in ("0", "4096")
    finish(svc, out)


def test_C_INV_08_return_value_is_no_fault(svc, service):
    uri_text, keys = service
    missing = k.Epr(uri_text.replace(SERVICE, "Msvm_ComputerSystem"),
                    {"CreationClassName": "Msvm_ComputerSystem", "Name": "00000000-0000-0000-0000-000000000000"})
    reply = svc.invoke(uri_text, "DestroySystem", f"<p:AffectedSystem>{missing.content()}</p:AffectedSystem>", keys)
    if reply.fault is None:
        assert output(reply, uri_text, "DestroySystem")["ReturnValue"].text not in ("0", "4096")
    else:
        assert not reply.fault.subcode.endswith("InternalError")


def test_W_ACT_03_C_INV_07_unknown_parameter(svc, service):
    uri_text, keys = service
    reply = svc.invoke(uri_text, "DefineSystem", "<p:Frobnicate>1</p:Frobnicate>", keys)
    fault = assert_fault(reply, "wsman:InvalidParameter", "InvalidName", code="Sender")
    assert "Frobnicate" in fault.reason


def test_W_ACT_04_wrong_type(svc):
    uri_text = k.DMTF + "Msvm_ComputerSystem"
    host = {"__cimnamespace": V2, "CreationClassName": "Msvm_ComputerSystem", "Name": "TESTHOST"}
    reply = svc.invoke(uri_text, "RequestStateChange", "<p:RequestedState>often</p:RequestedState>", host)
    fault = assert_fault(reply, "wsman:InvalidParameter", "TypeMismatch")
    assert "RequestedState" in fault.reason


def test_W_ACT_05_unknown_method(svc, service):
    uri_text, keys = service
    assert_fault(svc.invoke(uri_text, "NoSuchMethod", "", keys), "wsa:ActionNotSupported", "ActionMismatch", code="Sender")


def test_W_ACT_06_wrong_input_element(svc, service):
    uri_text, keys = service
    reply = svc.invoke(uri_text, "DefineSystem", selectors=keys, body=f'<p:Other_INPUT xmlns:p="{uri_text}"/>')
    assert_fault(reply, ["wsman:SchemaValidationError", "wsman:InvalidParameter"])


def test_C_INV_10_instance_method_without_keys(svc):
    reply = svc.invoke(k.DMTF + "Msvm_ComputerSystem", "RequestStateChange", "<p:RequestedState>2</p:RequestedState>",
                       {"__cimnamespace": V2})
    assert_fault(reply, "wsman:InvalidSelectors", ["InsufficientSelectors", "AmbiguousSelectors"])


def test_C_INV_12_input_in_the_namespace_of_a_superclass(svc):
    uri_text, parent = k.DMTF + "Msvm_ComputerSystem", k.DMTF + "CIM_EnabledLogicalElement"
    host = {"__cimnamespace": V2, "CreationClassName": "Msvm_ComputerSystem", "Name": "TESTHOST"}
    body = f'<p:RequestStateChange_INPUT xmlns:p="{parent}"><p:RequestedState>2</p:RequestedState></p:RequestStateChange_INPUT>'
    reply = svc.send(k.envelope(parent + "/RequestStateChange", uri_text, host, body))
    assert reply.fault is None or not reply.fault.subcode.endswith(("SchemaValidationError", "InvalidParameter"))


@pytest.mark.parametrize("settings", [
    "&lt;INSTANCE", "nonsense", "&lt;INSTANCE CLASSNAME=\"NoSuchClass\"/&gt;",
    "&lt;INSTANCE CLASSNAME=\"Msvm_VirtualSystemSettingData\"&gt;&lt;PROPERTY NAME=\"NoSuchProperty\" TYPE=\"string\"/&gt;&lt;/INSTANCE&gt;"])
def test_MS_27_bad_embedded_instances(svc, service, settings):
    """A fault or a documented return value with a text that says what is wrong; nothing is defined."""
    uri_text, keys = service
    before = len(svc.query(V2, "SELECT * FROM Msvm_ComputerSystem"))
    reply = svc.invoke(uri_text, "DefineSystem", f"<p:SystemSettings>{settings}</p:SystemSettings>", keys)
    if reply.fault is not None:
        assert not reply.fault.subcode.endswith("InternalError") and len(reply.fault.reason) > 20
    else:
        assert output(reply, uri_text, "DefineSystem")["ReturnValue"].text not in ("0", "4096")
    assert len(svc.query(V2, "SELECT * FROM Msvm_ComputerSystem")) == before


def test_W_SEC_11_roles(connect, service):
    uri_text, keys = service
    for user in ("viewer", "operator"):
        reply = connect(user).invoke(uri_text, "DefineSystem", "<p:SystemSettings/>", keys)
        assert_fault(reply, "wsman:AccessDenied", code="Sender")


def test_C_OP_07_W_RES_09_without_resource_uri(svc, service):
    uri_text, keys = service
    reply = svc.send(k.envelope(uri_text + "/NoSuchMethod", None, keys))
    assert_fault(reply, ["wsa:ActionNotSupported", "wsa:DestinationUnreachable"])
