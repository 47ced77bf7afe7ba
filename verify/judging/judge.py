"""Whether an answer keeps a promise: the keys of its slots against the greatest keys of each row.

The contract by multisets, on the device of the logits: no row is sorted, and the oracle is not asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..cases.case import Case
from ..properties import TRANSLATION, VALUES_MATCH
from ..targets.target import is_poison
from .written import Written

MAGNITUDE = 0x7FFFFFFF  # all bits of a float32 but the sign
INFINITY = 0x7F800000
NAN_KEY = 0x7FFFFFFF
ZERO_KEY = 0
EMPTY = -(1 << 31)  # below every key: a slot or a column that has none
SLAB_ELEMENTS = 1 << 25  # logits whose keys are held at a time: bounds the memory of keys and masks


def keys_of(logits: Tensor) -> Tensor:
    """Keys whose order is the contract's: int32 of the same shape. A float's magnitude with its sign.

    logits: float32. The judge's own statement of the order, apart from the reference's, so that one slip
    cannot hide in both.
    """
    bits = logits.detach().view(torch.int32)
    magnitude = bits & MAGNITUDE
    keys = torch.where(bits < 0, -magnitude, magnitude)
    return keys.masked_fill_(magnitude > INFINITY, NAN_KEY)


class Expected:
    """What the contract says of a call. n, wanted: int64 [R], columns that count and min(k, n) of them.
    longest: the most of n; no column behind it counts, and few buffers are full.
    selected: int32 [R, k], the greatest keys, descending, EMPTY behind the wanted ones. threshold: int32 [R],
    the least of them. has_nan: bool [R]. tie_is_cut: bool [R], rows with more keys equal to the k-th than
    are taken. both_zeros_cut: bool [R], rows that cut a tie between zeros of both signs. last_tie: int64 [R],
    where a tie is cut, the column of the last that is taken. All are on the device of the logits."""

    def __init__(self, logits: Tensor, lengths: Tensor, k: int, n: Tensor | None = None) -> None:
        """logits: float32 [R, S], rows from their starts on. lengths: int32 [R]. n: by default of rows that
        have S columns."""
        self.logits, self.lengths, self.k = logits, lengths, k
        self.n = lengths.long().clamp(0, logits.shape[1]) if n is None else n
        self.wanted = self.n.clamp(max=k)
        self.longest = int(self.n.max()) if self.n.numel() else 0
        slab = max(1, SLAB_ELEMENTS // max(1, self.longest))
        counted = logits[:, : self.longest].split(slab)
        slabs = zip(counted, self.n.split(slab), self.wanted.split(slab), strict=True)
        facts = [_facts(*rows, k) for rows in slabs]
        self.selected, self.tie_is_cut, self.both_zeros_cut, self.last_tie = map(
            torch.cat, zip(*facts, strict=True)
        )
        self.threshold = _threshold(self.selected, self.wanted)
        self.has_nan = self.selected[:, 0] == NAN_KEY

    @classmethod
    def of(cls, case: Case) -> Expected:
        """What it says of a case's call."""
        if not case.asks and case.lengths is not None:
            return cls(case.logits, case.lengths, case.k)
        rows = torch.from_numpy(case.bits().view(np.int32)).view(torch.float32)
        return cls(rows, case.row_lengths, case.k, torch.from_numpy(case.clamped))

    @cached_property
    def at_threshold(self) -> Tensor:
        """Bool [R, S]: columns whose key is the k-th greatest."""
        keys = keys_within(self.logits, self.n)
        return (keys == self.threshold[:, None]).logical_and_(self.wanted[:, None] > 0)


def keys_within(logits: Tensor, n: Tensor) -> Tensor:
    """int32 [R, S]: the keys of the logits, EMPTY from column n of each row on. n: int64 [R]."""
    beyond = torch.arange(logits.shape[1], device=logits.device) >= n[:, None]
    return keys_of(logits).masked_fill_(beyond, EMPTY)


