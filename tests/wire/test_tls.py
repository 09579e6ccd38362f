"""TLS: versions, the certificate made at first start, and its exchange while the daemon runs."""
import os
import signal
import socket
import ssl
import subprocess

import pytest
from harness import QUICK_SIGN_IN, ROOT, Raw, wait_until


def context(server, lowest, highest):
    c = server.tls_context()
    c.minimum_version = c.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    c.maximum_version, c.minimum_version = highest, lowest
    return c


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_work(server, version):
    with Raw(server.https_port, context(server, version, version)) as raw:
        assert raw.socket.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]
        assert raw.send(server.signed()).answer().status == 200
        assert "GCM" in raw.socket.cipher()[0] or "CHACHA20" in raw.socket.cipher()[0]


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1", "-ssl3"])
def test_versions_that_are_refused(server, option):
    """Rules: W-SEC-16"""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.https_port}", option,
                           "-cipher", "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "BEGIN CERTIFICATE" not in done.stdout


def test_weak_ciphers_are_refused(server):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.https_port}", "-tls1_2",
                           "-cipher", "AES128-SHA:AES256-SHA256:ECDHE-ECDSA-AES128-SHA"],
                          input="", capture_output=True, text=True, check=False)
    assert done.returncode != 0


def test_only_tls_1_3_where_it_is_asked_for(fresh_server):
    more = QUICK_SIGN_IN + '[[listener]]\naddress = "127.0.0.1"\nport = 0\ntls = true\nminimum_tls = "1.3"\n'
    daemon = fresh_server(more=more)
    first = next(line for line in daemon.log_text().splitlines() if "listening https" in line)
    port = int(first.rsplit(":", 1)[1])
    v12, v13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    with Raw(port, context(daemon, v13, v13)) as raw:
        assert raw.send(daemon.signed()).answer().status == 200
    with pytest.raises(ssl.SSLError):
        Raw(port, context(daemon, v12, v12))


def test_plain_http_on_the_tls_port_is_told(server):
    with Raw(server.https_port) as raw:
        answer = raw.send(server.signed()).answer()
        assert answer.status == 400
        assert b"https" in answer.body


def test_garbage_on_the_tls_port_ends_the_connection(server):
    for garbage in (b"\x00" * 100, b"\x16\x03\x01\xff\xff" + b"A" * 500, os.urandom(2000)):
        with Raw(server.https_port) as raw:
            raw.send(garbage)
            try:
                while raw.socket.recv(4096):
                    pass
            except OSError:
                pass
    assert server.post(tls=True).status == 200


def test_large_answers_and_requests(server):
    with server.connect(tls=True) as raw:
        for _ in range(3):
            raw.send(server.signed(b"<x>" + b"y" * 300_000))
            assert raw.answer().status in (400, 500)
        assert raw.send(server.signed()).answer().status == 200


def test_alpn_agrees_on_http_1_1(server):
    c = server.tls_context()
    c.set_alpn_protocols(["h2", "http/1.1"])
    with Raw(server.https_port, c) as raw:
        assert raw.socket.selected_alpn_protocol() == "http/1.1"
        assert raw.send(server.signed()).answer().status == 200


def certificate_text(path):
    return subprocess.run(["openssl", "x509", "-in", path, "-noout", "-text"], capture_output=True, text=True, check=True).stdout


def test_the_first_certificate(server):
    """Made at first start, with the names that clients use."""
    text = certificate_text(server.ca)
    assert "DNS:TESTHOST" in text and "DNS:localhost" in text
    assert "IP Address:127.0.0.1" in text and "IP Address:0:0:0:0:0:0:0:1" in text
    assert "TLS Web Server Authentication" in text
    assert "NIST CURVE: P-256" in text
    assert os.stat(server.state / "tls/server.key").st_mode & 0o777 == 0o600


def peer_certificate(daemon):
    c = ssl.create_default_context()
    c.check_hostname, c.verify_mode = False, ssl.CERT_NONE
    with Raw(daemon.https_port, c) as raw:
        return raw.socket.getpeercert(binary_form=True)


def make(folder, *names):
    subprocess.run([ROOT / "certs/make-certs.sh", folder, *names], check=True, capture_output=True)


def test_certificates_are_exchanged_while_it_runs(fresh_server, tmp_path):
    make(tmp_path, "server", "localhost")
    for name in ("server.crt", "server.key"):
        (tmp_path / "use").mkdir(exist_ok=True)
        (tmp_path / "use" / name).write_bytes((tmp_path / name).read_bytes())
    use = tmp_path / "use"
    daemon = fresh_server(more=QUICK_SIGN_IN + f'[[listener]]\naddress = "127.0.0.1"\nport = 0\ntls = true\n'
                          f'certificate = "{use}/server.crt"\nkey = "{use}/server.key"\n')
    first_line = next(line for line in daemon.log_text().splitlines() if "listening https" in line)
    daemon.https_port = int(first_line.rsplit(":", 1)[1])
    trust = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    before = peer_certificate(daemon)
    with Raw(daemon.https_port, trust) as kept:
        assert kept.send(daemon.signed()).answer().status == 200
        make(tmp_path, "server", "localhost")
        for name in ("server.crt", "server.key"):
            (use / name).write_bytes((tmp_path / name).read_bytes())
        daemon.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: peer_certificate(daemon) != before)
        assert kept.send(daemon.signed()).answer().status == 200  # whoever is connected stays
    with Raw(daemon.https_port, trust) as raw:
        assert raw.send(daemon.signed()).answer().status == 200
    now = peer_certificate(daemon)
    (use / "server.crt").write_text("broken")
    daemon.process.send_signal(signal.SIGHUP)
    assert wait_until(lambda: "wsvirt.tls.files" in daemon.log_text())
    assert peer_certificate(daemon) == now  # the old one stays


def test_the_made_certificate_stays(fresh_server):
    daemon = fresh_server()
    before = daemon.ca.read_bytes()
    assert daemon.stop() == 0
    daemon.start()
    assert daemon.ca.read_bytes() == before


def test_handshakes_that_end_early_do_no_harm(server):
    for size in (1, 5, 20, 100, 300):
        with socket.create_connection(("127.0.0.1", server.https_port)) as s:
            s.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[:size])
    assert server.post(tls=True).status == 200
