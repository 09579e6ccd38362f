"""Short games of random_rounds.py, the same each time. On one host QEMU and the service are killed between operations; between
two hosts, where this file starts itself, the service is killed in the middle of some, too, and moves meet with trouble. The long
ones are a command of their own."""
import os
import pathlib

import pytest
import random_rounds

INSIDE = "WSVIRT_LAB_FOLDER" in os.environ

if not INSIDE:
    from travellers import run_between_two_hosts

    ROUNDS, SEED = 30, 1

    def test_nothing_is_lost_nothing_is_there_twice_and_jobs_tell_the_truth(daemon):
        counts = random_rounds.play(ROUNDS, SEED, daemon, kills=0)
        assert sum(counts.values()) >= ROUNDS // 2

    @pytest.mark.timeout(320)
    def test_nor_between_two_hosts(guest):
        run_between_two_hosts(guest, 300, pathlib.Path(__file__).resolve())

else:
    import random_two_hosts

    ROUNDS, SEED = 15, int(os.environ.get("WSVIRT_SEED", "101"))

    def test_every_machine_is_in_one_place_and_jobs_tell_the_truth():
        with random_two_hosts.two_host_daemon() as daemon:
            counts = random_rounds.play(ROUNDS, SEED, daemon, kills=0.25, world_type=random_two_hosts.TwoHosts)
        assert sum(n for what, n in counts.items() if what.startswith("move")) >= 2, counts
        assert any(what.endswith(", killed") for what in counts), counts
