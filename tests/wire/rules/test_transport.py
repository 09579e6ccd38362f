"""HTTP and sign-in as far as they are part of WS-Management (DSP0226 Annex C)."""
import http.client
import ssl

import pytest

import soapkit as k
from soapkit import assert_fault


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_W_HTTP_01_only_post(svc, method):
    c = svc.connect()
    c.request(method, "/wsman", headers={"Authorization": "Basic eDp5"})
    r = c.getresponse()
    assert r.status in (405, 501) and (r.status == 501 or "POST" in r.getheader("Allow", ""))
    c.close()


def test_W_HTTP_02_content_types(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base).encode()
    reply = svc.post(text, content_type='application/soap+xml; charset="utf-8"; action="x"').ok()
    assert reply.type.startswith("application/soap+xml")
    assert svc.post(text, content_type="application/json").status == 415


def test_W_HTTP_03_other_path(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    assert svc.send(text, path="/other").status == 404
    svc.send(text, path="/wsman/").ok()


def test_W_HTTP_04_soap_action(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base)
    svc.send(text).ok()
    svc.send(text, headers={"SOAPAction": f'"{k.ACTIONS["Get"]}"'}).ok()
    svc.send(text, headers={"SOAPAction": k.ACTIONS["Get"]}).ok()
    reply = svc.send(text, headers={"SOAPAction": '"urn:other"'})
    assert reply.status in (400, 500)


def test_W_HTTP_05_chunked_and_keep_alive(svc, uri, base):
    text = k.envelope(k.ACTIONS["Get"], uri("T_Base"), base).encode()
    pieces = [text[i:i + 100] for i in range(0, len(text), 100)]
    c = svc.connect()
    import base64
    auth = "Basic " + base64.b64encode(":".join(svc.auth).encode()).decode()
    for _ in range(2):
        c.request("POST", "/wsman", body=iter(pieces), headers={"Content-Type": k.CONTENT_TYPE, "Authorization": auth},
                  encode_chunked=True)
        assert c.getresponse().read() and c.sock is not None
    c.close()


def test_W_HTTP_07_MS_24_empty_post(svc):
    reply = svc.post(b"")
    assert reply.status == 200 and reply.raw == b""


def test_W_HTTP_09_status_of_faults(svc, uri, space):
    reply = svc.get(uri("T_Base"), {**space, "Id": "nobody"})
    assert reply.status == 500 and reply.fault.code == f"{{{k.S}}}Sender"
    assert svc.pull(uri("T_Base"), "uuid:x", space).status == 500


def test_W_HTTP_12_13_one_way_messages(svc):
    reply = svc.send(k.envelope("http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack", headers="<a:RelatesTo>uuid:1</a:RelatesTo>"))
    assert reply.status == 202 and reply.raw == b""


def test_W_HTTP_16_version(svc):
    c = svc.connect()
    c.request("POST", "/wsman", body="", headers={"Content-Type": k.CONTENT_TYPE})
    assert c.getresponse().version == 11
    c.close()


def test_W_SEC_01_03_10_14_basic(connect, transport):
    anonymous = connect(None)
    reply = anonymous.send(k.identify())
    assert reply.status == 401 and "basic" in reply.headers.get("Www-Authenticate", "").lower()
    assert reply.envelope is None
    wrong = connect()
    wrong.auth = ("admin", "wrong")
    reply = wrong.send(k.identify())
    assert reply.status == 401 and reply.envelope is None and reply.headers.get("Www-Authenticate")
    connect().send(k.identify()).ok()


def test_W_SEC_12_login_is_per_request(svc):
    assert svc.send(k.identify()).ok()
    assert svc.send(k.identify(), auth=None).status == 401


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_W_SEC_16_modern_tls_only(daemon):
    if not daemon.https_port:
        pytest.skip("no HTTPS listener")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        c = http.client.HTTPSConnection("127.0.0.1", daemon.https_port, context=old, timeout=5)
        c.request("POST", "/wsman", body="x")
        c.getresponse()


def test_W_FLX_02_W_SOAP_17_W_HTTP_14_no_internal_errors_for_odd_input(svc, uri, space):
    """Nothing that a client can send is our own failure."""
    for text in ("<a/>", k.envelope("urn:x", "urn:y"), k.envelope(k.ACTIONS["Put"], uri("T_Base"), space, "<a/>")):
        fault = svc.send(text).fault
        assert fault is not None and not (fault.subcode or "").endswith("InternalError")
