"""Asynchronous copies land when the schedule says; touching what is in flight is found under each."""

from __future__ import annotations

import pytest
from emulator_harness import kind_of_failure, run

from persistent_topk.cuda.emulated import Schedule
from persistent_topk.cuda.emulator.library import KINDS

BLOCK = 64
SHARED_WORDS = 4 + BLOCK  # an mbarrier on 16 bytes, and the buffer
SCHEDULES = [Schedule(kind, seed=seed) for kind in KINDS for seed in range(3)]
NEIGHBOUR = {"bulk_fetch": 1, "bulk_fetch_polled": 1, "bulk_fetch_by_proxy": 1, "copies_own_words": 32}


@pytest.mark.parametrize("kernel", NEIGHBOUR)
def test_copy_that_was_waited_for_has_landed(kernel):
    for schedule in SCHEDULES:
        found = run("async", kernel, grid=3, shared_words=SHARED_WORDS, schedule=schedule)
        assert found.tolist() == [i % BLOCK ^ NEIGHBOUR[kernel] for i in range(3 * BLOCK)], schedule


MISTAKES = {
    "reads_before_landing": {"race"},
    "writes_while_in_flight": {"race"},
    "copies_without_waiting": {"race", "unwritten-read"},
    "waits_for_the_phase_after": {"deadlock"},
    "expects_too_much": {"deadlock"},
    "exits_in_flight": {"copy-in-flight", None},  # under some schedules it has landed by then
    "fetches_beyond_input": {"out-of-bounds"},
    "arrives_uninitialised": {"barrier-mismatch"},
}


@pytest.mark.parametrize("kernel", MISTAKES)
def test_mistake_with_a_copy_is_named(kernel):
    kinds = {
        kind_of_failure("async", kernel, shared_words=SHARED_WORDS, schedule=schedule)
        for schedule in SCHEDULES
    }
    assert kinds <= MISTAKES[kernel]
    assert kinds != {None}
