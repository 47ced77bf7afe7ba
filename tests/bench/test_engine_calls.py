"""Calls as engines make them: their lengths, and what the bench makes of times."""

from __future__ import annotations

import pytest

from persistent_topk.bench.engine_bench import CallTimes, merge, table_of
from persistent_topk.bench.engine_calls import (
    AGENT_CONTEXTS,
    CALLS,
    agents,
    causal,
    log_uniform,
    mix,
    queries,
)
from persistent_topk.verify.reporting.plain import plain_lines

KIBI = 1024


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_rows_fit_their_buffer(call) -> None:  # type: ignore[no-untyped-def]
    assert 0 < min(call.lengths) and call.longest <= call.columns
    assert sum(call.lengths) <= call.equal_length * len(call.lengths) < sum(call.lengths) + len(call.lengths)


def test_names_are_those_of_no_other_call() -> None:
    assert len({call.name for call in CALLS}) == len(CALLS)


def test_lengths_of_a_mix_are_shuffled_alike_in_every_run() -> None:
    call = mix(1024 * KIBI, (127, 4 * KIBI), (1, 1024 * KIBI))
    assert call.name == "127 x 4K + 1024K in 1024K" and sorted(call.lengths)[-2:] == [4 * KIBI, 1024 * KIBI]
    assert call == mix(1024 * KIBI, (127, 4 * KIBI), (1, 1024 * KIBI))


def test_log_uniform_lengths_have_as_many_rows_in_each_octave() -> None:
    lengths = log_uniform(70, KIBI, 128 * KIBI)
    octaves = [sum(KIBI << o <= n < KIBI << o + 1 for n in lengths) for o in range(7)]
    assert octaves == [10] * 7


def test_agents_have_the_stated_shares() -> None:
    lengths = agents(1000)
    for share, shortest, longest in AGENT_CONTEXTS:
        found = sum(shortest * KIBI < n <= longest * KIBI for n in lengths)
        assert found == pytest.approx(1000 * share, abs=2)


def test_queries_and_prefill_rows_are_causal() -> None:
    ends = queries(2, 3, 4 * KIBI, 8 * KIBI)
    assert [ends[1] - ends[0], ends[2] - ends[1]] == [1, 1]
    assert causal(3, 10).lengths == (8, 9, 10)


def test_figures_are_medians_and_a_wrong_row_has_no_time() -> None:
    call = mix(128 * KIBI, (1, 8 * KIBI))
    times = [CallTimes(5, warm, 4, 2, 0) for warm in (6.0, 8.0, 6.6)]
    merged = merge(call, times)
    assert (merged["warm"], merged["ratio"]) == (6.6, pytest.approx(1.65))
    assert merged["spread"] == pytest.approx(1 / 3)
    assert "1.65" in plain_lines(table_of([merged]))[-1]
    wrong = merge(call, [CallTimes(5, 6, 4, 2, 3)])
    assert "3 WRONG ROWS" in plain_lines(table_of([wrong]))[-1]
