"""Cases and disagreements in words that a person can check by hand."""

from __future__ import annotations

import numpy as np
import torch

from ...reference.arguments import PADDING
from ..cases.case import Case
from .judge import Expected, Slots
from .wrong_columns import right_columns

MOST_RUNS = 4  # a row of more runs is told by its range
MOST_COLUMNS = 3


def value(bits: int) -> str:
    """A float32 as text: shortest decimal, with the bits where decimals do not tell."""
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

    own: whether it was put to a target of ours, which the policy is told for."""
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
    indices, valid = slots.indices.numpy(), slots.valid.numpy()
    falls = (np.diff(indices, axis=1) <= 0) & valid[:, 1:] & valid[:, :-1]
    row = int(np.flatnonzero(falls.any(axis=1))[0])
    slot = int(np.flatnonzero(falls[row])[0])
    before, after = indices[row, slot : slot + 2]
    return f"row {row}: slot {slot} holds column {before} and slot {slot + 1} column {after}"


def row_in_words(expected: Expected, slots: Slots, row: int) -> str:
    """How one row of an answer differs from the contract's."""
    bits = expected.logits[row].view(torch.int32).numpy().view(np.uint32)
    n, wanted = int(expected.n[row]), int(expected.wanted[row])
    got, valid = slots.indices[row].numpy(), slots.valid[row].numpy()
    right = right_columns(expected, row)
    head = f"row {row} (length {int(expected.lengths[row])}, k {expected.k})"
    keys = expected.keys[row].numpy()
    missing, surplus = np.setdiff1d(right, got), np.setdiff1d(got[valid], right)
    # What tells most comes first: the greatest that is missing, the least that came in its place.
    missing = missing[np.argsort(-keys[missing], kind="stable")]
    surplus = surplus[np.argsort(keys[surplus], kind="stable")]
    stray = got[:wanted][(got[:wanted] < 0) | (got[:wanted] >= n)]
    told = []
    if len(missing):
        told.append(f"{len(missing)} of the {wanted} columns are missing: {_columns(missing, bits)}")
    if len(surplus):
        told.append(f"{len(surplus)} were selected instead: {_columns(surplus, bits)}")
    if len(stray):
        told.append(
            f"{len(stray)} of the first {wanted} slots are no columns of the row: {_columns(stray, bits)}"
        )
    repeated = len(got[valid]) - len(np.unique(got[valid]))
    if repeated:
        told.append(f"{repeated} columns are written twice")
    if not told:
        padded = np.append(right, np.full(len(got) - wanted, PADDING))
        place = int((got != padded).argmax())
        told.append(f"slot {place} is {got[place]}, expected {padded[place]}")
    return f"{head}: " + "; ".join(told)
