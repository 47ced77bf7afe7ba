"""Bug classes that were shipped in kernels of this family are found; their correct twins pass."""

from __future__ import annotations

import pytest
from emulator_harness import kind_of_failure, run

from persistent_topk.cuda.emulated import Schedule
from persistent_topk.cuda.emulator.library import KINDS

SCHEDULES = [Schedule(kind, seed=seed) for kind in KINDS for seed in range(3)]


def kinds_found(kernel, **shape):
    """The kinds of failure over all schedules; None where a launch ran through."""
    return [
        kind_of_failure("published", kernel, schedule=schedule, access_budget=10**6, **shape)
        for schedule in SCHEDULES
    ]


GRID = {"grid": 3, "cooperative": True}


@pytest.mark.parametrize("kernel", ["state_initialised_in_time", "counter_that_only_grows"])
def test_state_between_ctas_done_right_passes(kernel):
    assert set(kinds_found(kernel, **GRID)) == {None}


def test_state_used_while_it_is_initialised_is_a_race_whatever_the_schedule():
    assert set(kinds_found("state_initialised_while_used", **GRID)) == {"race"}


def test_counter_reset_under_spinners_is_a_deadlock_under_some_schedule():
    found = kinds_found("counter_reset_under_spinners", **GRID)
    assert "deadlock" in found
    assert set(found) <= {None, "deadlock"}


def test_ring_of_histograms_advanced_by_rows_is_read_stale():
    assert set(run("published", "ring_advanced_by_use")) == {64}
    assert set(run("published", "ring_advanced_by_row")) == {2 * 64}


def test_active_mask_is_not_the_set_that_takes_a_branch():
    assert set(run("published", "branch_by_ballot")) == {0, 20}
    failures = set(kinds_found("branch_by_active_mask"))
    assert "collective-mismatch" in failures
    assert failures <= {"collective-mismatch", "deadlock", None}