def _threshold(selected: Tensor, wanted: Tensor) -> Tensor:
    return selected.gather(1, (wanted - 1).clamp(min=0)[:, None])[:, 0]


def _facts(logits: Tensor, n: Tensor, wanted: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(selected, tie_is_cut, both_zeros_cut, last_tie) of some rows: what is kept of their keys."""
    keys = keys_within(logits, n)
    greatest = keys.topk(min(k, keys.shape[1]), dim=1).values
    selected = torch.nn.functional.pad(greatest, (0, k - greatest.shape[1]), value=EMPTY)
    threshold = _threshold(selected, wanted)
    tied = (keys == threshold[:, None]).logical_and_(wanted[:, None] > 0)
    taken = (selected == threshold[:, None]).sum(1)
    is_cut = tied.sum(1) > taken
    zeros_cut, last_tie = torch.zeros_like(is_cut), torch.zeros_like(n)
    cut = is_cut.nonzero().flatten()
    if cut.numel():
        tied = tied[cut]
        last_tie[cut] = (tied.cumsum(1, dtype=torch.int32) < taken[cut, None]).sum(1)
        negative = logits[cut].signbit()
        both = (tied & negative).any(1) & (tied & ~negative).any(1)
        zeros_cut[cut] = both & (threshold[cut] == ZERO_KEY)
    return selected, is_cut, zeros_cut, last_tie


@dataclass(frozen=True)
class Verdict:
    """applies, holds: bool [R]; a promise is judged only on rows that can break it."""

    applies: Tensor
    holds: Tensor

    @property
    def broken(self) -> Tensor:
        """The rows that break it: int64, ascending."""
        return (self.applies & ~self.holds).nonzero().flatten()


NOTHING_BESIDE = Written()


class Slots:
    """An answer's slots beside the contract's. indices: int64 [R, k], columns; padding: the target's own;
    written: what stands beside the columns."""

    def __init__(
        self,
        expected: Expected,
        indices: Tensor,
        padding: int = -1,
        claims: frozenset[str] = frozenset(),
        written: Written = NOTHING_BESIDE,
    ) -> None:
        self.expected = expected
        self.indices = indices
        self.written = written
        self.padding = padding
        self.nan_is_ordered = "nan-first" in claims
        self._slot = torch.arange(indices.shape[1], device=indices.device)
        self.leading = self._slot < expected.wanted[:, None]
        self.valid = (indices >= 0) & (indices < expected.n[:, None])

    @cached_property
    def unwritten(self) -> Tensor:
        """Bool [R, k]: slots that hold what memory held before the call."""
        found = is_poison(self.indices.cpu().numpy())
        return torch.from_numpy(found).to(self.indices.device) & (self.indices != self.padding)

    @cached_property
    def unique(self) -> Tensor:
        ordered = torch.where(self.leading, self.indices, -1 - self._slot).sort(dim=1).values
        return (ordered[:, 1:] != ordered[:, :-1]).all(1)

    @cached_property
    def columns(self) -> Tensor:
        """The valid columns among the first min(k, n) slots, in order, behind -1 for the rest."""
        return torch.where(self.valid & self.leading, self.indices, -1).sort(dim=1).values

    @cached_property
    def keys(self) -> Tensor:
        """The keys of these columns, slot by slot: int32 [R, k], EMPTY for the rest."""
        if self.expected.logits.shape[1] == 0:
            return torch.full_like(self.indices, EMPTY, dtype=torch.int32)
        selects = self.valid & self.leading
        values = self.expected.logits.gather(1, self.indices.masked_fill(~selects, 0))
        return keys_of(values).masked_fill_(~selects, EMPTY)

    @cached_property
    def same_keys(self) -> Tensor:
        return (self.keys.sort(dim=1, descending=True).values == self.expected.selected).all(1)

    @cached_property
    def same_columns(self) -> Tensor:
        """The same keys, and of the columns that hold the least of them the lowest."""
        ties = (self.keys == self.expected.threshold[:, None]) & self.leading
        last = self.indices.masked_fill(~ties, -1).amax(1)
        lowest = ~self.expected.tie_is_cut | (last == self.expected.last_tie)
        return self.same_keys & self.unique & lowest


Judge = Callable[[Slots], Verdict]


def exact_set(slots: Slots) -> Verdict:
    """Rows with NaN count where the target claims to order NaN."""
    return Verdict(~slots.expected.has_nan | slots.nan_is_ordered, slots.same_keys)


def nan_first(slots: Slots) -> Verdict:
    """Rows with NaN among their first n columns."""
    return Verdict(slots.expected.has_nan, slots.same_keys)


def in_range_unique(slots: Slots) -> Verdict:
    """The leading slots are distinct columns under n."""
    in_range = (slots.valid | ~slots.leading).all(1)
    return Verdict(slots.expected.wanted > 0, in_range & slots.unique)


def padding(slots: Slots) -> Verdict:
    """The slots behind min(k, n), and no others, hold the padding value."""
    is_padding = slots.indices == slots.padding
    holds = (is_padding == ~slots.leading).all(1)
    return Verdict(slots.expected.wanted < slots.indices.shape[1], holds)


def lowest_column_ties(slots: Slots) -> Verdict:
    """Judged where the values are right, and not where it is in doubt whether they are equal: zeros of both
    signs, and NaN, which differ in their bits, to a target that does not claim to order NaN."""
    expected = slots.expected
    doubtful = expected.both_zeros_cut | ((expected.threshold == NAN_KEY) & (not slots.nan_is_ordered))
    applies = expected.tie_is_cut & slots.same_keys & ~doubtful
    return Verdict(applies, slots.same_columns)


def signed_zero_tie(slots: Slots) -> Verdict:
    """Rows that cut a tie between zeros of both signs."""
    return Verdict(slots.expected.both_zeros_cut, slots.same_columns)


def ascending_order(slots: Slots) -> Verdict:
    """The leading slots rise."""
    both = slots.leading[:, 1:] & slots.valid[:, 1:] & slots.valid[:, :-1]
    rises = (slots.indices[:, 1:] > slots.indices[:, :-1]) | ~both
    fewest = min(2, slots.indices.shape[1])  # for k = 1 a single column is all that there is to order
    return Verdict(slots.expected.wanted >= fewest, rises.all(1))


def translation(slots: Slots) -> Verdict:
    """Calls whose places are written apart from their columns."""
    return _beside(slots, slots.written.misplaced)


def values_match(slots: Slots) -> Verdict:
    """Calls that returned values."""
    return _beside(slots, slots.written.mistaken)


def _beside(slots: Slots, wrong: np.ndarray | None) -> Verdict:
    every = torch.ones(len(slots.indices), dtype=torch.bool, device=slots.indices.device)
    if wrong is None:
        return Verdict(~every, every)
    return Verdict(every, torch.from_numpy(~wrong.any(axis=1)).to(every.device))


# The promises that one answer alone can break.
JUDGES: dict[str, Judge] = {
    "in-range-unique": in_range_unique,
    "padding": padding,
    "exact-set": exact_set,
    "nan-first": nan_first,
    "lowest-column-ties": lowest_column_ties,
    "signed-zero-tie": signed_zero_tie,
    "ascending-order": ascending_order,
    TRANSLATION.name: translation,
    VALUES_MATCH.name: values_match,
}


def is_correct_selection(slots: Slots) -> Tensor:
    """Bool [R]: whether each row's answer is one that the claim `set` allows: any tie, any order."""
    verdicts = [judge(slots) for judge in (in_range_unique, padding, exact_set)]
    return torch.stack([verdict.holds | ~verdict.applies for verdict in verdicts]).all(0)
