"""Whether a timed output is right, row by row, on the GPU and without sorting the row.

A selection is the contract's if and only if its columns ascend, there are min(k, n) of them, every key above
the least selected key is selected, and the selected ones equal to it are the lowest columns that hold it.
That is checked from the row's counts alone, so that half a gigabyte of logits is judged in milliseconds.
Other kernels are held to what all of them promise: the greatest values, in any order, any of equal ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ..reference.order import ordered_key

SLAB_ELEMENTS = 1 << 26  # logits judged at a time: bounds the memory of the masks
Judge = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, int], torch.Tensor]


def wrong_rows(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> int:
    """Number of rows of `output` [R, >= k] that are not the contract's answer, order included."""
    return count_wrong(right_rows, logits, lengths, output, k)


def wrong_sets(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> int:
    """Number of rows of `output` [R, >= k] whose first min(k, n) slots are not the greatest values."""
    return count_wrong(right_sets, logits, lengths, output, k)


def count_wrong(
    judge: Judge, logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int
) -> int:
    """Rows that `judge` finds wrong, a slab of rows at a time."""
    rows, columns = logits.shape
    slab = max(1, SLAB_ELEMENTS // columns)
    wrong = 0
    for first in range(0, rows, slab):
        part = slice(first, min(first + slab, rows))
        wrong += int((~judge(logits[part], lengths[part], output[part], k)).sum())
    return wrong


@dataclass
class Selection:
    """An output as the judges see it. wanted: min(k, n) [R, 1]. used: slots below it [R, k]. index: columns,
    clamped to the row. keys: of all columns, -1 from the length on. selected: the keys at `index`, the
    greatest number in unused slots. threshold: the least of them [R, 1]. complete: [R], in range, and every
    key above the threshold accounted for."""

    wanted: torch.Tensor
    used: torch.Tensor
    index: torch.Tensor
    keys: torch.Tensor
    selected: torch.Tensor
    threshold: torch.Tensor
    complete: torch.Tensor


def read(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> Selection:
    """What the rows of `output` select."""
    columns = logits.shape[1]
    length = lengths.clamp(0, columns).long()[:, None]
    wanted = length.clamp(max=k)
    used = torch.arange(k, device=logits.device)[None, :] < wanted
    index = output[:, :k].long()
    in_range = ((index >= 0) & (index < length)).logical_or(~used).all(1)
    index = index.clamp(0, max(columns - 1, 0))
    keys = ordered_key(logits).long()
    keys.masked_fill_(torch.arange(columns, device=logits.device)[None, :] >= length, -1)
    selected = keys.gather(1, index).masked_fill(~used, torch.iinfo(torch.int64).max)
    threshold = selected.amin(1, keepdim=True)
    accounted = (keys > threshold).sum(1) + (selected == threshold).sum(1) == wanted[:, 0]
    complete = in_range & accounted.logical_or(wanted[:, 0] == 0)
    return Selection(wanted, used, index, keys, selected, threshold, complete)


def right_rows(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> torch.Tensor:
    """Bool [R]: the row's whole output is exactly the contract's."""
    found = read(logits, lengths, output, k)
    padded = (output == -1).logical_or(found.used).all(1)
    ascending = (output[:, 1:] > output[:, :-1]).logical_or(~found.used[:, 1:]).all(1)
    ties = found.selected == found.threshold
    last_equal = found.index.masked_fill(~ties, -1).amax(1, keepdim=True)
    up_to_last = torch.arange(logits.shape[1], device=logits.device)[None, :] <= last_equal
    lowest = ((found.keys == found.threshold) & up_to_last).sum(1) == ties.sum(1)
    return padded & ascending & found.complete & lowest.logical_or(found.wanted[:, 0] == 0)


def right_sets(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> torch.Tensor:
    """Bool [R]: the first min(k, n) slots hold distinct columns with the greatest values."""
    found = read(logits, lengths, output, k)
    # Unused slots become distinct numbers beyond every column.
    slots = torch.arange(k, device=logits.device)[None, :]
    ordered = torch.where(found.used, found.index, logits.shape[1] + slots).sort(dim=1).values
    return found.complete & (ordered[:, 1:] > ordered[:, :-1]).all(1)
