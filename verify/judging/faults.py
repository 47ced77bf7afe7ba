"""What is wrong with the slots of a row: each wrong slot has a kind, and the cause comes before what follows.

A slot that was never written lacks a column, too, and may seem to hold one twice. Of all that is wrong with a
row the first kind below that it has is the cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from ..targets.target import is_poison
from .judge import NAN_KEY, NOTHING_BESIDE, Expected, Slots, keys_of
from .written import NO_COLUMN, Written
from .wrong_columns import right_columns

MOST_TOLD = 3  # columns or slots that are named
MOST_COMPARED = 1 << 22  # slots of a call in which the answer of another row is looked for


class Fault(str, Enum):
    """A kind of wrong slot, from the cause of others to what follows from no other."""

    UNWRITTEN = "never written"
    PLACE = "another place than its column's"
    PADDING = "padding where a column is due"
    BEYOND = "a column beyond the length"
    OUTSIDE = "no column of the row"
    TWICE = "a column twice"
    LOST = "a value lost"
    NAN = "a NaN below a number"
    TIE = "another column of equal values"
    BEHIND = "no padding behind the last column"
    VALUE = "another value than its column's"
    ORDER = "another order"
    INPUTS = "changed inputs"


RANKS = {fault.value: rank for rank, fault in enumerate(Fault, start=1)}


def rank_of(cause: str) -> int:
    """Where a cause stands: a call without an answer comes first, what has no kind last."""
    return RANKS.get(cause, 0 if cause else len(RANKS) + 1)


def value(bits: int) -> str:
    """A float32 as text: the shortest decimal; for NaN, the bits too."""
    number = np.array(bits, np.uint32).view(np.float32)[()]
    if np.isnan(number):
        return f"NaN (0x{bits:08X})"
    return str(number)


def slot_value(index: int) -> str:
    """What a slot holds; what it held before the call is no number of the target's."""
    return "never written" if is_poison(np.array(index)) else str(index)


@dataclass(frozen=True)
class RowFaults:
    """slots: int64 of each kind that the row has. missing, surplus: columns that the answer lacks, the
    greatest value first, and that it has in their place, the least first. as_row: the row of the call whose
    answer this is, if it is that of another. written: what the call's slots hold beside columns."""

    expected: Expected
    row: int
    got: np.ndarray
    padding: int
    slots: dict[Fault, np.ndarray]
    missing: np.ndarray
    surplus: np.ndarray
    as_row: int | None
    written: Written = NOTHING_BESIDE

    @property
    def cause(self) -> Fault | None:
        """The first kind that the row has; None where its columns are right."""
        return next((fault for fault in Fault if fault in self.slots), None)

    def words(self) -> Iterator[str]:
        """The kinds in their order, then the columns that are not where they are due."""
        for fault, slots in self.slots.items():
            if fault in TOLD:
                yield TOLD[fault](self, slots)
        wanted = int(self.expected.wanted[self.row])
        if len(self.missing):
            which = (
                f"{len(self.missing)} of {wanted} expected columns" if wanted > 1 else "the expected column"
            )
            verb = "is" if len(self.missing) == 1 else "are"
            yield f"{which} {verb} missing: {self._columns(self.missing)}"
        if len(self.surplus):
            equal = " of equal value" if Fault.TIE in self.slots else ""
            count = counted(len(self.surplus), f"column{equal} was", f"columns{equal} were")
            yield f"{count} selected instead: {self._columns(self.surplus)}"
        if self.as_row is not None:
            yield f"this is the answer to row {self.as_row}"

    def _columns(self, columns: np.ndarray) -> str:
        bits = self.expected.logits[self.row].view(torch.int32).numpy().view(np.uint32)
        return listed(
            [f"{column} ({value(int(bits[column]))})" for column in columns[:MOST_TOLD]], len(columns)
        )


def faults_of(slots: Slots, row: int) -> RowFaults:
    """What is wrong with one row of an answer."""
    expected, got = slots.expected, slots.indices[row].numpy()
    n, columns = int(expected.n[row]), expected.logits.shape[1]
    valid, leading = slots.valid[row].numpy(), slots.leading[row].numpy()
    unwritten = slots.unwritten[row].numpy()
    early = leading & (got == slots.padding) & ~valid
    beyond = (leading | (n > 0)) & (got >= n) & (got < columns) & ~early & (got != slots.padding)
    _, first = np.unique(got, return_index=True)
    again = np.ones(len(got), bool)
    again[first] = False
    misplaced, mistaken = (
        np.zeros(len(got), bool) if wrong is None else wrong[row]
        for wrong in (slots.written.misplaced, slots.written.mistaken)
    )
    misplaced = misplaced & ~unwritten
    kinds = {
        Fault.UNWRITTEN: unwritten,
        Fault.PLACE: misplaced,
        Fault.PADDING: early,
        Fault.BEYOND: beyond,
        Fault.OUTSIDE: leading & ~valid & ~unwritten & ~early & ~beyond & (got != NO_COLUMN),
        Fault.TWICE: leading & valid & again,
    }
    right, keys = right_columns(expected, row), keys_of(expected.logits[row]).numpy()
    missing, surplus = np.setdiff1d(right, got), np.setdiff1d(got[valid & leading], right)
    missing = missing[np.argsort(-keys[missing].astype(np.int64), kind="stable")]
    surplus = surplus[np.argsort(keys[surplus], kind="stable")]
    whole = not any(found.any() for found in kinds.values())
    in_place = leading & np.isin(got, surplus)
    is_tie = bool(slots.same_keys[row])
    is_nan = (
        len(missing) > 0 and keys[missing[0]] == NAN_KEY and len(surplus) > 0 and keys[surplus[0]] != NAN_KEY
    )
    kinds[Fault.LOST], kinds[Fault.NAN] = in_place & (not is_tie and not is_nan), in_place & is_nan
    kinds[Fault.TIE] = in_place & is_tie
    kinds[Fault.BEHIND] = ~leading & (got != slots.padding) & ~unwritten & ~beyond & (got != NO_COLUMN)
    kinds[Fault.VALUE] = mistaken & ~unwritten & ~misplaced
    is_lost = whole and len(missing) > 0 and not is_tie and not is_nan
    found = {fault: np.flatnonzero(where) for fault, where in kinds.items() if where.any()}
    as_row = another_row(slots, row) if is_lost else None
    return RowFaults(expected, row, got, slots.padding, found, missing, surplus, as_row, slots.written)


