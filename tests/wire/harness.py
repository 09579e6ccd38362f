"""What wire tests need: the real daemon on libvirt's test driver, requests over HTTP and HTTPS, and raw sockets.

    def test_something(server):
        status, headers, body = server.post(envelope)              # signed in, over HTTP
        status, headers, body = server.post(envelope, tls=True, user="viewer")
        answers = server.raw(b"POST /wsman HTTP/1.1\r\n...")        # bytes as they are, answers parsed

    def test_other(fresh_server):
        server = fresh_server(more='[http]\nmax_body = "64KiB"')   # sections and [[listener]] entries of TOML
"""
import base64
import http.client
import os
import pathlib
import socket
import ssl
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from wsvirtd import Daemon, processes_below  # noqa: E402

# Sanitizers and a loaded machine make everything slower: deadlines of tests are multiplied by this.
PATIENCE = float(os.environ.get("WSVIRT_PATIENCE", "3"))
# Wrong passwords are answered quickly, so that the tests of other things need not wait.
QUICK_SIGN_IN = '[auth]\nfailures = 100000\nfailure_delay = "1ms"\nlongest_failure_delay = "1ms"\n'
IDENTIFY = (b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
            b'xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd">'
            b'<s:Header/><s:Body><i:Identify/></s:Body></s:Envelope>')


class Headers(dict):
    """Header names without case; the values of a repeated one joined."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            key = name.lower()
            self[key] = f"{self[key]}, {value}" if key in self else value

    def __getitem__(self, name):
        return super().__getitem__(name.lower())

    def __contains__(self, name):
        return super().__contains__(name.lower())

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class Answer(tuple):
    """(status, headers, body), also by name."""
    status = property(lambda self: self[0])
    headers = property(lambda self: self[1])
    body = property(lambda self: self[2])
    text = property(lambda self: self[2].decode())


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def request_bytes(body=b"", headers=None, method="POST", path="/wsman", length=True):
    """A request as text; headers as a dict or a list of pairs."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers or [])
    if not any(name.lower() == "host" for name, _ in pairs):
        pairs.insert(0, ("Host", "test"))
    if length and body is not None:
        pairs.append(("Content-Length", str(len(body))))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in pairs) + "\r\n"
    return head.encode() + (body or b"")


class Raw:
    """A socket whose answers are read one by one; with TLS where a context is given."""

    def __init__(self, port, context=None, timeout=20 * PATIENCE, address="127.0.0.1"):
        self.socket = socket.create_connection((address, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)
        return self

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"closed after {self.rest[:200]!r}")
        self.rest += data

    def answer(self):
        """The next answer; EOFError when the connection ends before it is whole."""
        while b"\r\n\r\n" not in self.rest:
            self._more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = Headers(tuple(part.strip() for part in line.split(":", 1)) for line in lines)
        status = int(first.split()[1])
        size = 0 if status < 200 or status == 204 else int(headers["Content-Length"])
        while len(self.rest) < size:
            self._more()
        body, self.rest = self.rest[:size], self.rest[size:]
        return Answer((status, headers, body))

    def is_closed(self, seconds=5.0):
        """Whether the server has ended its side; waits for that."""
        self.socket.settimeout(seconds * PATIENCE)
        try:
            return self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True
        except (TimeoutError, socket.timeout):
            return False


class Server(Daemon):
    """A daemon for wire tests: libvirt's test driver unless said otherwise."""

    user, password = "admin", "secret-a"

    def __init__(self, more=QUICK_SIGN_IN, uri="test:///default", **settings):
        super().__init__(uri=uri, more=more, **settings)

    url_http = property(lambda self: self.http)
    url_https = property(lambda self: self.https)

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.ca))

    def authorization(self, user=None):
        name = user or self.user
        return basic(name, self.users[name][0])

    def post(self, body=IDENTIFY, headers=None, tls=False, user=None, path="/wsman", method="POST", sign_in=True,
             timeout=30):
        """One request on a connection of its own. `headers` come on top of Content-Type and Authorization and
        replace them; a value of None leaves a header out."""
        sent = {"Content-Type": "application/soap+xml;charset=UTF-8"}
        if sign_in:
            sent["Authorization"] = self.authorization(user)
        sent.update(headers or {})
        sent = {name: value for name, value in sent.items() if value is not None}
        if isinstance(body, str):
            body = body.encode()
        if tls:
            connection = http.client.HTTPSConnection("localhost", self.https_port, timeout=timeout * PATIENCE,
                                                     context=self.tls_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.http_port, timeout=timeout * PATIENCE)
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer((response.status, Headers(response.getheaders()), response.read()))
        finally:
            connection.close()

    def connect(self, tls=False, **more):
        return Raw(self.https_port, self.tls_context(), **more) if tls else Raw(self.http_port, **more)

    def raw(self, data, answers=1, tls=False):
        """Sends bytes on a connection of their own; one answer, or a list of as many as are asked for."""
        with self.connect(tls) as raw:
            raw.send(data)
            found = [raw.answer() for _ in range(answers)]
        return found[0] if answers == 1 else found

    def signed(self, body=IDENTIFY, headers=None, **more):
        """Bytes of a request with sign-in, for raw()."""
        pairs = list(headers.items() if isinstance(headers, dict) else headers or [])
        return request_bytes(body, [("Authorization", self.authorization()),
                                    ("Content-Type", "application/soap+xml;charset=UTF-8"), *pairs], **more)

    def metric(self, name, **labels):
        """A figure of /metrics ([metrics] enabled = true)."""
        text = self.post(b"", path="/metrics", method="GET", sign_in=False).text
        wanted = name + ("{" + ",".join(f'{k}="{v}"' for k, v in labels.items()) + "}" if labels else "")
        for line in text.splitlines():
            if line.rsplit(" ", 1)[0] == wanted:
                return float(line.rsplit(" ", 1)[1])
        raise KeyError(wanted)

    def end(self):
        """Stops it and checks that it ended well and left nothing running."""
        try:
            code = self.stop()
            left = processes_below(str(self.state) + "/")
            assert code in (0, None), f"exit code {code}\n{self.log_text()[-4000:]}"
            assert not left, f"left running: {left}"
        finally:
            self.clear()


def wait_until(condition, seconds=10.0, every=0.02):
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds * PATIENCE
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())
