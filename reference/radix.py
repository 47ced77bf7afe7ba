"""The stages that the decode, medium and large paths share: histogram, threshold bin, digit passes,
gather, rank, emit.

Source: most-significant-digit radix select (Alabi et al., "Fast k-selection algorithms for graphics
processing units", JEA 2012), whose first digit is the coarse binary16 bin. The other digits divide
the key interval that is left. A path passes its row as a list of chunks, one for each CTA; the counts of the
chunks are added up. Each stage writes its part of the trace `record`, a TRACE_DTYPE array [ctas]: a scalar
assigned to a field goes to every CTA, an array gives each CTA its own value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .order import GREATEST_KEY, bin_floor_key
from .policy import DIGIT_BITS, DIGITS, MOST_SHARED, Policy
from .trace import ALL_TAKEN


@dataclass(frozen=True)
class Interval:
    """An interval of keys, low to high inclusive, that holds the row's k-th key.

    above: number of the row's keys greater than `high`. count: number of its keys inside. wanted: how many of
    those inside are selected, 1 .. count. passes: number of digit passes so far.
    """

    low: int
    high: int
    above: int
    count: int
    wanted: int
    passes: int = 0

    @property
    def settled(self) -> bool:
        """Whether the cut is known: every key inside is selected, or all of them are equal."""
        return self.count == self.wanted or self.low == self.high

    @property
    def shift(self) -> int:
        """Number of bits below the digit, so that the 256 values of the digit span the interval."""
        return max(0, (self.high - self.low).bit_length() - DIGIT_BITS)

    def contains(self, keys: Tensor) -> Tensor:
        """Which of `keys` (int64, any shape) lie inside: bool of the same shape."""
        return (keys >= self.low) & (keys <= self.high)


@dataclass(frozen=True)
class Cut:
    """The selection: keys above `threshold`, and the `ties` lowest columns of those equal to it.

    If ties is ALL_TAKEN, every key >= threshold is selected; the threshold then need not occur in the row.
    """

    threshold: int
    ties: int


def histogram(bins: Tensor, counters: int) -> Tensor:
    """How often each of 0 .. counters-1 occurs: int64 [counters].

    bins: integers [n].
    """
    return torch.bincount(bins, minlength=counters)


def merge(histograms: Sequence[Tensor]) -> Tensor:
    """The row's histogram, int64 [counters], from those of its chunks.

    histograms: int64 [counters] each.
    """
    return torch.stack(list(histograms)).sum(dim=0)


def threshold_bin(counts: Tensor, wanted: int) -> tuple[int, int, int]:
    """The bin that holds the `wanted`-th element from the top, with the counts above it and in it.

    counts: int64 [counters], `wanted` or more in all.
    """
    at_or_above = counts.flip(0).cumsum(0).flip(0)
    bin = int((at_or_above >= wanted).sum()) - 1
    count = int(counts[bin])
    return bin, int(at_or_above[bin]) - count, count


def coarse(counts: Tensor, k: int, record: np.ndarray) -> Interval:
    """The interval of keys of the coarse bin that holds the k-th key of the row.

    counts: int64 [bins], the row's, a power of two of bins. record: TRACE_DTYPE [ctas], written.
    """
    bins = counts.numel()
    bits = bins.bit_length() - 1
    bin, above, count = threshold_bin(counts, k)
    record["bins"], record["bin"], record["above"], record["count"] = bins, bin, above, count
    record["histogram"][:, bin:bins] = counts[bin:].cpu().numpy()
    high = GREATEST_KEY if bin == bins - 1 else bin_floor_key(bin + 1, bits) - 1
    return Interval(bin_floor_key(bin, bits), high, above, count, k - above)


def digit_histogram(keys: Tensor, interval: Interval) -> Tensor:
    """Counts of the digits of those keys that lie in the interval: int64 [256].

    keys: int64 [n].
    """
    inside = keys[interval.contains(keys)]
    return histogram((inside - interval.low) >> interval.shift, DIGITS)


def digit_pass(interval: Interval, counts: Tensor, over_row: bool, record: np.ndarray) -> Interval:
    """The interval narrowed to the digit that holds the k-th key.

    counts: int64 [256] of digits, merged over the CTAs. over_row: whether the row itself was
    counted, not the buffer; for the record. record: TRACE_DTYPE [ctas], written.
    """
    digit, greater, count = threshold_bin(counts, interval.wanted)
    low = interval.low + (digit << interval.shift)
    narrowed = Interval(
        low=low,
        high=min(interval.high, low + (1 << interval.shift) - 1),
        above=interval.above + greater,
        count=count,
        wanted=interval.wanted - greater,
        passes=interval.passes + 1,
    )
    step = record["pass"][:, interval.passes]
    step["over_row"] = over_row
    step["low"], step["shift"], step["digit"] = interval.low, interval.shift, digit
    step["above"], step["count"] = narrowed.above, narrowed.count
    step["histogram"] = counts.cpu().numpy()
    record["passes"] = narrowed.passes
    return narrowed


def spill(chunks: Sequence[Tensor], interval: Interval, candidates: int, record: np.ndarray) -> Interval:
    """The interval after digit passes over the row itself, until its keys fit the candidate buffer.

    chunks: int64 keys [n] of each CTA. interval: the coarse one. candidates: capacity of the buffer.
    record: TRACE_DTYPE [ctas], written.
    """
    record["spilled"] = not interval.settled and interval.count > candidates
    while not interval.settled and interval.count > candidates:
        counts = merge([digit_histogram(keys, interval) for keys in chunks])
        interval = digit_pass(interval, counts, True, record)
    record["chunk_above"] = [int((keys > interval.high).sum()) for keys in chunks]
    record["chunk_count"] = [min(int(interval.contains(keys).sum()), MOST_SHARED) for keys in chunks]
    return interval


def gather(chunks: Sequence[Tensor], interval: Interval) -> Tensor:
    """The row's keys in the interval, in column order: int64 [count].

    chunks: int64 keys [n] of each CTA.
    """
    return torch.cat([keys[interval.contains(keys)] for keys in chunks])


def rank(candidates: Tensor, wanted: int) -> Cut:
    """The cut at the `wanted`-th greatest of the candidates, by comparing each with all.

    candidates: int64 keys [count], `wanted` or more of them.
    """
    greater = (candidates[None, :] > candidates[:, None]).sum(dim=1)
    at_least = (candidates[None, :] >= candidates[:, None]).sum(dim=1)
    place = int(((greater < wanted) & (at_least >= wanted)).nonzero()[0])
    ties = wanted - int(greater[place])
    equal = int(at_least[place] - greater[place])
    return Cut(int(candidates[place]), ALL_TAKEN if ties == equal else ties)


def settle(interval: Interval) -> Cut:
    """The cut of a settled interval."""
    return Cut(interval.low, ALL_TAKEN if interval.count == interval.wanted else interval.wanted)


def refine(chunks: Sequence[Tensor], interval: Interval, policy: Policy, record: np.ndarray) -> Cut:
    """From the coarse interval to the cut: spill if needed, gather, digit passes, rank.

    chunks: int64 keys [n] of each CTA. policy: size of the buffer, and most candidates to rank.
    record: TRACE_DTYPE [ctas], written.
    """
    interval = spill(chunks, interval, policy.candidates, record)
    cut = None
    if not interval.settled:
        candidates = gather(chunks, interval)
        record["gathered"] = candidates.numel()
        while not interval.settled and interval.count > policy.rank_max:
            counts = digit_histogram(candidates, interval)
            interval = digit_pass(interval, counts, False, record)
        if not interval.settled:
            record["ranked"] = True
            cut = rank(candidates[interval.contains(candidates)], interval.wanted)
    cut = cut or settle(interval)
    record["threshold"], record["ties"] = cut.threshold, cut.ties
    return cut


def emit(keys: Tensor, begin: int, cut: Cut, equal_before: int = 0) -> Tensor:
    """The columns that `cut` selects of a chunk, ascending: int64 [selected].

    keys: int64 [n], the chunk's, which starts at column `begin`. equal_before: how many keys of
    the earlier chunks equal the threshold; these use up ties.
    """
    if cut.ties == ALL_TAKEN:
        selected = keys >= cut.threshold
    else:
        equal = keys == cut.threshold
        place = equal_before + equal.cumsum(0) - equal.to(torch.int64)
        selected = (keys > cut.threshold) | (equal & (place < cut.ties))
    return begin + selected.nonzero().squeeze(1)
