"""The merge of ranks' lists on a GPU, against the oracle."""

from __future__ import annotations

import pytest
import torch
from rank_lists import BLOCKS, CONTENTS, Lists, wide_lists

from persistent_topk.distributed.calls import merge_for


def merged(lists: Lists, pairs: torch.Tensor) -> torch.Tensor:
    chosen = merge_for(lists.layout, lists.k, pairs.device)
    return chosen(pairs[:, 0].view(torch.float32), pairs[:, 1], lists.k)


@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize(("ranks", "k"), [(1, 40), (3, 101), (8, 2048), (8, 512), (4, 4096), (64, 256)])
def test_the_kernel_merges(ranks: int, k: int, block: int | None, contents: str) -> None:
    lists = wide_lists(ranks, k, block, contents)
    assert torch.equal(lists.expected, merged(lists, lists.as_sent().cuda()).cpu())


def test_lists_over_the_room_of_a_cta_are_merged_all_the_same() -> None:
    lists = wide_lists(8, 4096, 1, "few values")
    assert torch.equal(lists.expected, merged(lists, lists.as_sent().cuda()).cpu())


def test_a_graph_holds_a_merge() -> None:
    first, second = wide_lists(8, 512, 1, "scores"), wide_lists(8, 512, 1, "ties")
    pairs = first.as_sent().cuda()
    merged(first, pairs)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        answer = merged(first, pairs)
    for lists in (second, first):
        pairs.copy_(lists.as_sent())
        graph.replay()
        assert torch.equal(lists.expected, answer.cpu())
