"""What a trace must say of a row, worked out anew from the row's keys by counting.

Shares the value order with the model and nothing else: counts come from comparisons of all keys, the
expected answer from sorting.
"""

from __future__ import annotations

import numpy as np
import torch

from persistent_topk.reference.order import GREATEST_KEY, bin_floor_key, fp16_bin, ordered_key
from persistent_topk.reference.policy import DIGITS, Policy
from persistent_topk.reference.trace import ALL_TAKEN, DECODE, LARGE, MEDIUM

TEAM_FIELDS = ("path", "ctas", "bins", "bin", "above", "count", "spilled", "gathered", "ranked", "passes")
TEAM_FIELDS += ("threshold", "ties", "histogram", "pass")

Interval = tuple[int, int]  # lowest and highest key


def check_record(row: torch.Tensor, k: int, policy: Policy, records: np.ndarray) -> None:
    """Assert all that `records` [ctas of the row] say of float32 `row` [n > k]."""
    first = records[0]
    for field in TEAM_FIELDS:
        assert all(np.array_equal(first[field], other[field]) for other in records[1:]), field
    keys = ordered_key(row).numpy()
    intervals = check_passes(keys, k, check_coarse(row, keys, k, policy, first), policy, first)
    check_cut(keys, k, intervals, policy, first)
    row_passes = int(first["pass"]["over_row"].sum())
    check_chunks(keys, intervals[row_passes], records)


def check_coarse(row: torch.Tensor, keys: np.ndarray, k: int, policy: Policy, record: np.void) -> Interval:
    """The coarse stage; returns the keys of the bin."""
    path_bits = {DECODE: policy.decode_bin_bits, MEDIUM: policy.medium_bin_bits, LARGE: policy.large_bin_bits}
    alone = record["path"] == LARGE and record["ctas"] == 1  # goes the medium way
    bits = path_bits[MEDIUM if alone else int(record["path"])]
    bins = fp16_bin(row, bits).numpy()
    bin = int(record["bin"])
    assert record["bins"] == 1 << bits
    counters = np.bincount(bins, minlength=1 << bits)
    assert np.array_equal(record["histogram"][bin : 1 << bits], counters[bin:])
    assert not record["histogram"][:bin].any() and not record["histogram"][1 << bits :].any()
    assert record["above"] == (bins > bin).sum() < k <= (bins >= bin).sum()
    assert record["count"] == (bins == bin).sum()
    last = bin == (1 << bits) - 1
    interval = bin_floor_key(bin, bits), GREATEST_KEY if last else bin_floor_key(bin + 1, bits) - 1
    assert count_inside(keys, interval) == record["count"], "the interval is not the bin's"
    return interval


def count_inside(keys: np.ndarray, interval: Interval) -> int:
    return int(((interval[0] <= keys) & (keys <= interval[1])).sum())


def is_settled(keys: np.ndarray, k: int, interval: Interval) -> bool:
    return interval[0] == interval[1] or (keys >= interval[0]).sum() == k


def check_passes(
    keys: np.ndarray, k: int, coarse: Interval, policy: Policy, record: np.void
) -> list[Interval]:
    """Every digit pass; returns the coarse interval and those that the passes left."""
    over_capacity = record["count"] > policy.candidates
    assert record["spilled"] == (over_capacity and not is_settled(keys, k, coarse))
    intervals = [coarse]
    for step in record["pass"][: record["passes"]]:
        low, high = intervals[-1]
        assert not is_settled(keys, k, intervals[-1]), "a pass over a settled interval"
        assert step["over_row"] == (count_inside(keys, intervals[-1]) > policy.candidates)
        shift, digit = int(step["shift"]), int(step["digit"])
        assert step["low"] == low and (high - low) >> shift < DIGITS, "digits do not span the interval"
        assert shift == 0 or (high - low) >> (shift - 1) >= DIGITS, "a pass resolves less than it could"
        digits = (keys[(low <= keys) & (keys <= high)] - low) >> shift
        assert np.array_equal(step["histogram"], np.bincount(digits, minlength=DIGITS))
        low += digit << shift
        high = min(high, low + (1 << shift) - 1)
        intervals.append((low, high))
        assert step["above"] == (keys > high).sum() < k <= (keys >= low).sum()
        assert step["count"] == count_inside(keys, intervals[-1])
    assert not record["pass"][record["passes"] :].tobytes().strip(b"\0")
    return intervals


def check_cut(keys: np.ndarray, k: int, intervals: list[Interval], policy: Policy, record: np.void) -> None:
    """How the intervals became candidates, a threshold and a number of ties."""
    of_row = intervals[int(record["pass"]["over_row"].sum())]
    candidates = 0 if is_settled(keys, k, of_row) else count_inside(keys, of_row)
    assert record["gathered"] == candidates <= policy.candidates
    settled = is_settled(keys, k, intervals[-1])
    assert record["ranked"] == (candidates > 0 and not settled)
    threshold, ties = int(record["threshold"]), int(record["ties"])
    if record["ranked"]:
        assert count_inside(keys, intervals[-1]) <= policy.rank_max
        assert threshold == np.sort(keys)[-k]
    else:
        assert is_settled(keys, k, intervals[-1]) and threshold == intervals[-1][0]
    if ties == ALL_TAKEN:
        assert (keys >= threshold).sum() == k
    else:
        assert 0 < ties < (keys == threshold).sum() and (keys > threshold).sum() + ties == k


def check_chunks(keys: np.ndarray, of_row: Interval, records: np.ndarray) -> None:
    """Each CTA's bounds and counts, and where its part of the output begins."""
    threshold, ties = int(records[0]["threshold"]), int(records[0]["ties"])
    begin = 0
    for cta, record in enumerate(records):
        assert (record["cta"], record["begin"]) == (cta, begin)
        own, before = keys[begin : record["end"]], keys[:begin]
        assert record["chunk_above"] == (own > of_row[1]).sum()
        assert record["chunk_count"] == count_inside(own, of_row)
        above, equal = (before > threshold).sum(), (before == threshold).sum()
        if ties == ALL_TAKEN:
            above, equal = above + equal, 0
        else:
            equal = min(equal, ties)
        assert (record["offset"], record["tie_offset"]) == (above, equal)
        begin = int(record["end"])
    assert begin == len(keys)
