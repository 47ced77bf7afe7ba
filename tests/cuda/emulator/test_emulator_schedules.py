"""Schedules and the judge of races: what depends on order is found, and found again by the same seed."""

from __future__ import annotations

import pytest
from emulator_harness import kind_of_failure, run
from hypothesis import given
from hypothesis import strategies as st

from persistent_topk.cuda.emulated import EmulationError, Schedule
from persistent_topk.cuda.emulator.library import KINDS

SEEDS = range(40)

schedules = st.builds(
    Schedule,
    st.sampled_from(KINDS),
    seed=st.integers(0, 2**63),
    depth=st.integers(1, 5),
    steps=st.integers(1, 10**6),
    resident=st.integers(0, 9),
)


@given(schedules)
def test_schedule_is_read_as_it_was_written(schedule):
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    "text", ["", "fifo", "pct:depth", "pct:depth=-1", "pct:colour=3", "random:seed=x", "pct:depth=0"]
)
def test_schedule_that_cannot_be_read_is_refused(text):
    with pytest.raises(ValueError, match="schedule"):
        Schedule.parse(text)


def order_of_warps(schedule, kernel="tickets", **shape):
    return run("ordering", kernel, block=256, schedule=schedule, **shape).reshape(-1, 32)[:, 0].tolist()


@pytest.mark.parametrize("kind", ["random", "pct", "starve"])
def test_same_seed_gives_same_order_and_others_give_others(kind):
    orders = [order_of_warps(Schedule(kind, seed=seed)) for seed in SEEDS]
    assert orders == [order_of_warps(Schedule(kind, seed=seed)) for seed in SEEDS]
    assert len({tuple(order) for order in orders}) >= 8  # the warps there are to starve
    assert all(sorted(order) == list(range(8)) for order in orders)


def test_fixed_orders():
    assert order_of_warps(Schedule("round_robin")) == list(range(8))
    assert order_of_warps(Schedule("reverse")) == list(range(8))[::-1]


@pytest.mark.parametrize("kind", ["random", "pct", "starve"])
def test_ctas_start_late_and_overlap(kind):
    first = {
        tuple(order_of_warps(Schedule(kind, seed=seed, resident=3), "cta_tickets", grid=5)[::8])
        for seed in SEEDS
    }
    assert len(first) > len(SEEDS) // 4


def test_pct_finds_an_overtaking_that_round_robin_misses():
    run("ordering", "flag_before_message", schedule=Schedule("round_robin"))
    run("ordering", "flag_before_message", schedule=Schedule("reverse"))
    found = {
        kind_of_failure(
            "ordering", "flag_before_message", schedule=Schedule("pct", seed=seed, depth=2, steps=64)
        )
        for seed in range(200)
    }
    assert found == {None, "assertion"}


RACES = [
    "lanes_read_after_vote",
    "replaced_without_barrier",
    "counts_and_reads_at_once",
    "same_slot_twice",
]
ORDERED = [
    "writes_then_others_read",
    "lanes_read_after_syncwarp",
    "replaced_after_barrier",
    "counts_then_reads",
    "bytes_of_one_word",
    "spins_until_released",
]
EVERY_KIND = [Schedule(kind, seed=1) for kind in KINDS]


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
@pytest.mark.parametrize("kernel", RACES)
def test_race_is_found_under_every_schedule(kernel, schedule):
    with pytest.raises(EmulationError) as caught:
        run("ordering", kernel, schedule=schedule)
    assert caught.value.kind == "race"
    assert "nothing orders the two" in str(caught.value)
    assert str(caught.value).count("ordering.cpp:") >= 2  # both places are named


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
def test_read_beside_the_write_is_a_race_or_unwritten(schedule):
    with pytest.raises(EmulationError) as caught:
        run("ordering", "writes_then_others_read_at_once", schedule=schedule)
    assert caught.value.kind in ("race", "unwritten-read")


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
@pytest.mark.parametrize("kernel", ORDERED)
def test_ordered_accesses_are_no_race(kernel, schedule):
    run("ordering", kernel, schedule=schedule)


def test_races_are_not_looked_for_when_the_judge_is_off():
    run("ordering", "same_slot_twice", judges=False)


HANDED_OVER = ["hands_over_with_fences", "signals_after_barrier"]
LOST = [
    "hands_over_without_first_fence",
    "hands_over_without_second_fence",
    "hands_over_with_block_fence",
    "signals_too_early",
]


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
@pytest.mark.parametrize("kernel", HANDED_OVER)
def test_fences_and_releases_hand_data_over(kernel, schedule):
    got = run("ordering", kernel, grid=2, cooperative=True, schedule=schedule)
    assert got[64] == 5


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
@pytest.mark.parametrize("kernel", LOST)
def test_missing_or_too_narrow_fence_is_a_race(kernel, schedule):
    with pytest.raises(EmulationError) as caught:
        run("ordering", kernel, grid=2, cooperative=True, schedule=schedule)
    assert caught.value.kind == "race"


def test_waiting_for_a_cta_that_is_not_resident_is_a_deadlock():
    with pytest.raises(EmulationError) as caught:
        run("ordering", "waits_for_last_cta", grid=4, schedule=Schedule(resident=1))
    assert caught.value.kind == "deadlock"
    assert "CTA 0: thread 0: spinning on" in str(caught.value)
    run("ordering", "waits_for_last_cta", grid=4, schedule=Schedule(resident=2))


@pytest.mark.parametrize("schedule", EVERY_KIND, ids=str)
def test_grid_barrier_of_a_cooperative_launch(schedule):
    assert set(run("ordering", "grid_wide_sum", grid=4, cooperative=True, schedule=schedule)) == {
        0 + 1 + 2 + 3
    }
