"""What the ranks of a call would send to be merged, and what the merge has to give."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch

from persistent_topk.reference import oracle
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.lists import values_at

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

    def as_sent(self) -> torch.Tensor:
        """What a gather leaves: int32 [W, 2, R, k], bits of values and columns."""
        return torch.stack([self.values.view(torch.int32), self.columns], dim=1)


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


def wide_lists(ranks: int, k: int, block: int | None, contents: str) -> Lists:
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
