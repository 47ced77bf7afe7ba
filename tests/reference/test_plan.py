"""The plan is what cuda/kernel/plan.cuh computes, and cuts rows as promised."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from layout import read_layout

from persistent_topk.reference.plan import (
    A100,
    H100,
    SMALL_DEVICE,
    DeviceLimits,
    choose_policy,
    chunk_bounds,
    make_plan,
)
from persistent_topk.reference.policy import (
    COMPACT,
    DENSE,
    LATENCY,
    MAX_CTAS,
    POLICIES,
    SHIPPED,
    SHORT,
    WARP_SIZE,
)

CHOOSE = -1  # kChoosePolicy
ROWS = (1, 2, 3, 4, 7, 8, 9, 16, 33, 66, 67, 131, 132, 133, 264, 1000, 100_000)
DEVICES = (H100, SMALL_DEVICE, A100, DeviceLimits(sms=1, cluster=1, shared_bytes=99 << 10))


def columns_of_interest() -> list[int]:
    """Both sides of every width at which a plan changes."""
    edges = {0, 1, 2**22, 2**31 - 1}
    for policy in POLICIES.values():
        edges |= {policy.tile, policy.decode_max, policy.medium_max, policy.split_min}
        edges |= {policy.chunk_min * ctas for ctas in (1, 2, 3, 4, 5, 8, 15, 16, 32)}
        edges |= {policy.chunk_max * ctas for ctas in (1, 2, 3, 4)}
    return sorted({max(0, edge + near) for edge in edges for near in (-1, 0, 1) if edge + near < 2**31})


def test_plans_equal_the_kernels(tmp_path: Path) -> None:
    names = list(POLICIES)
    calls = list(itertools.product(ROWS, columns_of_interest(), DEVICES, range(CHOOSE, len(names))))
    lines = [
        " ".join(map(str, (rows, columns, d.sms, d.shared_bytes, int(d.has_clusters), index, *d.resident)))
        for rows, columns, d, index in calls
    ]
    computed = read_layout(tmp_path, "\n".join(lines))["plans"]
    for (rows, columns, device, index), plan in zip(calls, computed, strict=True):
        policy = None if index == CHOOSE else POLICIES[names[index]]
        mirrored = make_plan(rows, columns, device, policy)
        index = names.index(mirrored.policy.name)
        expected = [index, mirrored.ctas, mirrored.grid_ctas, mirrored.short_max]
        assert plan == expected, (rows, columns, device)


@pytest.mark.parametrize("device", DEVICES)
def test_a_row_an_sm_takes_the_policy_of_the_shortest_path(device: DeviceLimits) -> None:
    short, roomy = LATENCY.decode_max, device.shared_bytes >= LATENCY.shared_bytes
    widest = LATENCY if roomy else COMPACT
    assert choose_policy(device.sms, short + 1, device) is widest
    assert choose_policy(device.sms + 1, short, device) is widest
    assert choose_policy(device.sms + 1, short + 1, device) is (DENSE if roomy else COMPACT)


@pytest.mark.parametrize("device", DEVICES)
def test_the_longest_short_rows_take_few_threads_where_more_than_half_of_the_sms_have_one(
    device: DeviceLimits,
) -> None:
    half, longest = device.sms // 2, SHORT.decode_max
    widest = LATENCY if device.shared_bytes >= LATENCY.shared_bytes else COMPACT
    assert all(choose_policy(rows, 4096, device) is SHORT for rows in (1, half, 100_000))
    for columns in (4097, longest):
        assert choose_policy(half, columns, device) is widest
        assert choose_policy(half + 1, columns, device) is SHORT
    assert choose_policy(half + 1, longest + 1, device) is not SHORT


@pytest.mark.parametrize("device", DEVICES)
def test_wide_rows_fit_the_shared_memory_of_their_device(device: DeviceLimits) -> None:
    for columns in (max(policy.decode_max for policy in SHIPPED) + 1, 2**22):
        assert choose_policy(1, columns, device).shared_bytes <= device.shared_bytes


def test_teams_without_clusters_may_use_every_sm() -> None:
    assert A100.resident[:4] == (108, 54, 36, 27)
    plan = make_plan(27, 2**20, A100)
    assert (plan.policy, plan.ctas) == (COMPACT, 4)
    assert H100.without_clusters().resident[MAX_CTAS - 1] == 132 // MAX_CTAS
    assert not H100.without_clusters().has_clusters


@given(st.integers(1, 500), st.integers(1, 2**22), st.sampled_from(DEVICES), st.sampled_from(list(POLICIES)))
def test_a_plan_fits_its_device(rows: int, columns: int, device: DeviceLimits, name: str) -> None:
    plan = make_plan(rows, columns, device, POLICIES[name])
    assert 1 <= plan.ctas <= plan.policy.max_ctas
    assert not device.has_clusters or plan.ctas <= device.cluster
    assert plan.ctas == 1 or rows <= device.resident[plan.ctas - 1], "every team must be resident"
    assert plan.ctas == 1 or rows * plan.ctas <= device.sms
    assert plan.ctas == 1 or columns >= plan.policy.chunk_min * plan.ctas


@given(st.integers(0, 2**22), st.integers(1, 16))
def test_chunks_cover_a_row_in_whole_ballot_words(length: int, ctas: int) -> None:
    bounds = chunk_bounds(length, ctas)
    assert len(bounds) == ctas and bounds[0][0] == 0 and bounds[-1][1] == length
    for (_, end), (begin, _) in itertools.pairwise(bounds):
        assert end == begin
        assert begin % WARP_SIZE == 0 or begin == length
    sizes = [end - begin for begin, end in bounds]
    assert sizes == sorted(sizes, reverse=True), "the last chunks take what is left"
