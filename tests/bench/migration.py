#!/usr/bin/python3
"""Live migration asked of wsvirt against `virsh migrate`: one running machine moves from the first host to the second, by turns.
What libvirt's own call takes varies by tens of milliseconds with what QEMU is at, so it is measured inside of both (see
migration_clock.cpp), and what they take beside it is compared as well: that is what wsvirt's own share is of. Then the machine
sets out slowly, and how long it takes until a cancelled job has ended is measured; the longest counts.
Runs inside two hosts and prints rows of the table as JSON:

    tests/lab/two_hosts.py exec tests/bench/migration.py [--smoke]
"""
import contextlib
import json
import os
import pathlib
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from machines import Virsh, held, row, timed, until_ended  # noqa: E402
from hyperv import RUNNING, HyperV  # noqa: E402
from travellers import CLUSTER, SHARED, TERMINATED, URIS, Traveller, hosts_config, until  # noqa: E402
from wsvirtd import BUILD, Daemon  # noqa: E402

LONGEST_CANCEL = 3000  # ms
TERMINATE = 4


def cancels(hyperv, machine, times):
    """The longest of so many, at different moments of the way."""
    moments = random.Random(1)

    def cancelled(job):
        machine.request(job, TERMINATE)
        while int((now := hyperv.get(job))["JobState"]) < 7:
            time.sleep(0.005)
        if now["JobState"] != TERMINATED:
            raise SystemExit(f"cancelled, and yet JobState is {now['JobState']}: {now['ErrorDescription']}")

    longest = 0
    for _ in range(times):
        job = machine.begin("hvB", Bandwidth=1)
        time.sleep(moments.uniform(0, 0.6))
        longest = max(longest, timed(lambda: cancelled(job))[0])
        until("it is on hvA alone", lambda: machine.defined_on() == ["hvA"])
    return (f"live migration, cancelled {times} times: the longest until the job has ended", f"{longest:.1f}", "", "", "",
            f"{LONGEST_CANCEL} ms", held(longest < LONGEST_CANCEL))


class Clock:
    """What libvirt's call has taken in the processes that were started within its `running`."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "clock"
        self.file.touch()
        self.library = BUILD / "bin" / "libbench_migration_clock.so"
        if not self.library.exists():
            raise SystemExit(f"{self.library} is not there: build bench_migration_clock")

    @contextlib.contextmanager
    def running(self):
        os.environ.update(LD_PRELOAD=str(self.library), WSVIRT_MIGRATION_CLOCK=str(self.file))
        yield
        del os.environ["LD_PRELOAD"], os.environ["WSVIRT_MIGRATION_CLOCK"]

    def whole_and_beside(self, spent):
        """Milliseconds: of all, and of what was not libvirt's call."""
        before = len(self.file.read_text().split())
        whole = spent()
        (libvirts,) = self.file.read_text().split()[before:]
        return whole, whole - float(libvirts)


def main():
    smoke = "--smoke" in sys.argv
    medium = SHARED / "empty.iso"
    medium.write_bytes(bytes(1 << 20))
    with contextlib.ExitStack() as stack:
        clock = Clock(stack.enter_context(tempfile.TemporaryDirectory()))
        with clock.running():
            daemon = stack.enter_context(Daemon(uri="qemu:///system", name="hvA", storage_folders=["/vms", str(SHARED)],
                                                log_level="warn", more=hosts_config(URIS["hvB"])))
            virsh = Virsh(URIS["hvA"])
        hyperv = HyperV(daemon)
        machine = Traveller(hyperv, "moved", medium)
        hyperv.finish(hyperv.request_state(machine.machine, RUNNING))

        def back():
            until("the cluster sees it on hvB", lambda: machine.seen_on() == ["hvB"])
            machine.move("hvA", namespace=CLUSTER)
            until("it is seen on hvA", lambda: machine.seen_on() == ["hvA"])

        command = (f"migrate --live --persistent --undefinesource --unsafe {machine.guid.lower()} {URIS['hvB']} "
                   "--migrateuri tcp://10.99.0.2")

        def ours():
            spent = clock.whole_and_beside(lambda: until_ended(hyperv, lambda: machine.begin("hvB")))
            back()
            return spent

        def theirs():
            spent = clock.whole_and_beside(lambda: timed(lambda: virsh(command))[0])
            back()
            return spent

        theirs(), ours()  # both once, for what is slower the first time
        turns = [(theirs(), ours()) for _ in range(1 if smoke else 15)]
        whole, beside = ([statistics.median(turn[who][what] for turn in turns) for who in (1, 0)] for what in (0, 1))
        rows = [row("live migration with shared storage / virsh migrate", *whole),
                row("live migration with shared storage / virsh migrate: beside libvirt's own call", *beside, calls=1),
                cancels(hyperv, machine, 1 if smoke else 10)]
        print(json.dumps(rows))
        virsh.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
