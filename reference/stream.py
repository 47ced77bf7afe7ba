"""The first stage of chunks that do not fit registers: one read, under a running threshold.

The threshold bin of a sample, the chunk's first columns or those of all chunks of the row, bounds the row's
from below, since k columns at or above it are known. What lies under it is dropped; the rest joins a list.
Before that could overflow, its new columns are counted, the bound is raised, and the list loses what the new
bound excludes. A list that overflows is given up, and the kernel counts and reads the chunk again.

Source: our own; the bound is the threshold bin of the radix select in radix.py, of the columns seen so far.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from . import radix
from .policy import Policy


def bound_of_samples(chunks: Sequence[Tensor], counters: int, k: int, policy: Policy) -> int:
    """The bin that bounds the row's threshold bin from below, by the first columns of each chunk.

    chunks: integers [n] each, the chunks' coarse bins. counters: how many bins there are. k: that of the
    call. policy: the size of a sample. 0, no bound, where the first chunk's sample has fewer than k columns.
    """
    if min(chunks[0].numel(), policy.sample) < k:
        return 0
    counts = radix.merge([radix.histogram(chunk[: policy.sample], counters) for chunk in chunks])
    return radix.threshold_bin(counts, k)[0]


def stream(bins: Tensor, counters: int, k: int, bound: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The chunk's histogram, int64 [counters], exact from its threshold bin upwards.

    bins: the chunk's coarse bins, integers [n]. counters: how many bins there are. k: that of the call.
    bound: that of the samples. policy: the sizes of sample, tile and list. record: TRACE_DTYPE [1], of which
    listed, survivors and updates are written.
    """
    sample = bins[: policy.sample]
    counts = radix.histogram(sample, counters)
    listed = sample[sample >= bound]
    counted, updates = listed.numel(), 0
    room = tiles_with_room(counted, sample.numel(), policy)
    for first in range(policy.sample, bins.numel(), policy.tile):
        tile = bins[first : first + policy.tile]
        seen = first + tile.numel()
        listed = torch.cat([listed, tile[tile >= bound]])
        room -= 1
        if room > 0 or seen == bins.numel():
            continue
        room = tiles_with_room(listed.numel(), seen, policy)
        if room > 0:
            continue
        if listed.numel() > policy.survivors:
            break
        if listed.numel() >= k:
            counts += radix.histogram(listed[counted:], counters)
            bound, _, _ = radix.threshold_bin(counts, k)
            listed = listed[listed >= bound]
            counted, updates = listed.numel(), updates + 1
            room = tiles_with_room(counted, seen, policy)
    complete = listed.numel() <= policy.survivors
    record["listed"], record["survivors"], record["updates"] = complete, listed.numel(), updates
    if complete:
        counts += radix.histogram(listed[counted:], counters)
        exact = radix.histogram(bins, counters)
        assert counts[bound:].equal(exact[bound:]), "a column over the bound was lost"
        return counts
    return radix.histogram(bins, counters)


def tiles_with_room(length: int, seen: int, policy: Policy) -> int:
    """How many more tiles a list has room for, if columns go on as they came, and some more by chance.

    length: how many columns are on it. seen: columns read so far. policy: the sizes of tile and list.
    """
    expected = length // max(1, seen // policy.tile)
    return (policy.survivors - length) // (expected + expected // 4 + 1)
