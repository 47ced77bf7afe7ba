"""Whether an answer keeps a promise: an answer's slots against the oracle's, row by row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...reference import oracle
from ...reference.policy import MAX_K
from ..cases.case import Case
from ..cases.values import ordered_keys

NAN_KEY = 0xFFFFFFFF
ZERO_KEY = 0x80000000
NEGATIVE_ZERO = 0x80000000
EMPTY = -1  # stands for "no key" among int64 keys


class Expected:
    """What the contract says of a case. All arrays are [rows] or [rows, k], keys as int64."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.n = case.clamped
        self.wanted = np.minimum(self.n, case.k)
        bits = case.bits()
        self.keys = ordered_keys(bits).astype(np.int64)
        self.columns = oracle.topk(case.logits, case.lengths, min(case.k, MAX_K)).numpy().astype(np.int64)
        self.selected = np.where(self.columns >= 0, _gather(self.keys, self.columns), EMPTY)
        self._bits = bits
        inside = np.arange(case.columns)[None, :] < self.n[:, None]
        self.has_nan = ((self.keys == NAN_KEY) & inside).any(axis=1)
        # The k-th key, and whether more keys equal it than are taken.
        self.threshold = np.where(self.selected >= 0, self.selected, np.int64(1) << 40).min(
            axis=1, initial=1 << 40
        )
        equal = ((self.keys == self.threshold[:, None]) & inside).sum(axis=1)
        taken = (self.selected == self.threshold[:, None]).sum(axis=1)
        self.tie_is_cut = (equal > taken) & (self.wanted > 0)
        self._inside = inside

    @cached_property
    def both_zeros_cut(self) -> np.ndarray:
        """Rows that cut a tie between zeros of both signs."""
        zeros = (self.keys == ZERO_KEY) & self._inside
        negative = (zeros & (self._bits == NEGATIVE_ZERO)).any(axis=1)
        positive = (zeros & (self._bits != NEGATIVE_ZERO)).any(axis=1)
        return self.tie_is_cut & (self.threshold == ZERO_KEY) & negative & positive


def _gather(keys: np.ndarray, columns: np.ndarray) -> np.ndarray:
    if keys.shape[1] == 0:
        return np.full(columns.shape, EMPTY, np.int64)
    return np.take_along_axis(keys, np.clip(columns, 0, keys.shape[1] - 1), axis=1)


@dataclass(frozen=True)
class Verdict:
    """applies, holds: bool [rows]; a promise is judged only on rows that can break it."""

    applies: np.ndarray
    holds: np.ndarray

    @property
    def broken(self) -> np.ndarray:
        return np.flatnonzero(self.applies & ~self.holds)


class Slots:
    """An answer's slots beside the contract's. indices: int64 [rows, k]; padding: the target's own."""

    def __init__(
        self, expected: Expected, indices: np.ndarray, padding: int = -1, claims: frozenset[str] = frozenset()
    ) -> None:
        self.expected = expected
        self.indices = indices
        self.padding = padding
        self.nan_is_ordered = "nan-first" in claims
        place = np.arange(indices.shape[1])[None, :]
        self.leading = place < expected.wanted[:, None]
        self.valid = (indices >= 0) & (indices < expected.n[:, None])

    @cached_property
    def unique(self) -> np.ndarray:
        ordered = np.sort(np.where(self.leading, self.indices, -1 - np.arange(self.indices.shape[1])), axis=1)
        return (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)

    @cached_property
    def columns(self) -> np.ndarray:
        """The valid columns among the first min(k, n) slots, in order, behind -1 for the rest."""
        return np.sort(np.where(self.valid & self.leading, self.indices, -1), axis=1)

    @cached_property
    def same_columns(self) -> np.ndarray:
        return (self.columns == np.sort(self.expected.columns, axis=1)).all(axis=1)

    @cached_property
    def same_keys(self) -> np.ndarray:
        keys = np.where(self.valid & self.leading, _gather(self.expected.keys, self.indices), EMPTY)
        return (np.sort(keys, axis=1) == np.sort(self.expected.selected, axis=1)).all(axis=1)


Judge = Callable[[Slots], Verdict]


def _everywhere(slots: Slots) -> np.ndarray:
    return np.ones(len(slots.expected.n), bool)


def exact_set(slots: Slots) -> Verdict:
    """Rows with NaN count where the target claims to order NaN."""
    return Verdict(~slots.expected.has_nan | slots.nan_is_ordered, slots.same_keys)


def nan_first(slots: Slots) -> Verdict:
    """Rows with NaN among their first n columns."""
    return Verdict(slots.expected.has_nan, slots.same_keys)


def in_range_unique(slots: Slots) -> Verdict:
    """The leading slots are distinct columns under n."""
    in_range = (slots.valid | ~slots.leading).all(axis=1)
    return Verdict(slots.expected.wanted > 0, in_range & slots.unique)


def padding(slots: Slots) -> Verdict:
    """The slots behind min(k, n), and no others, hold the padding value."""
    is_padding = slots.indices == slots.padding
    holds = (is_padding == ~slots.leading).all(axis=1)
    return Verdict(slots.expected.wanted < slots.indices.shape[1], holds)


def lowest_column_ties(slots: Slots) -> Verdict:
    """Judged where the values are right, and not where it is in doubt whether they are equal: zeros of both
    signs, and NaN, which differ in their bits, to a target that does not claim to order NaN."""
    expected = slots.expected
    doubtful = expected.both_zeros_cut | ((expected.threshold == NAN_KEY) & ~np.bool_(slots.nan_is_ordered))
    applies = expected.tie_is_cut & slots.same_keys & ~doubtful
    return Verdict(applies, slots.same_columns)


def signed_zero_tie(slots: Slots) -> Verdict:
    """Rows that cut a tie between zeros of both signs."""
    return Verdict(slots.expected.both_zeros_cut, slots.same_columns)


def ascending_order(slots: Slots) -> Verdict:
    """The leading slots rise."""
    both = slots.leading[:, 1:] & slots.valid[:, 1:] & slots.valid[:, :-1]
    rises = (np.diff(slots.indices, axis=1) > 0) | ~both
    fewest = min(2, slots.indices.shape[1])  # for k = 1 a single column is all that there is to order
    return Verdict(slots.expected.wanted >= fewest, rises.all(axis=1))


def same_answer(slots: Slots) -> Verdict:
    """Bit for bit the contract's answer."""
    return Verdict(_everywhere(slots), (slots.indices == slots.expected.columns).all(axis=1))


# The promises that one answer alone can break.
JUDGES: dict[str, Judge] = {
    "in-range-unique": in_range_unique,
    "padding": padding,
    "exact-set": exact_set,
    "nan-first": nan_first,
    "lowest-column-ties": lowest_column_ties,
    "signed-zero-tie": signed_zero_tie,
    "ascending-order": ascending_order,
}


def is_correct_selection(slots: Slots) -> np.ndarray:
    """bool [rows]: whether each row's answer is one that the claim `set` allows: any tie, any order."""
    verdicts = [judge(slots) for judge in (in_range_unique, padding, exact_set)]
    return np.logical_and.reduce([verdict.holds | ~verdict.applies for verdict in verdicts])
