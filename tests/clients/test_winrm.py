"""python3-winrm, unmodified: signing in, reading, calling, and the faults as it understands them."""
import pytest
import winrm.exceptions
import winrm.protocol
from embedded import Instance
from hyperv import WMI, HyperV

IDENTIFY = ('<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            'xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"><s:Header/><s:Body><i:Identify/>'
            "</s:Body></s:Envelope>")


@pytest.fixture(scope="module")
def hyperv(daemon):
    return HyperV(daemon)


def protocol(daemon, user, password, **more):
    return winrm.protocol.Protocol(endpoint=daemon.https, transport="basic", username=user, password=password,
                                   ca_trust_path=str(daemon.ca), **more)


def test_identify(daemon):
    answer = protocol(daemon, "viewer", daemon.users["viewer"][0]).send_message(IDENTIFY)
    assert b"IdentifyResponse" in answer
    assert b"http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" in answer


@pytest.mark.parametrize("user,password", [("admin", "wrong"), ("nobody", "secret-a"), ("", "")])
def test_wrong_credentials_are_reported_as_such(daemon, user, password):
    if not user:
        pytest.skip("this client refuses to send an empty user")
    with pytest.raises(winrm.exceptions.InvalidCredentialsError):
        protocol(daemon, user, password).send_message(IDENTIFY)


def test_the_servers_certificate_is_checked(daemon):
    client = winrm.protocol.Protocol(endpoint=daemon.https, transport="basic", username="admin", password="x",
                                     server_cert_validation="validate")
    with pytest.raises(Exception, match="CERTIFICATE_VERIFY_FAILED|certificate verify failed"):
        client.send_message(IDENTIFY)


def test_the_host_and_its_machines_are_seen(hyperv):
    systems = hyperv.query("SELECT * FROM Msvm_ComputerSystem")
    assert {s["Caption"] for s in systems} == {"Hosting Computer System", "Virtual Machine"}
    host = [s for s in systems if s["Caption"] == "Hosting Computer System"]
    assert [h["Name"] for h in host] == ["TESTHOST"]
    assert host[0]["EnabledState"] == "2"


def test_a_fault_comes_with_its_subcode_and_reason(hyperv):
    with pytest.raises(winrm.exceptions.WinRMError) as caught:
        hyperv.post("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", WMI + "No_SuchClass", {}, "")
    assert "DestinationUnreachable" in str(caught.value)
    assert "fault_subcode" in str(caught.value)


def test_roles(daemon):
    viewer = HyperV(daemon, "viewer")
    assert viewer.query("SELECT Name FROM Msvm_ComputerSystem")
    with pytest.raises(winrm.exceptions.WinRMError, match="AccessDenied"):
        viewer.define(Instance("Msvm_VirtualSystemSettingData", ElementName="no"))
    operator = HyperV(daemon, "operator")
    with pytest.raises(winrm.exceptions.WinRMError, match="AccessDenied"):
        operator.define(Instance("Msvm_VirtualSystemSettingData", ElementName="no"))


@pytest.mark.parametrize("name", ["plain", 'quotes " and \' here', "<angle> & ampersand", "ünï \N{GRINNING FACE} 名", "x" * 100],
                         ids=["plain", "quotes", "angle", "unicode", "long"])
def test_names_come_back_as_they_went(hyperv, name):
    machine = hyperv.finish(hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName=name)))["ResultingSystem"]
    try:
        assert hyperv.get(machine)["ElementName"] == name
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        found = hyperv.query(f"SELECT * FROM Msvm_ComputerSystem WHERE ElementName = '{quoted}'")
        assert [f["Name"] for f in found] == [machine.selectors["Name"]]
    finally:
        hyperv.finish(hyperv.destroy(machine))


def test_nothing_is_made_from_an_unknown_property(hyperv):
    before = len(hyperv.query("SELECT Name FROM Msvm_ComputerSystem"))
    try:
        output = hyperv.define(Instance("Msvm_VirtualSystemSettingData", ElementName="bad", NoSuchProperty="1"))
        assert int(output["ReturnValue"]) == 32773
    except winrm.exceptions.WinRMError as fault:
        assert "NoSuchProperty" in str(fault)
    assert len(hyperv.query("SELECT Name FROM Msvm_ComputerSystem")) == before
