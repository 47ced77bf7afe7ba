"""Which columns of a row, and which slots of its answer, are wrong: what a failure's picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...reference import oracle
from .judge import Expected, Slots


@dataclass(frozen=True)
class WrongColumns:
    """row, of the case. n: its columns. missing: columns that the answer lacks; surplus: columns that it
    has in their place; both ascending, the first few thousand at most. slots: those, of k, that hold no
    column of the row or one that an earlier slot holds, where there should be one."""

    row: int
    n: int
    k: int
    missing: tuple[int, ...] = ()
    surplus: tuple[int, ...] = ()
    slots: tuple[int, ...] = ()


def _tuple(numbers: np.ndarray) -> tuple[int, ...]:
    return tuple(int(number) for number in numbers)


def right_columns(expected: Expected, row: int) -> np.ndarray:
    """The columns that the oracle selects from a row: int64 [min(k, n)], ascending."""
    return oracle.first_columns(expected.logits[row, : int(expected.n[row])], expected.k).numpy()


def against_contract(slots: Slots, row: int) -> WrongColumns:
    """An answer's row beside the contract's."""
    got, valid, leading = (part[row].numpy() for part in (slots.indices, slots.valid, slots.leading))
    right, selected = right_columns(slots.expected, row), got[valid]
    _, first = np.unique(got, return_index=True)
    again = np.ones(len(got), bool)
    again[first] = False
    return WrongColumns(
        row,
        int(slots.expected.n[row]),
        len(got),
        _tuple(np.setdiff1d(right, got)),
        _tuple(np.setdiff1d(selected, right)),
        _tuple(np.flatnonzero(leading & (~valid | again))),
    )


def between_calls(slots: Slots, row: int, second: np.ndarray) -> WrongColumns:
    """A row of the first answer beside what a second call wrote for it: [k]."""
    first, n = slots.indices[row].numpy(), int(slots.expected.n[row])
    inside = second[(second >= 0) & (second < n)]
    return WrongColumns(
        row,
        n,
        len(first),
        _tuple(np.setdiff1d(first[slots.valid[row].numpy()], inside)),
        _tuple(np.setdiff1d(inside, first)),
        _tuple(np.flatnonzero(first != second)),
    )
