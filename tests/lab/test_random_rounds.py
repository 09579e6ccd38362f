"""A short game of random_rounds.py, the same each time: QEMU and the service are killed between operations. The long one, with
kills in the middle of operations too, is a command of its own."""
import random_rounds

ROUNDS, SEED = 30, 1


def test_nothing_is_lost_nothing_is_there_twice_and_jobs_tell_the_truth(daemon):
    counts = random_rounds.play(ROUNDS, SEED, daemon, kills=0)
    assert sum(counts.values()) >= ROUNDS // 2
