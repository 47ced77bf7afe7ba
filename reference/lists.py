"""Lists of selected columns, as ranks send them: taken from a shard, merged in the order of columns, packed.

Source: the merge is that of sorted lists, written as one sort, since nothing here is timed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from . import dispatch
from .arguments import PADDING

LAST = 2**31 - 1  # behind every column

Select = Callable[[Tensor, Tensor, int], Tensor]  # (logits, lengths, k) -> indices, by the contract
Merge = Callable[[Tensor, Tensor, int], Tensor]  # (values, columns, k) -> columns: see merge()


def values_at(shard: Tensor, columns: Tensor) -> Tensor:
    """The bits of the shard's logits at the columns, int32 [R, k]; 0 where there is none.

    shard: float32 [R, width]. columns: int32 [R, k], -1 for none.
    """
    if shard.shape[1] == 0:
        return torch.zeros_like(columns)
    bits = shard.view(torch.int32).gather(1, columns.clamp(min=0).long())
    return bits.masked_fill(columns < 0, 0)


def merge(values: Tensor, columns: Tensor, k: int, select: Select = dispatch.topk) -> Tensor:
    """The first k columns of the ranks' lists, int32 [R, k], ascending, then -1.

    values: float32 [W, R, k], of W ranks. columns: int32 [W, R, k], numbers in the whole row, -1 for a slot
    without one. select: the selection; it breaks ties by place, so the lists are put in the order of columns
    before.
    """
    listed = columns.movedim(0, 1).flatten(1)
    ordered, places = listed.masked_fill(listed < 0, LAST).sort(dim=1)
    row_values = values.movedim(0, 1).flatten(1).gather(1, places)
    counts = (listed >= 0).sum(dim=1).to(torch.int32)
    selected = select(row_values, counts, k)
    return ordered.gather(1, selected.clamp(min=0).long()).masked_fill(selected < 0, PADDING)


def packed(columns: Tensor) -> Tensor:
    """Columns moved to the front in their order, then -1: int32 of the same shape.

    columns: int32 [R, k], -1 for a slot without one.
    """
    behind = (columns < 0).to(torch.int32).sort(dim=1, stable=True).indices
    return columns.gather(1, behind)
