"""What every fault says besides its subcode: Windows' error number, the machine, the CIM error (DSP0226 14, MS-WSMV)."""
import pytest

import soapkit as k
from soapkit import assert_fault

TABLE = [
    ("absent", "wsa:DestinationUnreachable", 2150858752, 6),
    ("class", "wsa:DestinationUnreachable", 2150858752, None),
    ("type", "wsman:InvalidSelectors", 2150858844, 13),
    ("unexpected", "wsman:InvalidSelectors", 2150858843, None),
    ("exists", "wsman:AlreadyExists", 2150858803, 11),
    ("context", "wsen:InvalidEnumerationContext", 2150858779, None),
    ("filter", "wsen:CannotProcessFilter", 2150858778, None),
    ("action", "wsa:ActionNotSupported", 2150858771, None),
    ("header", "wsa:MessageInformationHeaderRequired", 2150858769, None),
    ("locale", "wsman:UnsupportedFeature", 2150858887, None),
    ("size", "wsman:EncodingLimit", 2150858878, None),
    ("schema", "wsman:SchemaValidationError", 2150858817, None),
    ("timeout", "wsman:TimedOut", 2150858793, None),
]


def provoke(svc, uri, space, base, what):
    if what == "absent":
        return svc.get(uri("T_Base"), {**space, "Id": "nobody"})
    if what == "class":
        return svc.get(uri("T_None"), space)
    if what == "type":
        return svc.get(uri("T_Numbered"), {**space, "N": "abc"})
    if what == "unexpected":
        return svc.get(uri("T_Base"), {**base, "Odd": "1"})
    if what == "exists":
        return svc.create(uri("T_Base"), f'<p:T_Base xmlns:p="{uri("T_Base")}"><p:Id>{base["Id"]}</p:Id></p:T_Base>', space)
    if what == "context":
        return svc.pull(uri("T_Base"), "uuid:none", space)
    if what == "filter":
        return svc.enumerate(uri("T_Base"), space, filter=k.filter_(k.WQL, "SELECT"))
    if what == "action":
        return svc.send(k.envelope("urn:what", uri("T_Base"), base))
    if what == "header":
        return svc.get(uri("T_Base"), base, to=None)
    if what == "locale":
        return svc.get(uri("T_Base"), base, control='<w:Locale xml:lang="fr" s:mustUnderstand="true"/>')
    if what == "size":
        return svc.get(uri("T_Base"), base, max_size=100)
    if what == "schema":
        return svc.call("Enumerate", uri("T_Base"), space, "<x/>")
    return svc.get(uri("T_Base"), base, timeout="PT0.000001S")


@pytest.mark.parametrize("what, subcode, windows, cim", TABLE)
def test_C_ERR_01_02_03_W_FLX_05_MS_34_details(svc, uri, space, base, what, subcode, windows, cim):
    fault = assert_fault(provoke(svc, uri, space, base, what), subcode)
    assert fault.windows_code == windows
    assert fault.machine == "TESTHOST"
    assert fault.message == fault.reason and fault.reason[0].isupper()
    assert all(d.startswith(k.FD) for d in fault.details), "the form of today, not that of Windows 2003"
    order = [k.local(n) for n in fault.detail_node]
    assert "WSManFault" in order
    if "FaultDetail" in order:
        assert order.index("FaultDetail") < order.index("WSManFault")
    if cim is not None:
        assert fault.cim_error is not None and int(fault.cim_error["CIMStatusCode"]) == cim
        assert fault.cim_error["Message"] and fault.cim_error["MessageID"]


@pytest.mark.parametrize("what, subcode", [(row[0], row[1]) for row in TABLE])
def test_W_LOC_01_every_fault_has_a_german_reason(svc, uri, space, base, what, subcode, monkeypatch):
    english = assert_fault(provoke(svc, uri, space, base, what), subcode)
    plain = k.envelope
    german = '<w:Locale xml:lang="de-DE"/>'
    monkeypatch.setattr(k, "envelope", lambda *a, **more: plain(*a, **more) if "<w:Locale" in (more.get("control") or "") else
                        plain(*a, **{**more, "control": german}))
    fault = assert_fault(provoke(svc, uri, space, base, what), subcode)
    if what != "locale":
        assert fault.lang == "de" and fault.reason != english.reason and fault.windows_code == english.windows_code


def test_C_ERR_01_mark_of_the_cim_error(svc, uri, space):
    fault = svc.get(uri("T_Base"), {**space, "Id": "nobody"}).fault
    node = next(n for n in fault.detail_node if k.local(n) == "CIM_Error")
    assert node.get(f"{{{k.B}}}IsCIM_Error") == "true"
    assert node.tag == f"{{{k.DMTF}CIM_Error}}CIM_Error"
