#!/usr/bin/python3
"""Live migration asked of wsvirt against `virsh migrate`: one running machine moves from the first host to the second, by turns.
Then it sets out slowly, and how long it takes until a cancelled job has ended is measured; the longest counts.
Runs inside two hosts and prints rows of the table as JSON:

    tests/lab/two_hosts.py exec tests/bench/migration.py [--smoke]
"""
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from machines import Virsh, held, medians, row, timed, wait  # noqa: E402
from hyperv import RUNNING, HyperV  # noqa: E402
from travellers import CLUSTER, SHARED, TERMINATED, URIS, Traveller, hosts_config, until  # noqa: E402
from wsvirtd import Daemon  # noqa: E402

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


def main():
    smoke = "--smoke" in sys.argv
    medium = SHARED / "empty.iso"
    medium.write_bytes(bytes(1 << 20))
    with Daemon(uri="qemu:///system", name="hvA", storage_folders=["/vms", str(SHARED)], log_level="warn",
                more=hosts_config(URIS["hvB"])) as daemon:
        hyperv, virsh = HyperV(daemon), Virsh(URIS["hvA"])
        machine = Traveller(hyperv, "moved", medium)
        hyperv.finish(hyperv.request_state(machine.machine, RUNNING))

        def back():
            until("the cluster sees it on hvB", lambda: machine.seen_on() == ["hvB"])
            machine.move("hvA", namespace=CLUSTER)
            until("it is seen on hvA", lambda: machine.seen_on() == ["hvA"])

        def ours(_):
            spent = timed(lambda: wait(hyperv, machine.begin("hvB")))[0]
            back()
            return spent

        def theirs(_):
            spent = timed(lambda: virsh(f"migrate --live --persistent --undefinesource --unsafe {machine.guid.lower()} "
                                        f"{URIS['hvB']} --migrateuri tcp://10.99.0.2"))[0]
            back()
            return spent

        if not smoke:
            ours(0), theirs(0)  # both once, for what is slower the first time
        figures = medians(1 if smoke else 9, ours, theirs)
        rows = [row("live migration with shared storage / virsh migrate", *figures, calls=1),
                cancels(hyperv, machine, 1 if smoke else 10)]
        print(json.dumps(rows))
        virsh.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
