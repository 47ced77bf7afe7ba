"""What stands in an answer beside columns: places and values, and what is due there.

The judge's own statement of the contract's places, in numpy, apart from reference/places.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..cases.case import FILLS, Case
from ..cases.dtypes import memory_of, narrowed
from ..targets.target import Answer, is_poison

NO_PLACE = -1  # of a column that has none, and of a slot without a column
NO_COLUMN = -(1 << 62)  # in place of the column of a place that no column of the row has


@dataclass(frozen=True)
class Written:
    """places, due_places: int64 [R, k], what the slots hold and what is due for their columns; None where
    places are the columns themselves. values, due_values: the same of the bits of values; None where none
    were returned. judged: bool [R, k], slots whose value is judged."""

    places: np.ndarray | None = None
    due_places: np.ndarray | None = None
    values: np.ndarray | None = None
    due_values: np.ndarray | None = None
    judged: np.ndarray | None = None
    mask: int = 0

    @property
    def misplaced(self) -> np.ndarray | None:
        """Bool [R, k]: slots that hold another place than their column's."""
        return None if self.places is None else self.places != self.due_places

    @property
    def mistaken(self) -> np.ndarray | None:
        """Bool [R, k]: slots that hold another value than their column's."""
        return None if self.values is None else (self.values != self.due_values) & self.judged


def translates(case: Case) -> bool:
    """Whether a call's places are something else than its columns."""
    return "offsets" in case.options or "page_table" in case.options


def places_of(case: Case, columns: np.ndarray) -> np.ndarray:
    """int64 of the same shape: the place of each column of each row, NO_PLACE where it has none.

    columns: int64 [R, any], counted from the row's start; a negative one has no place.
    """
    held = np.iinfo(np.int64 if case.options.get("index_dtype") == torch.int64 else np.int32)
    if "offsets" in case.options:
        offsets = case.options["offsets"].numpy().astype(np.int64)[:, None]
        fits = offsets <= held.max - np.maximum(columns, 0)
        places = np.where(fits, offsets, 0) + columns
    elif "page_table" in case.options:
        places, fits = _paged(case, columns)
    else:
        places, fits = columns, np.ones_like(columns, bool)
    fits = fits & (columns >= 0) & (held.min <= places) & (places <= held.max)
    return np.where(fits, places, NO_PLACE)


def _paged(case: Case, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(places, whether the table has them), of each column."""
    table = case.options["page_table"].numpy().astype(np.int64)
    size = case.options["page_size"]
    tables, pages = table.shape
    rows, firsts = (case.options.get(name) for name in ("table_rows", "table_starts"))
    at = np.arange(case.rows) if rows is None else rows.numpy().astype(np.int64)
    first = np.zeros(case.rows, np.int64) if firsts is None else firsts.numpy().astype(np.int64)
    page = first[:, None] + np.maximum(columns, 0) // size
    fits = ((at >= 0) & (at < tables))[:, None] & (page >= 0) & (page < pages)
    if not table.size:
        return np.zeros_like(columns), np.zeros_like(fits)
    entries = table[np.clip(at, 0, tables - 1)[:, None], np.clip(page, 0, pages - 1)]
    return entries * size + columns % size, fits & (entries >= 0)


def columns_of(case: Case, due: np.ndarray, answer: Answer, padding: int) -> np.ndarray:
    """int64 [R, k]: the columns that the slots of an answer stand for. What was never written, and the
    padding behind the last column, stays as it is; a place of no column becomes NO_COLUMN.

    due: int64 [R, k], the columns that the contract selects, in order, then -1. padding: the target's own.
    """
    if not translates(case):
        return answer.indices
    if answer.columns is not None:
        return np.where(is_poison(answer.indices), answer.indices, answer.columns)
    behind = np.arange(case.k) >= np.minimum(case.clamped, case.k)[:, None]
    kept = is_poison(answer.indices) | (behind & (answer.indices == padding))
    found = np.full_like(answer.indices, NO_COLUMN)
    right = ((answer.indices == places_of(case, due)) | kept).all(axis=1)
    found[right] = due[right]
    for row in np.flatnonzero(~right):
        found[row] = _columns_of_row(case, int(row), answer.indices[row])
    return np.where(kept, answer.indices, found)


def _columns_of_row(case: Case, row: int, held: np.ndarray) -> np.ndarray:
    """The columns of the places that one row's slots hold: of several with one place the lowest that no slot
    before has. Slots without a place stand for the greatest columns without one, as far as there are such."""
    n = int(case.clamped[row])
    every = np.tile(np.arange(n), (case.rows, 1)) if n else np.zeros((case.rows, 0), np.int64)
    places = places_of(case, every)[row]
    values = case.bits()[row, :n].view(np.float32)
    columns: dict[int, list[int]] = {}
    for column in reversed(range(n)):
        columns.setdefault(int(places[column]), []).append(column)
    if NO_PLACE in columns:
        columns[NO_PLACE].sort(key=lambda column: (not np.isnan(values[column]), -values[column], column))
        columns[NO_PLACE].reverse()
    found = np.full(len(held), NO_COLUMN)
    for slot, place in enumerate(held[:n].tolist()):
        if left := columns.get(place):
            found[slot] = left.pop()
        elif place == NO_PLACE:
            found[slot] = NO_PLACE
    return found


def written_in(case: Case, columns: np.ndarray, answer: Answer, padding: int) -> Written:
    """What an answer's slots hold beside columns, and what is due for these. columns: int64 [R, k], those
    that the slots stand for. padding: the target's own."""
    written, given = Written(), columns if answer.columns is None else answer.columns
    if translates(case) or answer.columns is not None:
        due = np.where(given < 0, ~answer.indices, places_of(case, given))  # no place is that of no column,
        due = np.where(given == padding, padding, due)  # but behind the last one
        written = replace(written, places=answer.indices, due_places=due)
    if answer.values is None:
        return written
    inside = (columns >= 0) & (columns < case.clamped[:, None])
    values, lowest = (
        memory_of(logits)
        for logits in (case.logits, narrowed(np.array([FILLS["-inf"]], np.uint32), case.storage.dtype))
    )
    due = np.full(columns.shape, int(lowest[0]), np.int64)
    if values.size:
        at = np.where(inside, case.starts[:, None] + columns, 0)
        due = np.where(inside, np.take_along_axis(values, at, axis=1).astype(np.int64), due)
    behind = (columns == padding) if case.options.get("return_values") else np.zeros_like(inside)
    mask = (1 << 8 * case.storage.element_size()) - 1
    return replace(written, values=answer.values, due_values=due, judged=inside | behind, mask=mask)
