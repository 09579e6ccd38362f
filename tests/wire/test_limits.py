"""Limits and deadlines: each is answered, and whoever is slow or greedy holds up nobody else."""
import os
import pathlib
import selectors
import socket
import threading
import time

import pytest
from harness import IDENTIFY, PATIENCE, QUICK_SIGN_IN, request_bytes, wait_until

CONTENT = ("Content-Type", "application/soap+xml;charset=UTF-8")
SMALL = QUICK_SIGN_IN + '[http]\nmax_body = "100KiB"\nmax_body_before_sign_in = "2KiB"\n'
QUICK = QUICK_SIGN_IN + '[http]\nheader_time = "700ms"\nbody_time = "700ms"\nidle_time = "1500ms"\n'


@pytest.fixture(scope="module")
def small():
    from harness import Server
    daemon = Server(more=SMALL)
    daemon.start()
    yield daemon
    daemon.end()


@pytest.fixture(scope="module")
def quick():
    from harness import Server
    daemon = Server(more=QUICK)
    daemon.start()
    yield daemon
    daemon.end()


# --- size of the body -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("size", [100 * 1024 + 1, 10 * 1024 * 1024, 2**63])
def test_body_over_the_limit_after_sign_in(small, size, tls):
    """Rules: W-HTTP-11: by its Content-Length alone"""
    text = small.signed(None, [("Content-Length", str(size))])
    with small.connect(tls) as raw:
        assert raw.send(text).answer().status == 413
        assert raw.is_closed()


def test_body_over_the_limit_that_is_sent_gets_its_answer(small):
    """The answer is not lost in a reset, though much of the body is under way."""
    for _ in range(5):
        with small.connect() as raw:
            raw.send(small.signed(None, [("Content-Length", str(4 * 1024 * 1024))]))
            try:
                raw.send(b"x" * (4 * 1024 * 1024))
            except OSError:
                pass
            assert raw.answer().status == 413


def test_chunked_body_over_the_limit_after_sign_in(small):
    with small.connect() as raw:
        raw.send(small.signed(None, [("Transfer-Encoding", "chunked")]))
        try:
            for _ in range(40):
                raw.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        except OSError:
            pass
        assert raw.answer().status == 413
        assert raw.is_closed()


def test_body_at_the_limit_is_read(small):
    """The operations refuse it, not HTTP."""
    assert small.post(b"x" * 100 * 1024).status not in (413, 401, 408)


def test_body_over_the_limit_before_sign_in(small):
    """A request that needs no sign-in may carry less; one that needs it is asked for it before its body is read."""
    anonymous = [CONTENT, ("WSMANIDENTIFY", "unauthenticated")]
    with small.connect() as raw:
        assert raw.send(request_bytes(None, [*anonymous, ("Content-Length", "2049")])).answer().status == 413
        assert raw.is_closed()
    with small.connect() as raw:
        raw.send(request_bytes(None, [*anonymous, ("Transfer-Encoding", "chunked")]))
        assert raw.send(b"801\r\n" + b"x" * 2049 + b"\r\n0\r\n\r\n").answer().status == 413
    assert small.raw(request_bytes(IDENTIFY, anonymous)).status == 200
    with small.connect() as raw:
        assert raw.send(request_bytes(None, [CONTENT, ("Content-Length", "102400")])).answer().status == 401
        assert raw.is_closed()
    with small.connect() as raw:
        assert raw.send(request_bytes(None, [CONTENT, ("Content-Length", "102401")])).answer().status == 413


# --- deadlines ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tls", [False, True])
def test_header_that_does_not_come(quick, tls):
    for text in (b"", b"P", quick.signed()[:60]):
        with quick.connect(tls) as raw:
            begun = time.monotonic()
            assert raw.send(text).answer().status == 408
            assert 0.5 < time.monotonic() - begun < 2 * PATIENCE
            assert raw.is_closed()


