"""Bug classes that were shipped in kernels of this family are found; their correct twins pass."""

from __future__ import annotations

import pytest
from emulator_harness import run

from persistent_topk.cuda.emulated import EmulationError, Schedule
from persistent_topk.cuda.emulator_library import KINDS

SCHEDULES = [Schedule(kind, seed=seed) for kind in KINDS for seed in range(3)]


def kinds_found(kernel, **shape):
    """The kinds of failure over all schedules; None where a launch ran through."""
    found = []
    for schedule in SCHEDULES:
        try:
            run("published", kernel, schedule=schedule, access_budget=10**6, **shape)
            found.append(None)
        except EmulationError as error:
            found.append(error.kind)
    return found


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


def test_ring_of_histograms_advanced_by_rows_is_stale_or_unwritten():
    assert set(run("published", "ring_advanced_by_use")) == {64}
    try:
        assert set(run("published", "ring_advanced_by_row")) != {64}
    except EmulationError as error:
        assert error.kind == "unwritten-read"


def test_active_mask_is_not_the_set_that_takes_a_branch():
    assert set(run("published", "branch_by_ballot")) == {0, 20}
    for schedule in SCHEDULES:
        try:
            assert set(run("published", "branch_by_active_mask", schedule=schedule)) != {0, 20}
        except EmulationError as error:
            assert error.kind in ("collective-mismatch", "deadlock")
