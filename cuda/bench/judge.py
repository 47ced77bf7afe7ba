"""Whether a timed output is the contract's, row by row, on the GPU and without sorting.

A selection is right if and only if its columns ascend, there are min(k, n) of them, every key above the
least selected key is selected, and the selected ones equal to it are the lowest columns that hold it.
That is checked from the row's counts alone, so that half a gigabyte of logits is judged in milliseconds.
"""

from __future__ import annotations

import torch

from ...reference.order import ordered_key

SLAB_ELEMENTS = 1 << 26  # logits judged at a time: bounds the memory of the masks


def wrong_rows(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> int:
    """Number of rows of `output` [R, >= k] that are not the contract's answer, order included."""
    rows, columns = logits.shape
    slab = max(1, SLAB_ELEMENTS // columns)
    wrong = 0
    for first in range(0, rows, slab):
        part = slice(first, min(first + slab, rows))
        wrong += int((~right_rows(logits[part], lengths[part], output[part], k)).sum())
    return wrong


def right_rows(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> torch.Tensor:
    """Bool [R]: the row's whole output is exactly the contract's."""
    columns = logits.shape[1]
    length = lengths.clamp(0, columns).long()[:, None]
    wanted = length.clamp(max=k)
    slots = torch.arange(k, device=logits.device)[None, :]
    used = slots < wanted
    right = (output == -1).logical_or(used).all(1)

    index = output.long()
    in_range = ((index >= 0) & (index < length)).logical_or(~used).all(1)
    ascending = (index[:, 1:] > index[:, :-1]).logical_or(~used[:, 1:]).all(1)
    index = index.clamp(0, max(columns - 1, 0))

    keys = ordered_key(logits).long()
    keys.masked_fill_(torch.arange(columns, device=logits.device)[None, :] >= length, -1)
    greatest = torch.iinfo(torch.int64).max
    selected = keys.gather(1, index).masked_fill(~used, greatest)
    threshold = selected.amin(1, keepdim=True)
    above = (keys > threshold).sum(1)
    equal_selected = (selected == threshold).sum(1)
    everything_above = above + equal_selected == wanted[:, 0]

    last_equal = index.masked_fill(selected != threshold, -1).amax(1, keepdim=True)
    up_to_last = torch.arange(columns, device=logits.device)[None, :] <= last_equal
    lowest_ties = ((keys == threshold) & up_to_last).sum(1) == equal_selected
    return right & in_range & ascending & (everything_above & lowest_ties).logical_or(wanted[:, 0] == 0)
