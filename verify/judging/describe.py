"""Cases and disagreements in words that a person can check by hand."""

from __future__ import annotations

import numpy as np

from ..cases.case import Case
from .judge import Expected, Slots

MOST_RUNS = 4  # a row of more runs is described by its range
MOST_COLUMNS = 3


def value(bits: int) -> str:
    """A float32 as text: the shortest decimal; for NaN, the bits too."""
    number = np.array(bits, np.uint32).view(np.float32)[()]
    if np.isnan(number):
        return f"NaN (0x{bits:08X})"
    return str(number)


def runs_of(row: np.ndarray) -> list[tuple[int, int]]:
    """Run lengths of a row of bit patterns: [(bits, count)]."""
    if not len(row):
        return []
    starts = np.flatnonzero(np.concatenate([[True], row[1:] != row[:-1]]))
    counts = np.diff(np.append(starts, len(row)))
    return [(int(row[start]), int(count)) for start, count in zip(starts, counts, strict=True)]


def contents(row: np.ndarray) -> str:
    """ "100 x 1.0, then 8220 x 0.0", or the range where there are many runs."""
    runs = runs_of(row)
    if not runs:
        return "no columns"
    if len(runs) <= MOST_RUNS:
        return ", then ".join(f"{count} x {value(bits)}" for bits, count in runs)
    distinct = np.unique(row)
    numbers = row.view(np.float32)
    finite = numbers[np.isfinite(numbers)]
    spread = f"in [{finite.min()}, {finite.max()}]" if len(finite) else "none finite"
    others = len(row) - len(finite)
    odd = f", {others} not finite" if others and len(finite) else ""
    return f"{len(row)} values {spread}, {len(distinct)} distinct{odd}"


def case_in_words(case: Case, own: bool = True) -> str:
    """One line for a case: shape, k, and each row's length and contents if it has few rows.

    own: whether the target is one of ours: only these have a policy."""
    bits = case.bits()
    parts = []
    for row in range(min(case.rows, MOST_COLUMNS)):
        n = int(case.clamped[row])
        parts.append(f"length {int(case.lengths[row])}: {contents(bits[row, :n])}")
    more = f"; {case.rows - MOST_COLUMNS} more rows" if case.rows > MOST_COLUMNS else ""
    layout = (
        ""
        if case.row_stride == case.columns and not case.offset
        else (f", row stride {case.row_stride}, offset {case.offset}")
    )
    policy = f", policy {case.policy}" if case.policy and own else ""
    return f"{case.rows} x {case.columns}, k {case.k}{policy}{layout}; " + "; ".join(parts) + more


def _columns(columns: np.ndarray, bits: np.ndarray) -> str:
    shown = ", ".join(
        f"{column} ({value(int(bits[column]))})" if 0 <= column < len(bits) else str(column)
        for column in columns[:MOST_COLUMNS]
    )
    return shown + (", ..." if len(columns) > MOST_COLUMNS else "")


def order_in_words(slots: Slots) -> str:
    """The first slot whose column is not above the one before."""
    falls = (np.diff(slots.indices, axis=1) <= 0) & slots.valid[:, 1:] & slots.valid[:, :-1]
    row = int(np.flatnonzero(falls.any(axis=1))[0])
    slot = int(np.flatnonzero(falls[row])[0])
    before, after = slots.indices[row, slot : slot + 2]
    return f"row {row}: slot {slot} holds column {before} and slot {slot + 1} column {after}"


def row_in_words(expected: Expected, slots: Slots, row: int) -> str:
    """How one row of an answer differs from the contract's."""
    case = expected.case
    bits = case.bits()[row]
    n, wanted = int(expected.n[row]), int(expected.wanted[row])
    got = slots.indices[row]
    right = expected.columns[row, :wanted]
    head = f"row {row} (length {int(case.lengths[row])}, k {case.k})"
    keys = expected.keys[row]
    missing, surplus = np.setdiff1d(right, got), np.setdiff1d(got[slots.valid[row]], right)
    # The plainest evidence comes first: the greatest column that is missing, the least in its place.
    missing = missing[np.argsort(-keys[missing], kind="stable")]
    surplus = surplus[np.argsort(keys[surplus], kind="stable")]
    stray = got[:wanted][(got[:wanted] < 0) | (got[:wanted] >= n)]
    faults = []
    if len(missing):
        which = "the expected column" if wanted == 1 else f"{len(missing)} of {wanted} expected columns"
        verb = "is" if len(missing) == 1 else "are"
        faults.append(f"{which} {verb} missing: {_columns(missing, bits)}")
    if len(surplus):
        count = _counted(len(surplus), "column was", "columns were")
        faults.append(f"{count} selected instead: {_columns(surplus, bits)}")
    if len(stray):
        count = _counted(len(stray), "slot holds", "slots hold")
        faults.append(f"{count} an index outside the row: {_columns(stray, bits)}")
    repeated = len(got[slots.valid[row]]) - len(np.unique(got[slots.valid[row]]))
    if repeated:
        faults.append(f"{_counted(repeated, 'slot repeats', 'slots repeat')} a column")
    if not faults:
        differs = got != expected.columns[row]
        slot = int(np.flatnonzero(differs)[0]) if differs.any() else 0
        faults.append(f"slot {slot} holds {got[slot]}, expected {expected.columns[row, slot]}")
    return f"{head}: " + "; ".join(faults)


def _counted(count: int, singular: str, plural: str) -> str:
    return f"{count} {singular if count == 1 else plural}"
