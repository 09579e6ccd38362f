"""HTTP/1.1 as WS-Management needs it (W-HTTP rules): routes, methods, framing, keep-alive, pipelining."""
import time

import pytest
from harness import IDENTIFY, request_bytes

CONTENT = ("Content-Type", "application/soap+xml;charset=UTF-8")


# --- what must work -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("path", ["/wsman", "/wsman/", "/WSMAN", "/wsman?PSVersion=5.1", "http://test/wsman"])
def test_wsman_is_served(server, tls, path):
    """Rules: W-HTTP-03, RFC 9112 3.2"""
    answer = server.raw(server.signed(path=path), tls=tls)
    assert answer.status == 200
    assert b"IdentifyResponse" in answer.body
    assert answer.headers["Content-Type"].lower().startswith("application/soap+xml")


def test_keep_alive(server):
    """Rules: W-HTTP-05"""
    with server.connect() as raw:
        for _ in range(20):
            assert raw.send(server.signed()).answer().status == 200


@pytest.mark.parametrize("tls", [False, True])
def test_pipelined_requests_are_answered_in_order(server, tls):
    with server.connect(tls) as raw:
        raw.send(server.signed() + server.signed(path="/nowhere") + server.signed() * 30)
        statuses = [raw.answer().status for _ in range(32)]
    assert statuses == [200, 404] + [200] * 30


def test_a_request_in_single_bytes(server):
    with server.connect() as raw:
        for byte in server.signed():
            raw.send(bytes([byte]))
        assert raw.answer().status == 200


