"""What the service does not offer: it is refused in the way the standard names, it is not advertised, and what is there
instead works. One test for each such rule, so that a half of such a feature would be noticed."""
import subprocess

import pytest

import soapkit as k
from soapkit import assert_fault
from wsvirtd import BUILD

PROFILES = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/"


def asked_to_sign_in(connect, authorization):
    """An Identify with that Authorization: refused, with a challenge that names Basic and nothing else."""
    reply = connect(None).send(k.identify(), headers={"Authorization": authorization})
    assert reply.status == 401 and reply.envelope is None
    offered = [part.strip().split(" ")[0].lower() for part in reply.headers["Www-Authenticate"].split(",") if "=" in part]
    assert "basic" in offered
    assert not {"digest", "negotiate", "kerberos"} & set(offered)


def profiles(svc):
    return {p.text for p in svc.send(k.identify()).ok().content.iter(f"{{{k.I}}}SecurityProfileName")}


def test_W_SEC_02_04_digest(connect, svc):
    digest = 'Digest username="admin", realm="wsvirt", nonce="x", uri="/wsman", response="0"'
    asked_to_sign_in(connect, digest)
    assert not [p for p in profiles(svc) if "digest" in p]


@pytest.mark.parametrize("profile", ["https/mutual", "https/mutual/basic", "https/mutual/digest"])
def test_W_SEC_05_06_client_certificates(connect, svc, profile):
    asked_to_sign_in(connect, PROFILES + profile)
    assert PROFILES + profile not in profiles(svc)


@pytest.mark.parametrize("profile", ["https/spnego-kerberos", "https/mutual/spnego-kerberos", "http/spnego-kerberos"])
def test_W_SEC_07_08_09_negotiate(connect, svc, profile):
    asked_to_sign_in(connect, "Negotiate TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA=")
    assert PROFILES + profile not in profiles(svc)


def test_W_ENC_08_transfer_encodings(svc, uri, base):
    """Over HTTP they are a matter of HTTP; SOAP's encodingStyle has no rule and does no harm."""
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    reply = svc.post(text.encode(), content_type='multipart/related; boundary="b"; type="application/xop+xml"')
    assert reply.status == 415 and reply.fault is None
    body = f'<p:T_Base xmlns:p="{uri("T_Base")}" s:encodingStyle="http://www.w3.org/2003/05/soap-encoding"><p:Name>x</p:Name></p:T_Base>'
    svc.put(uri("T_Base"), base, body).ok()


def test_W_ADDR_33_the_default_addressing_model_is_understood(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    svc.send(text.replace("<w:SelectorSet ", '<w:SelectorSet s:mustUnderstand="true" ')).ok()
    assert '<w:ResourceURI s:mustUnderstand="true">' in text


def test_W_TMO_03_timeouts_are_understood(svc, uri, base):
    svc.get(uri("T_Base"), base, control='<w:OperationTimeout s:mustUnderstand="true">PT30S</w:OperationTimeout>').ok()


def test_W_OPT_10_options_need_no_type(svc, uri, base):
    def ask(type_):
        option = f'<w:OptionSet><w:Option Name="IncludeQualifiers"{type_}>true</w:Option></w:OptionSet>'
        return svc.get(k.METADATA + "T_Base", {"__cimnamespace": base["__cimnamespace"]}, headers=option).ok()

    assert ask("").content.findall(".//QUALIFIER")
    assert ask(' Type="xs:boolean" xmlns:xs="http://www.w3.org/2001/XMLSchema"').content.findall(".//QUALIFIER")


@pytest.mark.parametrize("name, value, wanted", [
    ("Texts", "two", 1), ("Texts", "none", 0), ("When", "2026-11-02T09:30:00Z", 1), ("Name", 'with "quotes" &amp; \'more\'', 1)])
def test_W_FLT_09_selector_filters_go_beyond_those_of_windows(svc, uri, space, make, name, value, wanted):
    """Arrays, datetimes and quotes, as DSP0226 Annex E has them."""
    keys = make("T_Types", Name='with "quotes" & \'more\'', Texts=["one", "two"],
                When=f'<cim:Datetime xmlns:cim="{k.CIM}">2026-11-02T09:30:00Z</cim:Datetime>')
    content = (f'<w:SelectorSet><w:Selector Name="Id">{keys["Id"]}</w:Selector>'
               f'<w:Selector Name="{name}">{value}</w:Selector></w:SelectorSet>')
    reply = svc.enumerate(uri("T_Types"), space, filter=k.filter_(k.SELECTOR, content), optimize=True, max_elements=10).ok()
    assert len(reply.items) == wanted


def test_W_FLT_09_a_reference_in_a_selector_filter(svc, uri, space, link):
    _, (one, two) = link
    for end, wanted in ((one, 1), (two, 0)):
        epr = k.Epr(uri("T_Base"), end).xml()
        content = f'<w:SelectorSet><w:Selector Name="Antecedent">{epr}</w:Selector></w:SelectorSet>'
        reply = svc.enumerate(uri("T_Link"), space, filter=k.filter_(k.SELECTOR, content), optimize=True, max_elements=10).ok()
        assert len(reply.items) == wanted


def test_W_HTTP_10_ports(tmp_path):
    """The registered ports are those of a configuration that names none."""
    config = tmp_path / "empty.toml"
    config.write_text(f'[server]\nstate_dir = "{tmp_path}"\n')
    text = subprocess.run([BUILD / "bin" / "wsvirtd", "--config", config, "--print-config"], check=True,
                          capture_output=True, text=True).stdout
    listeners = [part.split("[[")[0] for part in text.split("[[listener]]")[1:]]
    assert [("port = 5985" in part, "port = 5986" in part, "tls = true" in part) for part in listeners] == \
        [(True, False, False), (False, True, True)]


def test_MS_26_cookies(svc):
    reply = svc.send(k.identify(), headers={"Cookie": "MS-WSMAN=affinity"}).ok()
    assert "Set-Cookie" not in reply.headers


def test_MS_30_clients_that_replace_the_prefix(svc, uri, base, namespace):
    """What the ResourceUri parameter of Windows' cmdlets does: the same instance under the other prefix, without a header of
    its own on the wire."""
    keys = {"Id": base["Id"]}
    one = k.properties(svc.get(uri("T_Base"), base).ok().content)
    other = k.properties(svc.get(k.WMI + namespace + "/T_Base", keys).ok().content)
    assert one == other


def test_C_XML_14_octet_strings(svc, uri, space, make):
    """base64 where the class declares it, in and out; repeated numbers elsewhere."""
    keys = make("T_Octets", Octets="AAEC/w==", Bytes=[0, 1, 2, 255])
    now = svc.get(uri("T_Octets"), keys).ok().content
    octets = [n for n in now if k.local(n) == "Octets"]
    assert [n.text for n in octets] == ["AAEC/w=="]
    assert k.properties(now)["Bytes"] == ["0", "1", "2", "255"]
    listed = make("T_Octets", Octets=[0, 1, 2, 255])
    assert k.properties(svc.get(uri("T_Octets"), listed).ok().content)["Octets"] == "AAEC/w=="
    wrong = f'<p:T_Octets xmlns:p="{uri("T_Octets")}"><p:Id>w</p:Id><p:Octets>no base64!</p:Octets></p:T_Octets>'
    assert_fault(svc.create(uri("T_Octets"), wrong, space), "wxf:InvalidRepresentation", "InvalidValues")
