"""Two answers to one question: the first row that is not the same, in words, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .faults import Fault, RowFaults, faults_of, slot_value
from .judge import Slots
from .wrong_columns import WrongColumns, between_calls


@dataclass(frozen=True)
class Difference:
    """broken: in words. cause: what is wrong with one of the answers; of two that are right, how they
    differ."""

    broken: str
    cause: str
    wrong: WrongColumns


def told_apart(
    same: np.ndarray, base: Slots, second: Slots, when: str, source: Sequence[int] | None = None
) -> Difference | None:
    """The first row that is not the same in the base's answer and in the second. source: for each row of the
    second call, the base's row that it repeats."""
    rows = np.flatnonzero(~same)
    if not len(rows):
        return None
    row = int(rows[0])
    before = row if source is None else source[row]
    first, then = base.indices[before].numpy(), second.indices[row].numpy()
    words, slots = f"row {row} differs {when}", np.flatnonzero(first != then)
    if len(slots):
        slot = int(slots[0])
        words += (
            f" in {len(slots)} of {len(first)} slots: slot {slot} was {slot_value(first[slot])}, "
            f"then {slot_value(then[slot])}"
        )
    wrong = faults_of(second, row), faults_of(base, before)
    which = next(
        (place for place, faults in zip((when, "before that"), wrong, strict=True) if faults.cause), ""
    )
    told = next(("; ".join(faults.words()) for faults in wrong if faults.cause), "")
    words += f"; {which}, {told}" if told else ""
    return Difference(words, _cause(wrong), between_calls(base, before, then))


def _cause(wrong: tuple[RowFaults, RowFaults]) -> str:
    causes = [faults.cause for faults in wrong if faults.cause is not None]
    if causes:
        return min(causes, key=list(Fault).index).value
    columns = [np.sort(faults.got) for faults in wrong]
    return (Fault.ORDER if np.array_equal(columns[0], columns[1]) else Fault.TIE).value