def chunked(body, size=7, extension=b"", trailer=b""):
    parts = [body[i:i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x%s\r\n%s\r\n" % (len(p), extension, p) for p in parts) + b"0\r\n" + trailer + b"\r\n"


@pytest.mark.parametrize("extension", [b"", b";name=value"])
@pytest.mark.parametrize("trailer", [b"", b"X-Later: 1\r\n"])
def test_chunked_body(server, extension, trailer):
    """Rules: W-HTTP-05"""
    head = server.signed(None, [("Transfer-Encoding", "chunked")])
    with server.connect() as raw:
        raw.send(head + chunked(IDENTIFY, 7, extension, trailer))
        assert raw.answer().status == 200
        assert raw.send(server.signed()).answer().status == 200  # what follows is not mistaken for the body


def test_a_trailer_cannot_sign_in(server):
    head = request_bytes(None, [CONTENT, ("Transfer-Encoding", "chunked")])
    trailer = f"Authorization: {server.authorization()}\r\n".encode()
    assert server.raw(head + chunked(IDENTIFY, 50, b"", trailer)).status == 401


def test_expect_100_continue(server):
    """Rules: W-HTTP-06"""
    whole = server.signed(IDENTIFY, [("Expect", "100-continue")])
    head = whole[:-len(IDENTIFY)]
    with server.connect() as raw:
        assert raw.send(head).answer().status == 100
        assert raw.send(IDENTIFY).answer().status == 200


def test_expect_100_continue_is_refused_before_the_body(server):
    with server.connect() as raw:
        raw.send(request_bytes(None, [CONTENT, ("Content-Length", "1000"), ("Expect", "100-continue")]))
        assert raw.answer().status == 401


def test_unknown_expectation(server):
    assert server.raw(server.signed(IDENTIFY, [("Expect", "miracles")])).status == 417


def test_http_1_0_is_answered_and_closed(server):
    text = server.signed().replace(b"HTTP/1.1", b"HTTP/1.0", 1)
    with server.connect() as raw:
        assert raw.send(text).answer().status == 200
        assert raw.is_closed()


def test_connection_close_is_honoured(server):
    with server.connect() as raw:
        answer = raw.send(server.signed(IDENTIFY, [("Connection", "close")])).answer()
        assert answer.status == 200
        assert answer.headers["Connection"] == "close"
        assert raw.is_closed()


def test_an_empty_line_before_the_request_is_skipped(server):
    """RFC 9112 2.2"""
    assert server.raw(b"\r\n" + server.signed()).status == 200


def test_an_answer_is_not_delayed_by_nagle(server):
    with server.connect() as raw:
        raw.send(server.signed()).answer()
        times = []
        for _ in range(20):
            begun = time.monotonic()
            raw.send(server.signed()).answer()
            times.append(time.monotonic() - begun)
        assert sorted(times)[10] < 0.035  # Nagle's delay is 0.04, and of each


def test_every_answer_has_date_and_length(server):
    for answer in (server.post(), server.post(path="/nowhere"), server.post(sign_in=False)):
        assert answer.headers["Date"].endswith("GMT")
        assert int(answer.headers["Content-Length"]) == len(answer.body)


def test_empty_post_with_sign_in_is_answered(server):
    """Rules: MS-24"""
    assert server.post(b"").status == 200


# --- what must be refused -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods(server, method):
    """Rules: W-HTTP-01"""
    with server.connect() as raw:
        raw.send(server.signed(b"", method=method))
        while b"\r\n\r\n" not in raw.rest:
            raw._more()
        head = raw.rest.split(b"\r\n\r\n")[0]
    assert head.startswith(b"HTTP/1.1 405")
    assert b"\r\nAllow: POST" in head


@pytest.mark.parametrize("path", ["/wsman", "/nowhere"])
def test_what_head_is_answered_with_ends_with_its_head(server, path):
    """The next answer on the connection begins where a client that knows HTTP expects it (RFC 9110 9.3.2)."""
    with server.connect() as raw:
        raw.send(server.signed(b"", method="HEAD", path=path)).send(server.signed())
        while b"Identify" not in raw.rest:
            raw._more()
        refused, rest = raw.rest.split(b"\r\n\r\n", 1)
    assert refused.split()[1] in (b"404", b"405")
    assert rest.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/", "/wsmanx", "/wsman/x", "*", "/../wsman", "/wsman%20"])
def test_other_paths(server, path):
    assert server.raw(server.signed(path=path)).status == 404


GOOD = len(IDENTIFY)


@pytest.mark.parametrize("lengths", [
    [GOOD, GOOD], [GOOD, GOOD + 1], ["-1"], ["+5"], ["abc"], ["1 2"], ["0x10"], [""], ["18446744073709551616"],
    [f"{GOOD}, {GOOD + 1}"], ["1.5"], ["99999999999999999999999"]])
def test_bad_content_length(server, lengths):
    text = server.signed(None, [("Content-Length", n) for n in lengths]) + IDENTIFY
    with server.connect() as raw:
        answer = raw.send(text).answer()
        assert answer.status == 400
        assert answer.text.strip()
        assert raw.is_closed()


@pytest.mark.parametrize("order", [0, 1])
def test_content_length_with_transfer_encoding(server, order):
    both = [("Content-Length", str(len(IDENTIFY))), ("Transfer-Encoding", "chunked")]
    text = server.signed(None, both[::-1] if order else both) + chunked(IDENTIFY)
    with server.connect() as raw:
        assert raw.send(text).answer().status == 400
        assert raw.is_closed()


@pytest.mark.parametrize("coding", ["gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked"])
def test_other_transfer_codings(server, coding):
    text = server.signed(None, [("Transfer-Encoding", coding)]) + chunked(IDENTIFY)
    with server.connect() as raw:
        assert raw.send(text).answer().status in (400, 501)
        assert raw.is_closed()


@pytest.mark.parametrize("name,value", [("Host", "b"), ("Content-Type", "text/plain"), ("Authorization", "Basic eDp5"),
                                        ("Transfer-Encoding", "chunked"), ("Expect", "100-continue"),
                                        ("SOAPAction", "b"), ("WSMANIDENTIFY", "unauthenticated")])
def test_singular_headers_twice(server, name, value):
    pairs = [(name, value), (name.upper(), value)]
    head = request_bytes(IDENTIFY, [("Host", "a"), *pairs])
    assert server.raw(head).status == 400


@pytest.mark.parametrize("text", [
    b"POST /wsman HTTP/1.1\r\n\r\n",                                   # no Host
    b"POST /wsman HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n",       # space in a name
    b"POST /wsman HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",           # NUL in a value
    b"POST /wsman HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n",
    b"POST /wsman HTTP/1.1\r\nHost : a\r\n\r\n",                       # space before the colon
    b"POST  /wsman HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /ws man HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 TLS on the plain port \r\n\r\n",
    b"GARBAGE\r\n\r\n",
])
def test_malformed_requests(server, text):
    with server.connect() as raw:
        answer = raw.send(text).answer()
        assert answer.status in (400, 505)
        assert raw.is_closed()


@pytest.mark.parametrize("version", [b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.2"])
def test_other_versions(server, version):
    text = server.signed().replace(b"HTTP/1.1", version, 1)
    assert server.raw(text).status in (400, 505)


@pytest.mark.parametrize("chunk", [b"zz\r\n", b"-1\r\n", b"fffffffffffffffff\r\n", b"5\r\nabcdeXX", b"\r\n", b"5 5\r\n"])
def test_bad_chunks(server, chunk):
    with server.connect() as raw:
        raw.send(server.signed(None, [("Transfer-Encoding", "chunked")]) + chunk + b"\r\n0\r\n\r\n")
        assert raw.answer().status in (400, 413)
        assert raw.is_closed()


def test_endless_chunk_line(server):
    with server.connect() as raw:
        raw.send(server.signed(None, [("Transfer-Encoding", "chunked")]) + b"5;")
        try:
            for _ in range(64):
                raw.send(b"x" * 16384)
        except OSError:
            pass
        assert raw.answer().status == 400


@pytest.mark.parametrize("pairs", [
    [("X-Long", "x" * 70_000)],
    [(f"X-{i}", "y" * 100) for i in range(1000)],
])
def test_header_too_large(server, pairs):
    with server.connect() as raw:
        assert raw.send(server.signed(IDENTIFY, pairs)).answer().status == 431
        assert raw.is_closed()


def test_request_line_too_large(server):
    assert server.raw(server.signed(path="/wsman?" + "x" * 70_000)).status == 431


def test_a_long_token_fits_the_header(server):
    """Kerberos tokens are longer than 8 KiB."""
    assert server.raw(server.signed(IDENTIFY, [("X-Token", "x" * 40_000)])).status == 200


@pytest.mark.parametrize("headers", [
    {"Content-Type": "multipart/related; boundary=x"}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "SLDC"}])
def test_attachments_and_codings_of_content(server, headers):
    """Rules: W-ENC-10, MS-25"""
    assert server.post(headers=headers).status == 415


def test_a_page_in_a_browser_commands_nothing(server):
    """A page of anybody may send what needs no question first, with the passwords that the browser keeps. Rules: W-HTTP-02"""
    bare = request_bytes(IDENTIFY, [("Authorization", server.authorization())])
    assert server.raw(bare).status == 415
    assert server.post(headers={"Origin": "https://pages.example"}).status == 403


def test_identity_content_encoding_is_no_coding(server):
    assert server.post(headers={"Content-Encoding": "identity"}).status == 200


def test_a_refusal_keeps_the_connection_where_it_can(server):
    with server.connect() as raw:
        assert raw.send(request_bytes(IDENTIFY, [CONTENT])).answer().status == 401
        assert raw.send(server.signed()).answer().status == 200


def test_end_of_stream_within_a_request_is_answered(server):
    import socket
    for text in (server.signed()[:-10], server.signed()[:40]):
        with server.connect() as raw:
            raw.send(text)
            raw.socket.shutdown(socket.SHUT_WR)
            assert raw.answer().status == 400
