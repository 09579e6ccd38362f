"""Whole conversations as real clients have them, replayed against the real daemon: golden/<client kind>/*.txt.

A file is comment lines (#), then exchanges. "=== request" is followed by the request line, headers, an empty line and the body;
"=== answer" by the status, the headers that matter, an empty line and the body; "=== until" is an answer that the client asks for
again until it comes. White space between tags counts for nothing, everything else does: prefixes, order, attributes. A body with
charset=UTF-16 goes out, and is expected, in UTF-16.

In requests {{new}} is a new message id and {{authorization}} the Basic credentials; in answers {{message}} is the last one's id.
In answers {{guid}}, {{number}}, {{time}} and {{text}} stand for such values, {{...}} for any content; {{guid machine}} keeps the
value as {{machine}} for what follows.
"""
import pathlib
import re
import time
import uuid
import xml.etree.ElementTree as ET

import pytest
from harness import PATIENCE, Server

FOLDER = pathlib.Path(__file__).resolve().parent / "golden"
KINDS = {"guid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", "number": "-?[0-9]+(?:[.][0-9]+)*", "text": "[^<]*",
         "...": ".*?", "time": "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9:]+)"}
FILES = sorted(FOLDER.glob("*/*.txt"))


@pytest.fixture(scope="module")
def server():
    """A daemon for these conversations only: they change its machines."""
    daemon = Server()
    daemon.start()
    yield daemon
    daemon.end()


def plain(text):
    """Without the white space between tags (and placeholders) and at the ends."""
    return re.sub(r"(?<=[>}])\s+(?=[<{])", "", text.strip())


def exchanges(path):
    """(request, answer, kind of answer) by threes, the first two as (first line, headers, body)."""
    parts = re.split(r"^=== (request|answer|until)\n", path.read_text(encoding="utf-8"), flags=re.M)[1:]
    found = []
    for kind, text in zip(parts[::2], parts[1::2]):
        head, _, body = text.partition("\n\n")
        first, *lines = head.strip().split("\n")
        found.append((kind, (first, dict(line.split(": ", 1) for line in lines), body)))
    assert all((kind == "request") == (n % 2 == 0) for n, (kind, _) in enumerate(found)) and len(found) % 2 == 0, path
    return [(found[n][1], *reversed(found[n + 1])) for n in range(0, len(found), 2)]


class Conversation:
    def __init__(self, server):
        self.server, self.known, self.connection = server, {}, server.connect()
        self.known["authorization"] = server.authorization()

    def fill(self, text):
        def value(m):
            if m.group(1) == "new":
                self.known["message"] = str(uuid.uuid4()).upper()
                return self.known["message"]
            return self.known[m.group(1)]

        return re.sub(r"\{\{(\w+)\}\}", value, text)

    def send(self, request):
        first, headers, body = request
        wide = "utf-16" in headers.get("Content-Type", "").lower()
        data = self.fill(body.strip("\n")).encode("utf-16" if wide else "utf-8")
        lines = [first, f"Host: localhost:{self.server.http_port}", *(f"{n}: {self.fill(v)}" for n, v in headers.items()),
                 f"Content-Length: {len(data)}"]
        return self.connection.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data).answer()

    def pattern(self, text):
        """A regular expression for an expected text, and the names that its groups keep."""
        names, out = [], ""
        for n, part in enumerate(re.split(r"\{\{(.*?)\}\}", text)):
            kind, _, name = part.partition(" ") if n % 2 else ("", "", "")
            if not n % 2:
                out += re.escape(part)
            elif kind in KINDS:
                out += f"({KINDS[kind]})" if name else f"(?:{KINDS[kind]})"
                names += [name] if name else []
            else:
                out += re.escape(self.known[kind])
        return out, names

    def expect(self, wanted, seen, what):
        pattern, names = self.pattern(wanted)
        match = re.fullmatch(pattern, seen, re.S)
        if match is None:
            raise AssertionError(f"{what}\n--- expected\n{wanted}\n--- came\n{seen}\n--- the same up to\n{self.reached(wanted, seen)}")
        self.known.update(zip(names, match.groups()))

    def reached(self, wanted, seen):
        """The longest beginning of what was expected that came."""
        pieces = re.split(r"(?=<)", wanted)
        while pieces:
            if re.match(self.pattern("".join(pieces))[0], seen, re.S):
                break
            pieces.pop()
        return "".join(pieces)[-300:]

    def check(self, answer, wanted):
        status, headers, body = wanted
        came = answer.text if "utf-16" not in answer.headers.get("Content-Type", "").lower() else answer.body.decode("utf-16")
        assert answer.status == int(status), f"{answer.status} and not {status}: {came[:2000]}"
        for name, value in headers.items():
            self.expect(value, answer.headers.get(name, "(absent)"), f"the header {name}")
        if body.strip():
            ET.fromstring(came)
            self.expect(plain(body), plain(came), "the body")
        else:
            assert not came or answer.status == 401


@pytest.mark.parametrize("path", FILES, ids=[f"{f.parent.name}-{f.stem}" for f in FILES])
def test_conversation(server, path):
    talk = Conversation(server)
    with talk.connection:
        for request, answer, kind in exchanges(path):
            deadline = time.monotonic() + 20 * PATIENCE
            while True:
                try:
                    talk.check(talk.send(request), answer)
                    break
                except AssertionError:
                    if kind == "answer" or time.monotonic() > deadline:
                        raise
                    time.sleep(0.05)


def test_every_kind_of_client_is_there():
    assert {f.parent.name for f in FILES} == {"winrm", "powershell-cim", "openwsman", "libvirt-hyperv", "pywinrm", "pypsrp", "omi",
                                              "amt"}
