"""Cases and disagreements in words that a person can check by hand."""

from __future__ import annotations

import numpy as np
import torch

from ..cases.asking import WORDS
from ..cases.case import Case
from ..cases.dtypes import widened
from .faults import faults_of, value
from .judge import Expected, Slots
from .wrong_columns import right_columns

MOST_RUNS = 4  # a row of more runs is described by its range
MOST_COLUMNS = 3
MOST_ENTRIES = 4  # of a tensor that is told


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
    bits, lengths = case.bits(), case.row_lengths.tolist()
    alike = [(lengths[row], bits[row, : case.clamped[row]].tobytes()) for row in range(case.rows)]
    starts = [row for row in range(case.rows) if row == 0 or alike[row] != alike[row - 1]]
    parts = []
    for row, end in zip(starts[:MOST_COLUMNS], [*starts[1:], case.rows], strict=False):
        which = (
            f"rows {row} to {end - 1}: "
            if end - row > 1
            else f"row {row}: "
            if len(starts) < case.rows
            else ""
        )
        n = int(case.clamped[row])
        room = int(case.room[row])
        tail = f"; beyond it {contents(bits[row, n:room])}" if n < room and case.rows == 1 else ""
        begun = int(case.starts[row]) if case.rows == 1 else 0
        tail += f"; before it {contents(widened(case.logits[row, :begun]))}" if begun else ""
        parts.append(f"{which}length {lengths[row]}: {contents(bits[row, :n])}{tail}")
    left = case.rows - starts[MOST_COLUMNS] if len(starts) > MOST_COLUMNS else 0
    more = f"; {left} more rows" if left else ""
    layout = (
        ""
        if case.row_stride == case.columns and not case.offset
        else (f", row stride {case.row_stride}, offset {case.offset}")
    )
    policy = f", policy {case.policy}" if case.policy and own else ""
    head = f"{case.rows} x {case.columns}, k {case.k}{policy}{layout}{asked_in_words(case)}"
    return "; ".join((head, *parts)) + more


def asked_in_words(case: Case) -> str:
    """What a call asks for beside the plain selection, with its numbers; tensors where they are short."""
    told = []
    for name in case.asks:
        value = case.options.get(name)
        if isinstance(value, torch.Tensor) and value.dim() == 1 and len(value) <= MOST_ENTRIES:
            told.append(f"{name} {value.tolist()}")
        elif isinstance(value, torch.Tensor):
            told.append(f"{name} [{', '.join(map(str, value.shape))}]")
        elif name in ("queries", "compress_ratio"):
            told.append(f"{name} {value}")
        else:
            told.append(WORDS.get(name, name))
        if name == "page_table":
            told.append(f"pages of {case.options.get('page_size')}")
    return f", {', '.join(told)}" if told else ""


def order_in_words(slots: Slots) -> str:
    """The first slot whose column is not above the one before."""
    indices, valid = slots.indices.numpy(), slots.valid.numpy()
    falls = (np.diff(indices, axis=1) <= 0) & valid[:, 1:] & valid[:, :-1]
    row = int(np.flatnonzero(falls.any(axis=1))[0])
    slot = int(np.flatnonzero(falls[row])[0])
    before, after = indices[row, slot : slot + 2]
    return f"row {row}: slot {slot} holds column {before} and slot {slot + 1} column {after}"


def row_in_words(expected: Expected, slots: Slots, row: int) -> str:
    """How one row of an answer differs from the contract's, the cause first."""
    head = f"row {row} (length {int(expected.lengths[row])}, k {expected.k})"
    faults = list(faults_of(slots, row).words())
    if not faults:  # the right columns in another order
        got, right = slots.indices[row].numpy(), right_columns(expected, row)
        padded = np.append(right, np.full(len(got) - len(right), slots.padding))
        slot = int((got != padded).argmax())
        faults.append(f"slot {slot} holds {got[slot]}, expected {padded[slot]}")
    return f"{head}: " + "; ".join(faults)
