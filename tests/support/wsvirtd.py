"""Starts the real daemon for tests: a folder of its own, ports of its own, users of its own; and ends all of it.

    with Daemon(users={"admin": ("secret", "administrator")}) as daemon:
        daemon.https, daemon.http, daemon.ca ...

WSVIRT_BUILD names the build folder whose bin/wsvirtd is run (default: build/dev of this tree). The folder's path is kept
short, because the paths of unix sockets below it must stay under 108 characters.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("WSVIRT_BUILD", ROOT / "build" / "dev"))
DEFAULT_USERS = {"admin": ("secret-a", "administrator"), "operator": ("secret-o", "operator"),
                 "viewer": ("secret-v", "viewer")}

# What libvirt finds out about QEMU takes it seconds at a first start. It checks what it kept against the programs, so daemons of
# one run may share it.
CAPABILITIES = pathlib.Path(tempfile.gettempdir()) / f"wsvirt-capabilities-{os.getuid()}"

CONFIG = """
[server]
name = "{name}"
state_dir = "{state}"
schema_dir = "{schemas}"
{server}
[backend]
uri = "{uri}"
storage_folders = {folders}
{backend}
[log]
level = "{log_level}"
{more}
[[listener]]
address = "127.0.0.1"
port = {http_port}
[[listener]]
address = "127.0.0.1"
port = {https_port}
tls = true
"""


def processes_below(folder):
    """Ids of processes whose command line names the folder: machines of an embedded QEMU, for example."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


class Daemon:
    def __init__(self, users=None, uri="qemu:///embed", storage_folders=(), server="", backend="", more="", name="TESTHOST",
                 log_level="info", state=None):
        self.users = DEFAULT_USERS if users is None else users
        self.own_state = state is None
        self.state = pathlib.Path(state or tempfile.mkdtemp(prefix="s"))
        self.storage = self.state / "disks"
        self.log = self.state / "log"
        self.process = None
        self.http_port = self.https_port = 0
        self.settings = dict(uri=uri, server=server, backend=backend, more=more, name=name, log_level=log_level,
                             folders="[" + ", ".join(f'"{f}"' for f in storage_folders) + "]")

    # --- life -------------------------------------------------------------------------------------------------
    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.clear()

    @property
    def program(self):
        return BUILD / "bin" / "wsvirtd"

    @property
    def ca(self):
        return self.state / "tls" / "server.crt"

    @property
    def https(self):
        return f"https://localhost:{self.https_port}/wsman"

    @property
    def http(self):
        return f"http://127.0.0.1:{self.http_port}/wsman"

    def write_config(self):
        file = self.state / "wsvirtd.toml"
        file.write_text(CONFIG.format(state=self.state, schemas=ROOT / "schemas", http_port=self.http_port,
                                      https_port=self.https_port, **self.settings))
        return file

    def share_capabilities(self, source, target):
        """Copies the cache of one place to another that has none yet, as a whole."""
        if self.settings["uri"] != "qemu:///embed" or target.exists() or not any(source.glob("*/*/*.xml")):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = pathlib.Path(tempfile.mkdtemp(dir=target.parent))
        shutil.copytree(source, copy, dirs_exist_ok=True)
        try:
            copy.rename(target)
        except OSError:  # another was quicker
            shutil.rmtree(copy, ignore_errors=True)

    def start(self, seconds=90):
        """Starts and waits until it listens. Called again after an end, it keeps its state and its ports."""
        config = self.write_config()
        if not (self.state / "users").exists():
            for name, (password, role) in self.users.items():
                subprocess.run([self.program, "--config", config, "user", "add", name, "--role", role],
                               input=password + "\n", text=True, check=True, stdout=subprocess.DEVNULL)
        self.share_capabilities(CAPABILITIES, self.state / "qemu" / "cache")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([self.program, "--config", config], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=log, text=True)
        ready = threading.Event()

        def read():
            for line in self.process.stdout:
                words = line.split()
                if len(words) == 3 and words[0] == "listening":
                    port = int(words[2].rsplit(":", 1)[1])
                    if words[1] == "https":
                        self.https_port = port
                    else:
                        self.http_port = port
                elif words == ["ready"]:
                    ready.set()
            ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not ready.wait(seconds) or self.process.poll() is not None:
            text = self.end_text() + self.log_text()[-4000:]
            self.kill()
            raise AssertionError(f"wsvirtd did not get ready:\n{text}")
        self.share_capabilities(self.state / "qemu" / "cache", CAPABILITIES)

    def stop(self, seconds=40):
        """Asks it to end; the exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            text = self.log_text()
            self.kill()
            raise AssertionError(f"wsvirtd did not end within {seconds} s:\n{text[-4000:]}") from None
        self.process = None
        return code

    def kill(self):
        """kill -9: what a power cut would do to it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def clear(self):
        """Ends the machines that live on and removes the folder."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in processes_below(str(self.state) + "/"):
                try:
                    os.kill(pid, sign)
                except ProcessLookupError:
                    pass
            deadline = time.monotonic() + 5
            while processes_below(str(self.state) + "/") and time.monotonic() < deadline:
                time.sleep(0.1)
        if self.own_state:
            shutil.rmtree(self.state, ignore_errors=True)
            # The short name of a deep folder stays as long as the folder.
            for link in pathlib.Path("/tmp" if os.geteuid() else "/run").glob("wsvirt-*"):
                with contextlib.suppress(FileNotFoundError):  # another test's may go meanwhile
                    if link.is_symlink() and os.readlink(link) == f"{self.state}/qemu":
                        link.unlink()

    # --- what tests ask about it --------------------------------------------------------------------------------
    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def end_text(self):
        """Of one that has ended by itself; -6 is an abort, -11 a crash."""
        code = self.process.poll() if self.process else None
        return "" if code is None else f"wsvirtd has ended by itself, exit code {code}\n"

    def memory_kib(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
