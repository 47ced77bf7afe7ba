"""Rows that several CTAs share: each counts, gathers and emits its own chunk of the columns.

The chunks' histograms, coarse and digit by digit, are added up, so that all CTAs know the same interval; an
exclusive scan over their counts gives each its place in the output.

Source: the radix select of radix.py; places by prefix sums (Blelloch, "Prefix sums and their applications",
1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import torch
from torch import Tensor

from . import radix
from .order import fp16_bin, ordered_key
from .policy import Policy
from .stream import stream_row
from .trace import ALL_TAKEN


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The selected columns, ascending: int64 [k].

    row: float32 [n], n > k. policy: sizes and thresholds. record: TRACE_DTYPE [ctas]; its begin and end say
    which columns each CTA has; the rest of it is written.
    """
    bounds = list(zip(record["begin"].tolist(), record["end"].tolist(), strict=True))
    bits = policy.large_bin_bits
    counters = 1 << bits
    bins = [fp16_bin(row[begin:end], bits) for begin, end in bounds]
    if bins[0].numel() <= policy.register_columns:  # registers hold every chunk
        counts = radix.merge([radix.histogram(chunk, counters) for chunk in bins])
    else:
        counts = stream_row(bins, counters, k, policy, record)
    interval = radix.coarse(counts, k, record)
    chunks = [ordered_key(row[begin:end]) for begin, end in bounds]
    cut = radix.refine(chunks, interval, policy, record)

    offsets, tie_offsets = place_chunks(chunks, cut)
    record["offset"] = offsets
    record["tie_offset"] = [0 if cut.ties == ALL_TAKEN else min(equal, cut.ties) for equal in tie_offsets]
    columns = torch.full((k,), -1, device=row.device)
    for (begin, _), keys, offset, equal_before in zip(bounds, chunks, offsets, tie_offsets, strict=True):
        own = radix.emit(keys, begin, cut, equal_before)
        first = offset if cut.ties == ALL_TAKEN else offset + min(equal_before, cut.ties)
        columns[first : first + own.numel()] = own
    return columns


def place_chunks(chunks: Sequence[Tensor], cut: radix.Cut) -> tuple[list[int], list[int]]:
    """For each chunk the keys above the threshold of `cut`, and those equal to it, in the chunks before.

    chunks: int64 keys [n] of each CTA.
    With all ties taken nothing tells the two apart: the first counts both, the second is 0.
    """
    above = [int((keys > cut.threshold).sum()) for keys in chunks]
    equal = [int((keys == cut.threshold).sum()) for keys in chunks]
    if cut.ties == ALL_TAKEN:
        above = [more + same for more, same in zip(above, equal, strict=True)]
        equal = [0] * len(chunks)
    return exclusive_scan(above), exclusive_scan(equal)


def exclusive_scan(counts: Sequence[int]) -> list[int]:
    """The sum of the counts before each."""
    return list(accumulate(counts, initial=0))[:-1]