@pytest.mark.parametrize("tls", [False, True])
def test_body_that_does_not_come(quick, tls):
    """Rules: W-HTTP-08"""
    for text in (quick.signed()[:-1], quick.signed(None, [("Transfer-Encoding", "chunked")]) + b"5\r\nab"):
        with quick.connect(tls) as raw:
            assert raw.send(text).answer().status == 408
            assert raw.is_closed()


def test_body_that_trickles(quick):
    """Bytes that keep coming do not put the deadline off."""
    with quick.connect() as raw:
        raw.send(quick.signed()[:-50])
        begun = time.monotonic()
        raw.socket.settimeout(0.05)
        while time.monotonic() - begun < 10 * PATIENCE:
            try:
                raw.send(b" ")
                raw._more()
                break
            except (TimeoutError, socket.timeout):
                continue
        raw.socket.settimeout(10)
        assert raw.answer().status == 408
        assert time.monotonic() - begun < 3 * PATIENCE


def test_idle_connection_is_closed(quick):
    with quick.connect() as raw:
        assert raw.send(quick.signed()).answer().status == 200
        time.sleep(0.9)
        assert raw.send(quick.signed()).answer().status == 200  # the time between two requests is a longer one
        begun = time.monotonic()
        assert raw.is_closed(4)
        assert time.monotonic() - begun > 1.0


def test_second_header_that_does_not_come(quick):
    with quick.connect() as raw:
        assert raw.send(quick.signed()).answer().status == 200
        assert raw.send(quick.signed()[:30]).answer().status == 408


def test_handshake_that_does_not_come(quick):
    with socket.create_connection(("127.0.0.1", quick.https_port), timeout=10 * PATIENCE) as raw:
        begun = time.monotonic()
        raw.sendall(b"\x16\x03\x01")
        assert raw.recv(100) == b""
        assert time.monotonic() - begun < 3 * PATIENCE


def test_a_client_that_does_not_read_is_given_up(fresh_server):
    daemon = fresh_server(more=QUICK_SIGN_IN + '[metrics]\nenabled = true\n[http]\nwrite_time = "700ms"\n')
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", daemon.http_port))
        raw.settimeout(1)
        try:
            for _ in range(400):
                raw.sendall(daemon.signed() * 50)
        except OSError:
            pass
        assert wait_until(lambda: daemon.metric("wsvirt_http_connections") == 1)


# --- many connections -------------------------------------------------------------------------------------------------
class Crowd:
    """Idle connections, and connections that send one byte a second."""

    def __init__(self, daemon, idle, slow):
        self.sockets, self.stop = [], threading.Event()
        for n in range(idle + slow):
            s = socket.create_connection(("127.0.0.1", daemon.http_port))
            self.sockets.append(s)
            if n % 3 == 1:
                s.sendall(daemon.signed()[:-20])  # a body that never comes
            elif n % 3 == 2:
                s.sendall(b"POST /wsman HTTP/1.1\r\nHost")
        self.slow = self.sockets[idle:]
        self.text = daemon.signed(b"y" * 1000)
        self.thread = threading.Thread(target=self.trickle)
        self.thread.start()

    def trickle(self):
        for byte in self.text:
            for s in self.slow:
                try:
                    s.send(bytes([byte]))
                except OSError:
                    pass
            if self.stop.wait(1):
                return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        for s in self.sockets:
            s.close()


