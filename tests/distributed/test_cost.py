"""What a call will send is known from its shapes, and the way follows from it."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.distributed.cost import COSTS, Cost, cheaper, sent_by
from persistent_topk.reference import oracle, sharded
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.sharded import DIGITS, PAIRS, Sent

KIB = 1024
MOST_BYTES = 64 * KIB  # that leave a rank for a row where it asks for its own columns
LONGEST = (1 << 31) - 1


@pytest.mark.parametrize("way", [PAIRS, DIGITS])
@pytest.mark.parametrize("owned", [False, True])
@pytest.mark.parametrize("layout", [Layout((0, 30, 7)), Layout.deal(2500, 3, 1), Layout.deal(9, 2, 4)])
def test_it_is_what_the_trace_says(way: str, owned: bool, layout: Layout) -> None:
    trace: list[Sent] = []
    shards = layout.cut(torch.zeros(2, layout.columns))
    lengths = torch.tensor([layout.columns, 5], dtype=torch.int32)
    sharded.topk(
        shards, lengths, 4, block=layout.block, owned=owned, way=way, select=oracle.topk, trace=trace
    )
    for rank in range(layout.ranks):
        assert sent_by(way, layout, 2, 4, owned, rank) == [item for item in trace if item.rank == rank]


@pytest.mark.parametrize("ranks", [2, 3, 4, 8, 72])
@pytest.mark.parametrize("columns", [1, 5000, 1 << 20, 1 << 30, LONGEST])
@pytest.mark.parametrize("block", [None, 1, 64])
def test_a_rank_s_own_columns_cost_at_most_64_kib_a_row(ranks: int, columns: int, block: int | None) -> None:
    consecutive = Layout((columns, *[0] * (ranks - 1)))
    layout = consecutive if block is None else Layout.deal(columns, ranks, block)
    assert sum(sent.travelled(ranks) for sent in sent_by(DIGITS, layout, 1, 4096, True)) <= MOST_BYTES


def test_counts_are_cheaper_where_many_ranks_ask_for_their_own_of_many() -> None:
    many, few = Layout((4096,) * 8), Layout((4096,) * 2)
    assert DIGITS == cheaper(many, 64, 2048, True, "nccl")
    assert PAIRS == cheaper(few, 1, 64, False, "nccl")
    assert cheaper(many, 64, 2048, True, "of others") == cheaper(many, 64, 2048, True, "nccl")


def test_a_cost_adds_up_exchanges_and_bytes() -> None:
    sent = [Sent("a", sharded.GATHER, 0, 100), Sent("b", sharded.SUM, 0, 300)]
    assert 2 * 5 + 0.5 * (100 * 2 + 300 * 2 * 2 / 3) == pytest.approx(Cost(5, 0.5).of(sent, 3))
    assert {"gloo", "nccl"} == set(COSTS)
