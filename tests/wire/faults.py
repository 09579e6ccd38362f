"""wsvirtd on a host that fails on command (tests/faults): FaultDaemon.fail("define", "no_space") and so on."""
import contextlib
import socket
import sqlite3
import sys

from harness import ROOT
from wsvirtd import BUILD, Daemon

sys.path.append(str(ROOT / "tests" / "lab"))

# Names of what a host may say, and the return codes that the methods have for them.
CODES = {"failed": 32768, "no_space": 32768, "denied": 32769, "unsupported": 32770, "timed_out": 32772, "invalid": 32773,
         "busy": 32774, "state": 32775, "away": 32777, "memory": 32778}


class FaultDaemon(Daemon):
    program = BUILD / "bin" / "wsvirtd_faults"

    def command(self, *words, host="TESTHOST"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.state / f"faults-{host}"))
            connection.sendall(" ".join(words).encode() + b"\n")
            assert connection.recv(16) == b"ok\n", words

    def fail(self, operation, status):
        self.command("fail", operation, status)

    def hold(self, operation):
        self.command("hold", operation)

    def away(self, host, yes=True):
        self.command("away" if yes else "back", host=host)

    def appears(self, identifier, host):
        """A machine that somebody makes there without the service."""
        self.command("appears", identifier, host=host)

    def release(self, operation):
        self.command("release", operation)

    def row(self, kind, key):
        with contextlib.closing(sqlite3.connect(self.state / "wsvirt.db", timeout=20)) as store:
            return store.execute("SELECT CAST(text AS TEXT) FROM documents WHERE kind = ? AND key = ?", (kind, key)).fetchone()[0]

    @contextlib.contextmanager
    def unwritable(self, kind):
        """The service's own store fails to take or drop rows of this kind, as on a disk that breaks."""
        def change(*statements):
            with contextlib.closing(sqlite3.connect(self.state / "wsvirt.db", timeout=20)) as store:
                for statement in statements:
                    store.execute(statement)
                store.commit()
        # What cannot be computed: no constraint that would speak of a row that is there.
        change(*(f"CREATE TRIGGER refuse_{event} BEFORE {event} ON documents WHEN {row}.kind = '{kind}' "
                 "BEGIN SELECT abs(-9223372036854775807 - 1); END" for event, row in (("INSERT", "NEW"), ("DELETE", "OLD"))))
        try:
            yield
        finally:
            change("DROP TRIGGER refuse_INSERT", "DROP TRIGGER refuse_DELETE")
