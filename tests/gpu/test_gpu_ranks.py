"""Ranks on one GPU, side by side: both ways against the oracle, and one rank's launches in a graph."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.distributed.calls import protocol_of
from persistent_topk.reference import oracle, sharded
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.sharded import DIGITS, PAIRS, Exchange, side_by_side

COLUMNS = 20_000
LAYOUTS = {
    "uneven": Layout((5000, 0, 12_000, 3000)),
    "dealt singly": Layout.deal(COLUMNS, 4, 1),
    "dealt in blocks": Layout.deal(COLUMNS, 3, 64),
    "eight": Layout.deal(COLUMNS, 8, 1),
}


def call(contents: str) -> tuple[torch.Tensor, torch.Tensor]:
    logits = torch.randn(5, COLUMNS, generator=torch.Generator().manual_seed(1))
    if contents == "few values":
        logits = (2 * logits).round()
    lengths = torch.tensor([COLUMNS, COLUMNS - 1, 3000, 7, 0], dtype=torch.int32)
    return logits, lengths


@pytest.mark.parametrize("k", [64, 2048])
@pytest.mark.parametrize("contents", ["scores", "few values"])
@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("way", [PAIRS, DIGITS])
def test_ranks_have_the_bytes_of_one_process(way: str, name: str, contents: str, k: int) -> None:
    layout, (logits, lengths) = LAYOUTS[name], call(contents)
    expected = oracle.topk(logits, lengths, k)
    shards = [shard.cuda() for shard in layout.cut(logits)]
    own = sharded.topk(layout.cut(logits), lengths, k, block=layout.block, owned=True, select=oracle.topk)
    for owned in (False, True):
        given = lengths.cuda()
        ranks = [protocol_of(way, layout, w, shard, given, k, owned) for w, shard in enumerate(shards)]
        for rank, answer in enumerate(side_by_side(ranks, [])):
            assert torch.equal(own[rank] if owned else expected, answer.cpu())


@pytest.mark.parametrize("block", [None, 1])
@pytest.mark.parametrize("way", [PAIRS, DIGITS])
def test_a_graph_holds_a_rank_s_launches(way: str, block: int | None) -> None:
    """A rank that is alone is told what it said itself."""
    logits, lengths = call("few values")
    layout = Layout((COLUMNS,), block)
    shard, given = logits.cuda(), lengths.cuda()

    def answer() -> torch.Tensor:
        running = protocol_of(way, layout, 0, shard, given, 64, False)
        exchange: Exchange = next(running)
        while True:
            alone = exchange.tensor[None] if exchange.kind == sharded.GATHER else exchange.tensor
            try:
                exchange = running.send(alone)
            except StopIteration as end:
                return end.value

    answer()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        captured = answer()
    for shift in (0, 5):
        given.copy_((lengths - shift).clamp(min=0))
        graph.replay()
        assert torch.equal(oracle.topk(logits, given.cpu(), 64), captured.cpu())
