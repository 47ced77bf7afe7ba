"""The merge of ranks' lists: the kernel's source on the emulator, and on a GPU, against the oracle."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from gpu_calls import needs_gpu
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import recipes

from persistent_topk.cuda.emulator_library import KINDS, Schedule
from persistent_topk.cuda.sharded import emulated
from persistent_topk.distributed.calls import merge_for
from persistent_topk.reference import oracle
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.lists import merge, values_at
from persistent_topk.reference.policy import LATENCY, SMALL, TINY, Policy

SLOTS = {TINY: 128, SMALL: 512, LATENCY: 16384}  # pairs of a row that a CTA has room for
RANKS = (1, 2, 3, 4, 5, 8)
BLOCKS = (None, 1, 3)


@dataclass(frozen=True)
class Lists:
    """What the ranks of a call would send, and the answer."""

    layout: Layout
    values: torch.Tensor
    columns: torch.Tensor
    k: int
    expected: torch.Tensor

    @property
    def in_order(self) -> bool:
        return self.layout.block is None


def lists_of(layout: Layout, logits: torch.Tensor, lengths: torch.Tensor, k: int) -> Lists:
    shards = layout.cut(logits)
    local = [oracle.topk(shard, layout.lengths_of(w, lengths), k) for w, shard in enumerate(shards)]
    values = torch.stack([values_at(shard, own) for shard, own in zip(shards, local, strict=True)])
    columns = torch.stack([layout.in_row(w, own) for w, own in enumerate(local)])
    return Lists(layout, values.view(torch.float32), columns, k, oracle.topk(logits, lengths, k))


def layout_of(columns: int, ranks: int, block: int | None) -> Layout:
    if block is not None:
        return Layout.deal(columns, ranks, block)
    cuts = [columns * rank * rank // ranks**2 for rank in range(ranks + 1)]  # uneven
    return Layout(tuple(end - begin for begin, end in itertools.pairwise(cuts)))


@st.composite
def calls(draw: st.DrawFn, policy: Policy) -> Lists:
    ranks = draw(st.sampled_from(RANKS))
    k = draw(st.integers(1, SLOTS[policy] // ranks))
    columns = draw(st.integers(1, 3 * k * ranks))
    layout = layout_of(columns, ranks, draw(st.sampled_from(BLOCKS)))
    logits = torch.stack([draw(recipes()).row(columns) for _ in range(2)])
    lengths = torch.tensor([columns, draw(st.integers(0, columns))], dtype=torch.int32)
    return lists_of(layout, logits, lengths, k)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    return Schedule(draw(st.sampled_from(KINDS)), draw(st.integers(0, 999)))


@pytest.mark.parametrize("policy", [TINY, SMALL], ids=lambda policy: policy.name)
@given(data=st.data())
@settings(max_examples=100)
def test_the_source_merges_under_any_schedule(policy: Policy, data: st.DataObject) -> None:
    lists = data.draw(calls(policy))
    answer = emulated.merge(
        lists.values,
        lists.columns,
        lists.k,
        in_order=lists.in_order,
        policy=policy,
        schedule=data.draw(schedules()),
    )
    assert torch.equal(lists.expected, answer)


def some(ranks: int, k: int, block: int | None, contents: str) -> Lists:
    """Wide lists: of scores, of ties alone, of few values with ties at the k-th place."""
    generator = torch.Generator().manual_seed(ranks * k)
    logits = torch.randn(2, 3 * k * ranks, generator=generator)
    if contents == "ties":
        logits.zero_()
    elif contents == "few values":
        logits = (2 * logits).round()
    layout = layout_of(logits.shape[1], ranks, block)
    lengths = torch.tensor([logits.shape[1], k + k // 2], dtype=torch.int32)
    return lists_of(layout, logits, lengths, k)


CONTENTS = ("scores", "ties", "few values")


@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_shipped_policy_has_room_for_eight_lists_of_2048(block: int | None, contents: str) -> None:
    lists = some(8, 2048, block, contents)
    answer = emulated.merge(lists.values, lists.columns, 2048, in_order=lists.in_order, policy=LATENCY)
    assert torch.equal(lists.expected, answer)


def test_more_pairs_than_a_cta_holds_are_refused() -> None:
    lists = some(8, 65, 1, "scores")
    with pytest.raises(ValueError, match="values has 8 x 65 pairs a row; expected 512 at most"):
        emulated.merge(lists.values, lists.columns, 65)


@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_model_merges(block: int | None, contents: str) -> None:
    lists = some(4, 40, block, contents)
    assert torch.equal(lists.expected, merge(lists.values, lists.columns, 40))


class TestOnGpu:
    pytestmark = needs_gpu

    @pytest.mark.parametrize("contents", CONTENTS)
    @pytest.mark.parametrize("block", BLOCKS)
    @pytest.mark.parametrize(("ranks", "k"), [(1, 40), (3, 101), (8, 2048), (8, 512), (4, 4096), (64, 256)])
    def test_the_kernel_merges(self, ranks: int, k: int, block: int | None, contents: str) -> None:
        lists = some(ranks, k, block, contents)
        pairs = torch.stack([lists.values.view(torch.int32), lists.columns], dim=1).cuda()  # as ranks send
        answer = self.merged(lists, pairs)
        assert torch.equal(lists.expected, answer.cpu())

    @staticmethod
    def merged(lists: Lists, pairs: torch.Tensor) -> torch.Tensor:
        chosen = merge_for(lists.layout, lists.k, pairs.device)
        return chosen(pairs[:, 0].view(torch.float32), pairs[:, 1], lists.k)

    def test_lists_over_a_cta_s_room_are_merged_all_the_same(self) -> None:
        lists = some(8, 4096, 1, "few values")
        pairs = torch.stack([lists.values.view(torch.int32), lists.columns], dim=1).cuda()
        assert torch.equal(lists.expected, self.merged(lists, pairs).cpu())

    def test_a_graph_holds_a_merge(self) -> None:
        first, second = some(8, 512, 1, "scores"), some(8, 512, 1, "ties")
        pairs = torch.stack([first.values.view(torch.int32), first.columns], dim=1).cuda()
        self.merged(first, pairs)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            answer = self.merged(first, pairs)
        for lists in (second, first):
            pairs.copy_(torch.stack([lists.values.view(torch.int32), lists.columns], dim=1))
            graph.replay()
            assert torch.equal(lists.expected, answer.cpu())
