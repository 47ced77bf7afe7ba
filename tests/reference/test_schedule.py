"""The schedule: every row is taken once, by teams that fit, and long rows do not keep a device waiting."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from persistent_topk.reference.plan import H100, SMALL_DEVICE, Plan, chunk_bounds, make_plan, policy_of_teams
from persistent_topk.reference.policy import LATENCY, SHORT, SMALL
from persistent_topk.reference.schedule import LONG_ROW, Assignment, classes_of, schedule, team_ctas

KIBI = 1024
K = 2048
WIDTH = 1024 * KIBI
UNSHARED = LONG_ROW * LATENCY.chunk_min - 1  # longest row that no larger team takes


def assign(lengths: list[int], columns: int = WIDTH, k: int = K) -> tuple[Plan, list[Assignment]]:
    plan = make_plan(len(lengths), columns, H100)
    return plan, schedule(torch.tensor(lengths).clamp(0, columns), k, plan, H100)


def teams_of(taken: list[Assignment]) -> list[Assignment]:
    return [one for one in taken if one.begin >= 0]


one_length = st.one_of(
    st.integers(0, WIDTH),
    st.sampled_from([0, 1, K, K + 1, SHORT.decode_max, UNSHARED, UNSHARED + 1, WIDTH]),
    st.integers(13, 20).flatmap(lambda e: st.integers(-1, 1).map(lambda d: min(WIDTH, 2**e + d))),
    st.integers(13, 19).flatmap(lambda e: st.integers(-1, 1).map(lambda d: min(WIDTH, 3 * 2**e // 2 + d))),
)
lengths_of_a_call = st.lists(one_length, min_size=1, max_size=40).flatmap(
    lambda some: st.integers(1, 16).map(lambda times: some * times)
)


@settings(max_examples=400, deadline=None)
@given(lengths_of_a_call)
def test_teams_stand_side_by_side_in_their_grid_and_in_whole_parts_of_a_cluster(lengths: list[int]) -> None:
    plan, taken = assign(lengths)
    teams = sorted(teams_of(taken), key=lambda one: one.begin)
    place = 0
    for one in teams:
        assert one.begin == place and one.begin % one.ctas == 0, "side by side, and never over two clusters"
        assert plan.ctas < one.ctas <= one.policy.max_ctas
        place += one.ctas
    assert place <= plan.grid_ctas
    assert [one.ctas for one in teams] == sorted((one.ctas for one in teams), reverse=True)


@settings(max_examples=400, deadline=None)
@given(lengths_of_a_call)
def test_every_row_is_taken_by_the_launch_for_its_length(lengths: list[int]) -> None:
    plan, taken = assign(lengths)
    for length, one in zip(lengths, taken, strict=True):
        if length <= min(UNSHARED, K):
            assert one.begin < 0
        if one.begin >= 0:
            assert length > UNSHARED and one.policy is LATENCY
            bounds = chunk_bounds(length, one.ctas)
            assert bounds[0][0] == 0 and bounds[-1][1] == length
            assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))
        elif plan.short_max and length <= plan.short_max:
            assert (one.policy, one.ctas) == (SHORT, 1)
        else:
            assert (one.policy, one.ctas) == (plan.policy, plan.ctas)


@settings(max_examples=200, deadline=None)
@given(lengths_of_a_call, st.randoms(use_true_random=False))
def test_a_rows_team_does_not_depend_on_the_order_of_rows(lengths: list[int], random: object) -> None:
    order = list(range(len(lengths)))
    random.shuffle(order)  # type: ignore[attr-defined]
    _, taken = assign(lengths)
    _, shuffled = assign([lengths[row] for row in order])
    assert [taken[row].ctas for row in order] == [one.ctas for one in shuffled]


@settings(max_examples=200, deadline=None)
@given(lengths_of_a_call)
def test_a_longer_row_has_no_smaller_team(lengths: list[int]) -> None:
    _, taken = assign(lengths)
    rows = sorted(zip(lengths, (one.ctas for one in teams_of(taken) or taken), strict=False))
    if len(teams_of(taken)) == len(taken):
        assert [ctas for _, ctas in rows] == sorted(ctas for _, ctas in rows)


@settings(max_examples=200, deadline=None)
@given(lengths_of_a_call)
def test_teams_are_as_large_as_fit(lengths: list[int]) -> None:
    """A level lower, and they would not be resident together with the long rows that have none."""
    plan, taken = assign(lengths)
    if not plan.grid_ctas:
        return
    classes = classes_of(torch.tensor(lengths).clamp(0, WIDTH), K, policy_of_teams(plan.policy))
    long_rows = int((classes > 0).sum())
    for level in range(32):
        teams = team_ctas(classes, level, plan.ctas, LATENCY)
        alone = (long_rows - int((teams > 0).sum())) * plan.ctas
        crowded = long_rows * plan.ctas > H100.sms
        if int(teams.sum()) <= plan.grid_ctas and (crowded or int(teams.sum()) + alone <= H100.sms):
            assert teams[teams > 0].tolist() == [one.ctas for one in teams_of(taken)]
            return


@pytest.mark.parametrize(
    ("lengths", "teams"),
    [
        ([4 * KIBI] * 127 + [1024 * KIBI], [16]),
        ([8 * KIBI] * 127 + [256 * KIBI], [16]),
        ([8 * KIBI] * 252 + [128 * KIBI] * 4, [16] * 4),
        ([4 * KIBI] * 504 + [128 * KIBI] * 8, [8] * 8),
        ([8 * KIBI] * 512, []),
        ([32 * KIBI] * 512, []),
    ],
)
def test_calls_as_engines_make_them(lengths: list[int], teams: list[int]) -> None:
    _, taken = assign(lengths)
    assert [one.ctas for one in teams_of(taken)] == teams


def test_a_buffer_no_wider_than_what_the_plan_handles_has_one_launch() -> None:
    for rows in (1, 4, 32, 64, 128):
        assert len(make_plan(rows, 64 * KIBI, H100).launches) == 1
    assert list(make_plan(128, 64 * KIBI + 1, H100).launches.values()) == [LATENCY, LATENCY]
    assert len(make_plan(133, 64 * KIBI + 1, H100).launches) == 3


def test_a_row_of_at_most_k_columns_has_no_team() -> None:
    plan = make_plan(8, 4000, SMALL_DEVICE, SMALL)
    lengths = torch.tensor([100] * 7 + [4000])
    assert not teams_of(schedule(lengths, 4000, plan, SMALL_DEVICE))
    assert len(teams_of(schedule(lengths, 3999, plan, SMALL_DEVICE))) == 1
