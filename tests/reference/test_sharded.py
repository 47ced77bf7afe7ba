"""Two protocols over ranks, simulated in one process, against the oracle of the whole row."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recipes import recipes

from persistent_topk.reference import oracle, sharded
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.policy import MAX_K
from persistent_topk.reference.sharded import DIGITS, PAIRS, Sent

RANKS = (1, 2, 3, 4, 8)

topk = partial(sharded.topk, select=oracle.topk)


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    ranks = draw(st.sampled_from(RANKS))
    block = draw(st.sampled_from((None, 1, 2, 5, 64)))
    if block is None:
        return Layout(tuple(draw(st.lists(st.integers(0, 40), min_size=ranks, max_size=ranks))))
    return Layout.deal(draw(st.integers(0, 200)), ranks, block)


@st.composite
def calls(draw: st.DrawFn):  # type: ignore[no-untyped-def]
    layout = draw(layouts())
    rows = draw(st.integers(1, 3))
    logits = torch.stack([draw(recipes(20)).row(layout.columns) for _ in range(rows)])
    near = st.sampled_from((-1, 0, 1, layout.columns, layout.columns + 1, layout.columns // 2, 2**31 - 1))
    lengths = draw(st.lists(near | st.integers(0, 200), min_size=rows, max_size=rows))
    return layout, logits, torch.tensor(lengths, dtype=torch.int32), draw(st.integers(1, 70))


def owned(layout: Layout, rank: int, whole: torch.Tensor) -> torch.Tensor:
    """What the rank holds of the selected columns, by a loop."""
    answer = torch.full_like(whole, -1)
    for row, columns in enumerate(whole.tolist()):
        held = [int(layout.in_shard(rank, torch.tensor([c], dtype=torch.int32))) for c in columns if c >= 0]
        own = sorted(c for c in held if c >= 0)
        answer[row, : len(own)] = torch.tensor(own, dtype=torch.int32)
    return answer


@given(calls(), st.sampled_from((PAIRS, DIGITS)))
def test_every_rank_has_the_bytes_of_one_process(call, way: str) -> None:  # type: ignore[no-untyped-def]
    layout, logits, lengths, k = call
    expected = oracle.topk(logits, lengths, k)
    shards = layout.cut(logits)
    for answer in topk(shards, lengths, k, block=layout.block, way=way):
        assert answer.dtype == torch.int32 and torch.equal(expected, answer)
    own = topk(shards, lengths, k, block=layout.block, way=way, owned=True)
    for rank, answer in enumerate(own):
        assert torch.equal(owned(layout, rank, expected), answer)


@pytest.mark.parametrize("way", [PAIRS, DIGITS])
@pytest.mark.parametrize("block", [None, 1, 3])
@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_ties_astride_shards_go_to_the_lowest_columns(way: str, block: int | None, value: float) -> None:
    logits = torch.full((1, 24), value)
    layout = Layout((9, 0, 15)) if block is None else Layout.deal(24, 3, block)
    lengths = torch.tensor([23], dtype=torch.int32)
    answers = topk(layout.cut(logits), lengths, 10, block=block, way=way)
    assert [list(range(10))] * 3 == [answer[0].tolist() for answer in answers]


@pytest.mark.parametrize("block", [None, 1])
@pytest.mark.parametrize("rows", [1, 3])
def test_the_trace_counts_what_each_rank_sends(block: int | None, rows: int) -> None:
    columns, k, ranks = 3000, 100, 4
    layout = Layout((3000, 0, 0, 0)) if block is None else Layout.deal(columns, ranks, block)
    logits = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0))
    lengths = torch.full((rows,), columns, dtype=torch.int32)
    sent: dict[tuple[str, bool], int] = {}
    for way in (PAIRS, DIGITS):
        for own in (False, True):
            trace: list[Sent] = []
            topk(layout.cut(logits), lengths, k, block=block, way=way, owned=own, trace=trace)
            by_rank = Counter(dict.fromkeys(range(ranks), 0))
            for item in trace:
                by_rank[item.rank] += item.bytes
            assert len(set(by_rank.values())) == 1
            sent[way, own] = by_rank[0]
    of_values = sum(4 << bits for bits in (11, 11, 10))
    of_ties = 4 if block is None else sum(4 << bits for bits in (6, 6))
    assert rows * 8 * k == sent[PAIRS, False] == sent[PAIRS, True]
    assert rows * (of_values + of_ties) == sent[DIGITS, True]
    assert rows * 4 * k == sent[DIGITS, False] - sent[DIGITS, True]


def test_one_rank_costs_no_travel() -> None:
    trace: list[Sent] = []
    topk([torch.randn(2, 50)], torch.tensor([50, 3], dtype=torch.int32), 5, trace=trace)
    assert 0 == sum(item.travelled(1) for item in trace)


def test_the_model_of_the_kernel_selects_on_a_rank_as_the_oracle_does() -> None:
    logits = torch.randn(2, 600, generator=torch.Generator().manual_seed(3))
    lengths = torch.tensor([600, 311], dtype=torch.int32)
    expected = oracle.topk(logits, lengths, 40)
    shards = Layout.deal(600, 3, 16).cut(logits)
    for way in (PAIRS, DIGITS):
        for answer in sharded.topk(shards, lengths, 40, block=16, way=way):
            assert torch.equal(expected, answer)


@given(layouts())
def test_a_layout_numbers_every_column_once(layout: Layout) -> None:
    numbers = []
    for rank, width in enumerate(layout.widths):
        held = torch.arange(width, dtype=torch.int32)
        whole = layout.in_row(rank, held)
        assert torch.equal(whole, whole.sort().values), "a shard's columns ascend in the row too"
        assert torch.equal(held, layout.in_shard(rank, whole))
        for other in range(layout.ranks):
            assert other == rank or (layout.in_shard(other, whole) == -1).all()
        numbers += whole.tolist()
    assert list(range(layout.columns)) == sorted(numbers)


@given(layouts(), st.integers(-3, 210))
def test_a_layout_says_how_many_columns_of_a_length_each_rank_has(layout: Layout, length: int) -> None:
    lengths = torch.tensor([length], dtype=torch.int32)
    for rank, width in enumerate(layout.widths):
        whole = layout.in_row(rank, torch.arange(width, dtype=torch.int32))
        assert int((whole < length).sum()) == int(layout.lengths_of(rank, lengths))


@given(layouts())
def test_shards_join_to_the_row_that_they_were_cut_from(layout: Layout) -> None:
    logits = torch.arange(2 * layout.columns, dtype=torch.float32).view(2, -1)
    assert torch.equal(logits, layout.join(layout.cut(logits)))


def test_what_cannot_be_right_is_named() -> None:
    shard, lengths = torch.zeros(1, 4), torch.zeros(1, dtype=torch.int32)
    with pytest.raises(ValueError, match="way is 'union'; expected one of pairs, digits"):
        sharded.topk([shard], lengths, 1, way="union")
    with pytest.raises(ValueError, match="shards is empty"):
        sharded.topk([], lengths, 1)
    with pytest.raises(ValueError, match=f"k is 0; expected 1 to {MAX_K}"):
        sharded.topk([shard], lengths, 0)
    with pytest.raises(ValueError, match="block is 0"):
        Layout((4, 4), 0)
    with pytest.raises(ValueError, match=r"widths is \(6, 6\); expected \(8, 4\)"):
        Layout((6, 6), 4)
    with pytest.raises(ValueError, match="widths is"):
        Layout((2**30, 2**30))