def test_1000_idle_and_100_slow_connections_hold_up_nobody(fresh_server):
    daemon = fresh_server()
    assert daemon.post().status == 200
    with Crowd(daemon, 1000, 100):
        times = []
        deadline = time.monotonic() + 3
        with daemon.connect() as kept:
            while time.monotonic() < deadline:
                begun = time.monotonic()
                assert daemon.post(tls=len(times) % 2 == 1).status == 200
                assert kept.send(daemon.signed()).answer().status == 200
                times.append(time.monotonic() - begun)
        times.sort()
        assert times[len(times) // 2] < 0.05 * PATIENCE
        assert times[-1] < 0.5 * PATIENCE


@pytest.mark.skipif("asan" in os.environ.get("WSVIRT_BUILD", "") or "tsan" in os.environ.get("WSVIRT_BUILD", ""),
                    reason="sanitizers take memory of their own")
@pytest.mark.parametrize("tls,most_kib_each", [(False, 8), (True, 40)])
def test_memory_of_idle_connections(fresh_server, tls, most_kib_each):
    daemon = fresh_server()
    daemon.post(tls=tls)
    before, count, held = daemon.memory_kib(), 1000, []
    try:
        for _ in range(count):
            raw = daemon.connect(tls)
            assert raw.send(daemon.signed()).answer().status == 200
            held.append(raw)
        assert (daemon.memory_kib() - before) / count < most_kib_each
    finally:
        for raw in held:
            raw.socket.close()


def test_too_many_connections(fresh_server):
    daemon = fresh_server(more=QUICK_SIGN_IN + "[http]\nmax_connections = 20\n")
    for tls in (False, True):
        held = [daemon.connect(tls) for _ in range(20)]
        try:
            for raw in held:  # an answer means that it is accepted and counts
                assert raw.send(daemon.signed()).answer().status == 200
            with daemon.connect(tls) as raw:
                answer = raw.send(daemon.signed()).answer()
                assert answer.status == 503
                assert "Retry-After" in answer.headers
                assert raw.is_closed()
            assert held[0].send(daemon.signed()).answer().status == 200
        finally:
            for raw in held:
                raw.socket.close()
        assert wait_until(lambda: daemon.post(timeout=5).status == 200)


def test_too_many_connections_of_one_peer(fresh_server):
    daemon = fresh_server(more=QUICK_SIGN_IN + "[http]\nmax_connections_per_peer = 5\n")
    held = [daemon.connect() for _ in range(5)]
    try:
        for raw in held:  # an answer means that it is accepted and counts
            assert raw.send(daemon.signed()).answer().status == 200
        with daemon.connect() as raw:
            assert raw.send(daemon.signed()).answer().status == 503
        with socket.create_connection(("127.0.0.1", daemon.http_port), source_address=("127.0.0.2", 0), timeout=10) as other:
            other.sendall(daemon.signed())
            assert other.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for raw in held:
            raw.socket.close()


def test_out_of_descriptors(fresh_server):
    """It goes on when descriptors are free again, and does not spin meanwhile."""
    import resource
    daemon = fresh_server()
    assert daemon.post().status == 200
    pid = daemon.process.pid
    used = len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 10, used + 10))
    held = [socket.create_connection(("127.0.0.1", daemon.http_port)) for _ in range(50)]
    try:
        assert wait_until(lambda: "wsvirt.http.accept" in daemon.log_text())
        before = daemon.cpu_seconds()
        time.sleep(1)
        assert daemon.cpu_seconds() - before < 0.5
        assert daemon.log_text().count("wsvirt.http.accept") < 20
    finally:
        for s in held:
            s.close()
    assert wait_until(lambda: daemon.post(timeout=10).status == 200)


def test_open_and_close_storm_leaves_nothing(fresh_server):
    daemon = fresh_server(more=QUICK_SIGN_IN + "[metrics]\nenabled = true\n")
    daemon.post()
    before = len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
    watch = selectors.DefaultSelector()
    for n in range(1500):
        s = socket.create_connection(("127.0.0.1", daemon.https_port if n % 5 == 4 else daemon.http_port))
        if n % 5 < 3:
            s.sendall(daemon.signed()[: n % 400])
        if n % 2:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # ends with a reset
        s.close()
    watch.close()
    assert wait_until(lambda: daemon.metric("wsvirt_http_connections") == 1)
    assert wait_until(lambda: len(list(pathlib.Path(f"/proc/{daemon.process.pid}/fd").iterdir())) <= before + 2)
