"""Asynchronous stores between the CTAs of a cluster: what lands is known to who waits, and to no other."""

from __future__ import annotations

import pytest
from emulator_harness import kind_of_failure, run

from persistent_topk.cuda.emulated import Schedule
from persistent_topk.cuda.emulator.library import KINDS

BLOCK, CLUSTER, GRID = 64, 4, 8
LAUNCH = {"grid": GRID, "cluster": CLUSTER, "shared_words": 4 + 2 * BLOCK}  # two mbarriers, two buffers
SCHEDULES = [Schedule(kind, seed=seed) for kind in KINDS for seed in range(3)]


def file_of(kernel: str) -> str:
    return "exchanges" if kernel.startswith("exchange") else "stores"


def exchanged() -> list[int]:
    """What each thread has got: of each CTA of its cluster in turn, the words meant for this one."""
    return [
        (cta // CLUSTER * CLUSTER + sender) * BLOCK + thread
        for cta in range(GRID)
        for sender in range(CLUSTER)
        for thread in range(cta % CLUSTER, BLOCK, CLUSTER)
    ]


def of_rank_1(word: int, threads: range = range(BLOCK)) -> list[int]:
    return [
        word if cta % CLUSTER == 1 and thread in threads else 0
        for cta in range(GRID)
        for thread in range(BLOCK)
    ]


RIGHT = {
    "exchange": exchanged(),
    "exchange_vectors": exchanged(),
    "exchange_in_two_buffers": list(range(GRID * BLOCK)),
    "exchange_in_one_buffer": list(range(GRID * BLOCK)),
    "outlives_its_issuer": of_rank_1(5),
    "lands_beside_the_last_thread": of_rank_1(5, range(3, 4)),
    "lands_before_it_is_expected": of_rank_1(5),
    "waits_for_the_last_arrival": of_rank_1(5),
    "follows_its_warp": [5] * GRID * BLOCK,
    "passes_on_what_landed": [5] * GRID * BLOCK,
}


@pytest.mark.parametrize("kernel", RIGHT)
def test_who_waits_has_what_landed(kernel):
    for schedule in SCHEDULES:
        assert run(file_of(kernel), kernel, **LAUNCH, schedule=schedule).tolist() == RIGHT[kernel], schedule


# Kernel: the kinds that it may fail with; under every schedule it fails.
MISTAKES = {
    # Bytes of the round after may complete this one, too.
    "exchange_in_one_buffer_unordered": {"race", "unwritten-read", "deadlock"},
    "exchange_in_two_buffers_unordered": {"race"},
    "reads_another_store": {"race"},
    "reads_without_waiting": {"race"},
    "writes_without_waiting": {"race"},
    "two_ctas_one_word": {"race"},
    "two_threads_one_word": {"race"},
    "expects_too_little": {"race", "unwritten-read", "deadlock", "peer-exited"},
    "destination_exits": {"peer-exited"},
    "destination_exits_after_expecting": {"peer-exited"},
    "wrong_bytes": {"misaligned"},
    "misaligned_vector": {"misaligned"},
    "misaligned_word": {"misaligned"},
    "barrier_of_another_cta": {"barrier-mismatch"},
    "barrier_of_its_issuer": {"barrier-mismatch"},
    "stores_to_global": {"out-of-bounds"},
    "stores_behind_shared": {"out-of-bounds"},
    "barrier_uninitialised": {"barrier-mismatch"},
    "barrier_initialised_beside": {"race", "barrier-mismatch"},
    "before_the_first_cluster_barrier": {"peer-not-started"},
}


@pytest.mark.parametrize("kernel", MISTAKES)
def test_mistake_with_a_store_is_named(kernel):
    for schedule in SCHEDULES:
        assert kind_of_failure(file_of(kernel), kernel, **LAUNCH, schedule=schedule) in MISTAKES[kernel], (
            schedule
        )
