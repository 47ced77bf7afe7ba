"""The first stage of a chunk that does not fit registers: it is read once, above a bound from a sample.

1. The k-th column of the row has some rank in a sample of the row. The bin at a rank somewhat further down is
   a guess of a lower bound.
2. Columns below the bound are dropped. The others, the survivors, join a list.
3. Before the list can overflow, its new columns are counted, the bound rises to the threshold bin of what has
   been read, and the list drops the columns below the new bound.
4. If the list overflows all the same, it is given up: the kernel reads the chunk again and counts all of it.
5. If fewer than k columns of the row lie at or above the guess, the row is streamed again without one.

Source: our own. Selection by a sample's order statistics is from Floyd and Rivest, "Expected time bounds for
selection" (Communications of the ACM, 1975). There a sample gives two bounds, and what lies between is kept.
Here it gives the lower one only, and what has been read gives another: the threshold bin of radix.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from . import radix
from .policy import MAX_K, MOST_SHARED, QUAD, Policy

SAMPLE_BLOCK = 16  # columns that lie side by side in a sample: 64 bytes
GOLDEN_RATIO = 0x9E3779B1  # times 2^32
MARGIN = 32  # columns, see at_most()


@dataclass(frozen=True)
class Bound:
    """The lower bound of a stream: it lists columns whose coarse bin is `bin` or higher.

    has_room: whether the list is expected to hold them all.
    """

    bin: int
    has_room: bool


NO_BOUND = Bound(0, False)


def sample(length: int, columns: int, policy: Policy) -> Tensor:
    """The columns of a chunk that are its sample: int64 [n], in quads.

    length: columns of this chunk. columns: columns of a full chunk of the row; only the last chunks are
    shorter, and have smaller samples. policy: the size of a sample.

    The chunk is divided into equal parts, each with one block of the sample, since neighbouring scores are
    similar. The block's place differs from part to part, since scores may be periodic. Source: the multiples
    of the golden ratio (Weyl's sequence).
    """
    parts = policy.sample // SAMPLE_BLOCK
    part = torch.arange(parts + 1, device="cpu")
    begins = part * (columns // SAMPLE_BLOCK) // parts
    within = begins.diff() * (part[:-1] * GOLDEN_RATIO & 0xFFFFFFFF) >> 32
    starts = (begins[:-1] + within) * SAMPLE_BLOCK
    quads = (starts[:, None] + torch.arange(0, SAMPLE_BLOCK, QUAD, device="cpu")).flatten()
    quads = quads[quads + QUAD <= length]
    return (quads[:, None] + torch.arange(QUAD, device="cpu")).flatten()


def at_most(expected: int) -> int:
    """A number of columns that is hardly ever exceeded if `expected` columns are expected.

    For independent columns the margin is more than five standard deviations.
    """
    return expected + expected // 4 + MARGIN


def rank_in_samples(k: int, columns: int, policy: Policy) -> int:
    """The rank, in the samples of a row, whose bin is the guess of a bound for the row's k-th column.

    k: that of the call. columns: columns of a full chunk. policy: the size of a sample.
    """
    return min(k, at_most(k * policy.sample // columns))


def bound_of_samples(chunks: Sequence[Tensor], counters: int, k: int, policy: Policy) -> Bound:
    """The bound that the samples of the row's chunks give.

    chunks: integers [n] each, the chunks' coarse bins. counters: number of bins. k: that of the
    call. policy: the sizes of sample and list. Returns NO_BOUND if the first sample has too few columns.
    """
    columns = chunks[0].numel()
    rank = rank_in_samples(k, columns, policy)
    if rank > policy.sample:
        return NO_BOUND
    samples = [chunk[sample(chunk.numel(), columns, policy).to(chunk.device)] for chunk in chunks]
    counts = radix.merge([radix.histogram(bins, counters) for bins in samples])
    bin, above, count = radix.threshold_bin(counts, rank)
    listed = at_most(above + count) * -(-columns // policy.sample)
    return Bound(bin, listed <= policy.survivors)


def stream_row(chunks: Sequence[Tensor], counters: int, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The row's histogram, int64 [counters], exact from its threshold bin upwards.

    chunks: integers [n] each, the chunks' coarse bins. counters: number of bins. k: that of the
    call. policy: the sizes of sample, tile and list. record: TRACE_DTYPE [ctas], written. CTAs that share
    a row exchange counts of at most MOST_SHARED a bin.
    """

    def streamed(bound: Bound) -> Tensor:
        parts = [
            stream(chunk, counters, k, bound, policy, record[cta : cta + 1])
            for cta, chunk in enumerate(chunks)
        ]
        if len(chunks) > 1:
            parts = [counts.clamp(max=MOST_SHARED) for counts in parts]
        return radix.merge(parts)

    bound = bound_of_samples(chunks, counters, k, policy)
    counts = streamed(bound)
    if radix.threshold_bin(counts, k)[0] < bound.bin:
        record["restarted"] = True
        counts = streamed(NO_BOUND)
    return counts


def stream(bins: Tensor, counters: int, k: int, bound: Bound, policy: Policy, record: np.ndarray) -> Tensor:
    """The chunk's histogram, int64 [counters], exact from its threshold bin or the bound's bin upwards.

    bins: the chunk's coarse bins, integers [n]. counters: number of bins. k: that of the call.
    bound: that of the samples. policy: the sizes of tile and list. record: TRACE_DTYPE [1]; its fields
    listed, survivors and updates are written.

    Columns that are not listed are counted in bin 0, up to MAX_K of them, so that the counts reach k.
    """
    counts = torch.zeros(counters, dtype=torch.int64, device=bins.device)
    lowest, listed = bound.bin, bins[:0]
    counted = updates = 0
    room = None if bound.has_room else 1  # tiles; None: always
    for first in range(0, bins.numel(), policy.tile):
        tile = bins[first : first + policy.tile]
        seen = first + tile.numel()
        listed = torch.cat([listed, tile[tile >= lowest]])
        if room is None:
            continue
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
            lowest, _, _ = radix.threshold_bin(counts, k)
            listed = listed[listed >= lowest]
            counted, updates = listed.numel(), updates + 1
            room = tiles_with_room(counted, seen, policy)
    complete = listed.numel() <= policy.survivors
    record["listed"], record["survivors"], record["updates"] = complete, listed.numel(), updates
    exact = radix.histogram(bins, counters)
    if not complete:
        return exact
    counts += radix.histogram(listed[counted:], counters)
    assert counts[lowest:].equal(exact[lowest:]), "a column above the bound was lost"
    counts[0] += min(bins.numel() - listed.numel(), MAX_K)
    return counts


def tiles_with_room(length: int, seen: int, policy: Policy) -> int:
    """How many more tiles may be read before the list could overflow: at most as many as were read.

    The next tiles are expected to add as many columns each as those before, and some more by chance. length:
    columns on the list. seen: columns read so far. policy: the sizes of tile and list.
    """
    tiles = max(1, seen // policy.tile)
    expected = length // tiles
    return min(tiles, int((policy.survivors - length) / (expected + expected // 4 + 1)))
