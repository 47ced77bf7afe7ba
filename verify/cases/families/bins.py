"""Threshold bins filled to the key, and plateaus of equal values at the k-th place."""

from __future__ import annotations

import numpy as np

from ..boundaries import BIN_BOUNDARIES, bin_boundary, row_boundary
from ..case import Case, lay_out
from ..values import CONTENTS, NEGATIVE, bit_of, bits_of
from .family import Setting, family

PATHS = ("decode", "held", "medium", "large")
# All of these keep a row's threshold bin within [1.0, 1.0145], one bin of 8, 11 and 12 bits.
BIN_CONTENTS = ("one-fine-bin", "last-bit", "equal-one", "bit-ramp")
APART = 100_000  # codes: another digit of the same bin
REMAINDERS = ("one", "half", "all-but-one", "all")
PLATEAUS = ("one", "zero", "both-zeros", "inf", "-inf", "nan", "subnormal", "mask", "huge")


def path_length(path: str, setting: Setting) -> int:
    """A length well inside of a path's range under the setting's policy."""
    policy = setting.boundaries
    if path == "decode":
        return max(policy.decode_max - policy.decode_max // 8, min(setting.k + 1, policy.decode_max))
    if path == "held":  # the medium path in registers, as far as these hold more than decode's; else streamed
        longest = min(policy.held, policy.split_min)
        if longest <= policy.decode_max:  # where rows are shared there is no such path; where not, there is
            longest = policy.held
        return max((policy.decode_max + longest) // 2, policy.decode_max + 1)
    if path == "medium":  # streamed; where rows are shared it is large
        return (policy.held + policy.medium_max) // 2
    return policy.medium_max + policy.medium_max // 8 + 3


def in_bin(random: np.random.Generator, content: str, count: int) -> np.ndarray:
    if content == "equal-one":
        return np.full(count, bit_of(1.0), np.uint32)
    if content == "bit-ramp":
        return random.permutation(CONTENTS["bit-ramp"](random, count))
    return CONTENTS[content](random, count)


def taken_of(count: int, k: int, remainder: str) -> int:
    """How many of the threshold bin's `count` keys the k best include."""
    wanted = {"one": 1, "half": count // 2, "all-but-one": count - 1, "all": count}[remainder]
    return max(1, min(wanted, k, count))


def placed(
    random: np.random.Generator, n: int, greater: np.ndarray, middle: np.ndarray, place: str
) -> np.ndarray:
    """A row of n: `greater`, `middle`, and lesser values in the rest, with the middle spread over the
    row, or at its start or end (a late plateau is what a truncated buffer loses)."""
    row = bits_of(0.9 * random.random(n, np.float32) - 2.0)
    if len(middle) and middle[0] == bit_of(-np.inf):
        row[:] = middle[0]  # nothing is less
    columns = random.permutation(n)
    if place != "spread":
        columns = np.sort(columns[: len(greater) + len(middle)])
        first = np.arange(n) if place == "early" else np.arange(n)[::-1]
        columns = np.concatenate([first[len(middle) : len(middle) + len(greater)], first[: len(middle)]])
    row[columns[: len(greater)]] = greater
    row[columns[len(greater) : len(greater) + len(middle)]] = middle
    return row


@family(
    "full-bins",
    boundary=BIN_BOUNDARIES,
    delta=(0, 1, -1),
    path=PATHS,
    remainder=REMAINDERS,
    content=BIN_CONTENTS,
    place=("spread", "late", "early"),
)
def full_bins(
    random: np.random.Generator,
    setting: Setting,
    boundary: str,
    delta: int,
    path: str,
    remainder: str,
    content: str,
    place: str,
) -> Case:
    """The threshold bin holds exactly as many keys as a buffer, one less or one more."""
    n = path_length(path, setting)
    count = min(max(1, bin_boundary(boundary, setting.boundaries) + delta), n - 1)
    taken = taken_of(count, setting.k, remainder)
    above = min(setting.k - taken, n - count)
    greater = bits_of(2.0 + random.random(above, np.float32))
    return lay_out([placed(random, n, greater, in_bin(random, content, count), place)], **setting.call())


@family("digit-keeps-most", left_out=(1, 2), path=PATHS, place=("spread", "late"))
def digit_keeps_most(
    random: np.random.Generator, setting: Setting, left_out: int, path: str, place: str
) -> Case:
    """A digit pass over the candidates leaves all but one or two of them, as many as are ranked."""
    n, few = path_length(path, setting), setting.boundaries.rank_max
    codes = bit_of(1.0) + np.arange(few + left_out, dtype=np.uint32)
    codes[few:] += np.uint32(APART)
    above = max(0, min(setting.k - left_out - few // 2, n - len(codes)))
    greater = bits_of(2.0 + random.random(above, np.float32))
    return lay_out([placed(random, n, greater, random.permutation(codes), place)], **setting.call())


def plateau_bits(random: np.random.Generator, kind: str, count: int) -> np.ndarray:
    """`count` values that are equal in the contract's order."""
    if kind == "nan":
        return CONTENTS["all-nan"](random, count)
    if kind == "both-zeros":
        return random.integers(0, 2, count).astype(np.uint32) * np.uint32(NEGATIVE)
    value = {
        "one": 1.0,
        "zero": 0.0,
        "inf": np.inf,
        "-inf": -np.inf,
        "subnormal": 1e-40,
        "mask": -1e30,
        "huge": 70000.0,
    }[kind]
    return np.full(count, bit_of(value), np.uint32)


@family(
    "tie-plateaus",
    kind=PLATEAUS,
    boundary=("rank_max", "candidates", "k", "word"),
    delta=(0, 1, -1),
    remainder=REMAINDERS,
    path=PATHS,
    place=("spread", "late", "early"),
)
def tie_plateaus(
    random: np.random.Generator,
    setting: Setting,
    kind: str,
    boundary: str,
    delta: int,
    remainder: str,
    path: str,
    place: str,
) -> Case:
    """A plateau of equal values at the k-th place, of which one, half, all but one or all are taken."""
    n = path_length(path, setting)
    count = min(max(1, row_boundary(boundary, setting.boundaries, setting.k, 1) + delta), n - 1)
    taken = taken_of(count, setting.k, remainder)
    above = 0 if kind == "nan" else min(setting.k - taken, n - count)
    greater = bits_of(np.float32(1e5) + 100 * random.random(above, np.float32))
    row = placed(random, n, greater, plateau_bits(random, kind, count), place)
    _move_to_segments(row, greater, setting.boundaries.map)
    if kind == "inf":  # nothing but NaN is greater
        row[np.isin(row, greater)] = CONTENTS["all-nan"](random, int(np.isin(row, greater).sum()))
    if kind in ("mask", "huge"):  # keep the rest below
        row = _below(row, plateau_bits(random, kind, 1)[0], greater)
    return lay_out([row], **setting.call())


def _move_to_segments(row: np.ndarray, greater: np.ndarray, columns: int) -> None:
    """Moves greater values to the first column of each segment of a map but the first segment: taken for
    the segment before, it lies beyond what the map has room for."""
    starts = np.arange(columns, len(row), columns)
    for start, holder in zip(starts, np.flatnonzero(np.isin(row, greater)), strict=False):
        row[[start, holder]] = row[[holder, start]]


def _below(row: np.ndarray, plateau: np.uint32, greater: np.ndarray) -> np.ndarray:
    """`row` with its lesser values replaced by -inf, where the plateau is lower than they are."""
    keep = np.isin(row, greater) | (row == plateau)
    return np.where(keep, row, bits_of(-np.inf))
