"""An answer read: the columns that its slots stand for, and what it holds beside them."""

from __future__ import annotations

import numpy as np
import torch

from ..cases.case import Case
from ..targets.target import Answer
from .judge import Expected, Slots
from .written import NO_PLACE, columns_of, translates, written_in
from .wrong_columns import right_columns


def slots_of(
    case: Case, expected: Expected, answer: Answer, padding: int, claims: frozenset[str] = frozenset()
) -> Slots:
    """The slots of an answer to a case. padding, claims: the target's own."""
    columns = columns_of(case, _due_columns(case, expected), answer, padding)
    written = written_in(case, columns, answer, padding)
    return Slots(expected, torch.from_numpy(columns), padding, claims, written)


def _due_columns(case: Case, expected: Expected) -> np.ndarray:
    """int64 [R, k]: the contract's columns, then -1; only looked for where places are no columns."""
    due = np.full((case.rows, case.k), NO_PLACE, np.int64)
    for row in range(case.rows) if translates(case) else ():
        columns = right_columns(expected, row)
        due[row, : len(columns)] = columns
    return due
