"""A short game of random_rounds.py; the long one is a command of its own."""
import os

import random_rounds

ROUNDS = 30


def test_nothing_is_lost_nothing_is_there_twice_and_jobs_tell_the_truth(daemon):
    counts = random_rounds.play(ROUNDS, int(os.environ.get("WSVIRT_SEED", 1)), daemon)
    assert sum(counts.values()) >= ROUNDS // 2