def another_row(slots: Slots, row: int) -> int | None:
    """The first other row of the call that has this answer by right, where it is one of a few rows."""
    expected = slots.expected
    if slots.indices.numel() > MOST_COMPARED:
        return None
    same_count = (expected.wanted == expected.wanted[row]) & (expected.n > slots.indices[row].max())
    same_count[row] = False
    others = same_count.nonzero().flatten()
    if not others.numel():
        return None
    wanted = int(expected.wanted[row])
    chosen = slots.indices[row, :wanted].expand(others.numel(), wanted)
    keys = keys_of(expected.logits[others[:, None], chosen]).sort(dim=1, descending=True).values
    same = (keys == expected.selected[others, :wanted]).all(1)
    return int(others[same][0]) if bool(same.any()) else None


def listed(items: list[str], count: int) -> str:
    """The items, and dots where there are more of them."""
    return ", ".join(items) + (", ..." if count > len(items) else "")


def counted(count: int, singular: str, plural: str) -> str:
    """The count with its noun."""
    return f"{count} {singular if count == 1 else plural}"


def _numbers(numbers: np.ndarray) -> str:
    return listed([str(number) for number in numbers[:MOST_TOLD]], len(numbers))


def _unwritten(row: RowFaults, slots: np.ndarray) -> str:
    if len(slots) == 1:
        return f"slot {slots[0]} was never written"
    if len(slots) == len(row.got):
        return f"none of its {len(slots)} slots was ever written"
    return f"{len(slots)} of {len(row.got)} slots were never written: {_numbers(slots)}"


def _padding(row: RowFaults, slots: np.ndarray) -> str:
    if len(slots) == 1:
        return f"slot {slots[0]} holds the padding, {row.padding}, where a column is due"
    return (
        f"{len(slots)} slots hold the padding, {row.padding}, where columns are due: slots {_numbers(slots)}"
    )


def _beyond(row: RowFaults, slots: np.ndarray) -> str:
    beyond = f"beyond the length, {int(row.expected.n[row.row])}"
    if len(slots) == 1:
        return f"slot {slots[0]} holds column {row.got[slots[0]]}, {beyond}"
    return f"{len(slots)} slots hold columns {beyond}: {_numbers(row.got[slots])}"


def _outside(row: RowFaults, slots: np.ndarray) -> str:
    if len(slots) == 1:
        return f"slot {slots[0]} holds {row.got[slots[0]]}, which is no column of the row"
    return f"{len(slots)} slots hold what is no column of the row: {_numbers(row.got[slots])}"


def _twice(row: RowFaults, slots: np.ndarray) -> str:
    if len(slots) == 1:
        column = row.got[slots[0]]
        first = int(np.flatnonzero(row.got == column)[0])
        return f"slots {first} and {slots[0]} both hold column {column}"
    told = _numbers(np.unique(row.got[slots]))
    return f"{len(slots)} slots repeat a column that an earlier slot holds: columns {told}"


def _behind(row: RowFaults, slots: np.ndarray) -> str:
    wanted = int(row.expected.wanted[row.row])
    where = (
        f"behind the {counted(wanted, 'column', 'columns')} of the row"
        if wanted
        else "of a row without columns"
    )
    if len(slots) == 1:
        return f"slot {slots[0]}, {where}, holds {row.got[slots[0]]} in place of the padding, {row.padding}"
    held = _numbers(row.got[slots])
    return f"{len(slots)} slots {where} hold {held} in place of the padding, {row.padding}"


def _place(row: RowFaults, slots: np.ndarray) -> str:
    places, due = row.written.places, row.written.due_places
    assert places is not None and due is not None
    slot = int(slots[0])
    held, column = places[row.row, slot], int(row.got[slot])
    if column == NO_COLUMN:
        told = f"slot {slot} holds place {held}, which is that of no column of the row"
    elif column == row.padding:
        told = f"slot {slot}, which stands for no column, holds place {held}, expected {row.padding}"
    else:
        told = f"slot {slot} holds place {held} for column {column}, expected {due[row.row, slot]}"
    return told + _more(slots)


def _value(row: RowFaults, slots: np.ndarray) -> str:
    values, due = row.written.values, row.written.due_values
    assert values is not None and due is not None
    slot = int(slots[0])
    held, expected = (f"0x{int(bits[row.row, slot]) & row.written.mask:X}" for bits in (values, due))
    which = f"column {row.got[slot]}" if row.got[slot] != row.padding else "no column"
    return f"slot {slot}, of {which}, has the value of bits {held}, expected {expected}" + _more(slots)


def _more(slots: np.ndarray) -> str:
    return f", and {counted(len(slots) - 1, 'more slot', 'more slots')} alike" if len(slots) > 1 else ""


TOLD = {
    Fault.UNWRITTEN: _unwritten,
    Fault.PLACE: _place,
    Fault.PADDING: _padding,
    Fault.BEYOND: _beyond,
    Fault.OUTSIDE: _outside,
    Fault.TWICE: _twice,
    Fault.BEHIND: _behind,
    Fault.VALUE: _value,
}
