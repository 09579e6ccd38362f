"""Reading a guest's serial output from a file or a unix socket, with a deadline."""
import re
import socket
import time

from guest import READY


class Timeout(AssertionError):
    pass


def parse_ready(line):
    """The fields of the guest's ready line as a dictionary; lists for disks and nics."""
    fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
    for name in ("disks", "nics"):
        fields[name] = [x for x in fields.get(name, "").split(",") if x]
    for name in ("cpus", "memory_kib"):
        fields[name] = int(fields[name])
    return fields


def wait_in_file(path, pattern, seconds):
    """Waits until the text of a growing file matches; the match."""
    deadline = time.monotonic() + seconds
    text = ""
    while time.monotonic() < deadline:
        try:
            with open(path, "rb") as file:
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            pass
        match = re.search(pattern, text)
        if match:
            return match
        time.sleep(0.1)
    raise Timeout(f"{pattern!r} not seen within {seconds} s; the console said:\n{text[-3000:]}")


class Console:
    """A serial port behind a unix socket that QEMU serves."""

    def __init__(self, path, seconds=20):
        deadline = time.monotonic() + seconds
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(str(path))
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        self.text = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def wait(self, pattern, seconds):
        deadline = time.monotonic() + seconds
        while True:
            match = re.search(pattern, self.text)
            if match:
                return match
            left = deadline - time.monotonic()
            if left <= 0:
                raise Timeout(f"{pattern!r} not seen within {seconds} s; the console said:\n{self.text[-3000:]}")
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except socket.timeout:
                continue
            if not data:
                raise Timeout(f"the console closed before {pattern!r}; it said:\n{self.text[-3000:]}")
            self.text += data.decode(errors="replace")

    def send(self, text):
        self.socket.sendall(text.encode())


READY_LINE = READY + r"[^\r\n]*nics=[^\r\n]*[\r\n]"
