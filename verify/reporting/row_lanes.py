"""Where in a row the wrong columns of a failure lie: lanes from its first column to its last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..judging.wrong_columns import WrongColumns

CELLS = 256  # of a lane; longer rows put several columns into a cell
FAINTEST = 0.35  # of a cell that holds one of many columns
MOST_LISTED = 12  # columns written out beneath a picture


@dataclass(frozen=True)
class Mark:
    """One cell of a lane that holds something. strength: 0 to 1. text: which columns, and how many."""

    cell: int
    strength: float
    text: str


@dataclass(frozen=True)
class Lane:
    """One strip. kind: a class of the page's style. span: the numbers that it runs over, in words. meaning:
    what is marked, for who cannot see it."""

    kind: str
    name: str
    count: int
    span: str
    meaning: str
    cells: int
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class RowPicture:
    """A row of n columns in lanes, the wrong columns by number, and what that says."""

    row: int
    n: int
    lanes: tuple[Lane, ...]
    lists: tuple[str, ...]
    words: str


def lane(kind: str, name: str, columns: Sequence[int], n: int, meaning: str) -> Lane:
    """The lane from column 0 to n, with a mark for each cell that holds some of `columns`."""
    cells = min(n, CELLS)
    counts, edges = np.histogram(np.asarray(columns, np.int64), bins=cells, range=(0, n))
    most = max(1, int(counts.max(initial=0)))
    marks = []
    for cell in np.flatnonzero(counts).tolist():
        first, last = int(np.ceil(edges[cell])), int(np.ceil(edges[cell + 1])) - 1
        where = f"column {first}" if first == last else f"columns {first} to {last}"
        strength = FAINTEST + (1 - FAINTEST) * counts[cell] / most
        marks.append(Mark(cell, float(strength), f"{where}: {counts[cell]} {meaning}"))
    span = f"0 to {n - 1}" if n > 1 else "0"
    return Lane(kind, name, len(columns), span, meaning, cells, tuple(marks))


def _listed(columns: Sequence[int]) -> str:
    shown = ", ".join(map(str, columns[:MOST_LISTED]))
    return shown + (f" and {len(columns) - MOST_LISTED} more" if len(columns) > MOST_LISTED else "")


def row_picture(wrong: WrongColumns, right: Sequence[int]) -> RowPicture:
    """The row of a failure: the contract's columns, those missing, those in their place, and the slots that
    hold no column. right: the contract's choice."""
    found = sorted(set(right) - set(wrong.missing))
    lanes = (
        ("right", "selected as promised", found, wrong.n, "columns selected as promised"),
        ("missing", "missing", wrong.missing, wrong.n, "columns missing"),
        ("surplus", "in their place", wrong.surplus, wrong.n, "columns selected instead"),
        ("slots", "slots", wrong.slots, wrong.k, "slots of the answer that are wrong"),
    )
    lists = (("missing", wrong.missing), ("in their place", wrong.surplus))
    return RowPicture(
        wrong.row,
        wrong.n,
        tuple(lane(kind, name, columns, n, words) for kind, name, columns, n, words in lanes if columns),
        tuple(f"{name}: {_listed(columns)}" for name, columns in lists if columns),
        in_words(wrong, len(right)),
    )


def in_words(wrong: WrongColumns, wanted: int) -> str:
    """What the lanes show, in sentences. wanted: how many columns the contract selects."""
    said = []
    if wrong.missing:
        lost = f"{len(wrong.missing)} of {wanted} columns that the contract selects"
        said.append(f"The answer lacks {lost}.")
    if wrong.surplus:
        said.append(f"It has {len(wrong.surplus)} that the contract does not select.")
    if wrong.slots:
        said.append(
            f"{len(wrong.slots)} of its {wrong.k} slots hold no column of the row, one that an earlier slot "
            "holds, or another one than in the first call."
        )
    return " ".join(said) or "The right columns are selected; what is wrong is their order."
