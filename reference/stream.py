"""The first stage of chunks that do not fit registers: one read, under a running threshold.

After the first tile the threshold bin of what was seen so far bounds the row's from below, since k columns
at or above it are known. What lies under it is dropped; the rest joins a list, and before that could
overflow, its new columns are counted, the bound is raised, and the list loses what the new bound excludes.
A list that overflows is given up, and the kernel counts and reads the chunk again.

Source: our own; the bound is the threshold bin of the radix select in radix.py, of the columns seen so far.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from . import radix
from .policy import Policy


def stream(bins: Tensor, counters: int, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The chunk's histogram, int64 [counters], exact from its threshold bin upwards.

    bins: the chunk's coarse bins, integers [n]. counters: how many bins there are. k: that of the call.
    policy: the sizes of a tile and of the list. record: TRACE_DTYPE [1], of which listed, survivors and
    updates are written.
    """
    bound = 0
    counts = radix.histogram(bins[: policy.tile], counters)
    tile = bins[: policy.tile]
    if tile.numel() >= k:
        bound, _, _ = radix.threshold_bin(counts, k)
    listed = tile[tile >= bound]
    counted, updates = listed.numel(), 0
    limit = longest_before_update(counted, tile.numel(), policy)
    for first in range(policy.tile, bins.numel(), policy.tile):
        tile = bins[first : first + policy.tile]
        seen = first + tile.numel()
        passed = tile[tile >= bound]
        listed = torch.cat([listed, passed])
        is_long = passed.numel() > 0 and listed.numel() > limit
        if not is_long or seen < k or seen == bins.numel():
            continue
        if listed.numel() > policy.survivors:
            break
        counts += radix.histogram(listed[counted:], counters)
        bound, _, _ = radix.threshold_bin(counts, k)
        listed = listed[listed >= bound]
        counted, updates = listed.numel(), updates + 1
        limit = longest_before_update(counted, seen, policy)
    complete = listed.numel() <= policy.survivors
    record["listed"], record["survivors"], record["updates"] = complete, listed.numel(), updates
    if complete:
        counts += radix.histogram(listed[counted:], counters)
        exact = radix.histogram(bins, counters)
        assert counts[bound:].equal(exact[bound:]), "a column over the bound was lost"
        return counts
    return radix.histogram(bins, counters)


def longest_before_update(counted: int, seen: int, policy: Policy) -> int:
    """The length of the list from which on a tile could overflow it, if columns go on as they came.

    counted: how many are on it. seen: columns read so far. policy: the sizes of a tile and of the list.
    """
    tiles = seen // policy.tile
    expected = counted // tiles if tiles > 0 else counted
    return policy.survivors - expected - expected // 4
