"""The large path: several CTAs share a row, and each counts, gathers and emits its own chunk.

The CTAs add up the histograms of all chunks, coarse and digit by digit, so all know the same interval. An
exclusive scan over the chunks' counts gives each CTA its place in the output.

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

    row: any dtype of logits, [n], n > k. policy: sizes and thresholds. record: TRACE_DTYPE [ctas]; its begin
    and end are the columns of each CTA, the other fields are written.
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
    """For each chunk, how many keys of earlier chunks are above the threshold, and how many equal it.

    chunks: int64 keys [n] of each CTA. cut: has the threshold.
    If all ties are taken, the first number counts both kinds and the second is 0.
    """
    above = [int((keys > cut.threshold).sum()) for keys in chunks]
    equal = [int((keys == cut.threshold).sum()) for keys in chunks]
    if cut.ties == ALL_TAKEN:
        above = [more + same for more, same in zip(above, equal, strict=True)]
        equal = [0] * len(chunks)
    return exclusive_scan(above), exclusive_scan(equal)


def exclusive_scan(counts: Sequence[int]) -> list[int]:
    """For each of `counts`, the sum of those before it."""
    return list(accumulate(counts, initial=0))[:-1]
