"""Cases that ask for less: the same rows with an argument left out, or said in a simpler way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from .asking import BATCH_LENGTHS, NO_LENGTHS, WITH_TABLE
from .case import Case, lay_out
from .dtypes import narrowed, widened
from .windows import SAYS

# What is left out together, the most first.
PARTS = (
    ("return_columns",),
    ("return_values",),
    ("index_dtype",),
    ("offsets",),
    ("page_table", *WITH_TABLE),
    ("table_starts",),
    ("table_rows",),
)


def plainer(case: Case) -> Case:
    """The plain call of the same rows: float32 logits from the first column on, lengths, and k."""
    return _from_the_first_column(case)


def _from_the_first_column(case: Case, **kept: Any) -> Case:
    """The rows of a case from the first column on, in logits as wide as the longest, with what is kept."""
    columns, lengths = int(case.room.max(initial=0)), case.row_lengths.numpy()
    return lay_out(
        [row[:room] for row, room in zip(case.bits(), case.room, strict=True)],
        case.k,
        lengths=np.where(case.room < columns, np.minimum(lengths, case.room), lengths),
        columns=columns,
        policy=case.policy,
        limits=case.limits,
        origin=case.origin,
        **kept,
    )


def simpler(case: Case) -> Iterator[Case]:
    """Cases that each ask for less than this one, the plain call first."""
    if not case.asks:
        return
    yield plainer(case)
    for part in PARTS:
        if part[0] in case.options:
            yield without(case, *part)
    if any(name in case.asks for name in (NO_LENGTHS, BATCH_LENGTHS, *SAYS)):
        yield spelled_out(case)
    if "starts" in case.options:
        yield from_the_first_column(case)
    if case.storage.dtype != torch.float32:
        yield replace(case, storage=narrowed(widened(case.storage), torch.float32))


def without(case: Case, *names: str) -> Case:
    """The case without these arguments. Rows of a page table are the logits' own then, as far as it has
    them."""
    left = {name: value for name, value in case.options.items() if name not in names}
    if "table_rows" in names and "page_table" in left:
        rows = case.options["table_rows"]
        table = left["page_table"]
        if len(table):
            left["page_table"] = table[rows.long().clamp(0, len(table) - 1)]
        else:
            left["page_table"] = table.new_full((case.rows, table.shape[1]), -1)
    return replace(case, options=left)


def spelled_out(case: Case) -> Case:
    """The case with lengths [rows] in columns, in place of ends, tokens, or none."""
    left = without(case, *SAYS)
    return replace(left, lengths=case.row_lengths)


def from_the_first_column(case: Case) -> Case:
    """The case with its windows moved to the first column."""
    return _from_the_first_column(
        case,
        offset=case.offset,
        gap=case.row_stride - case.columns,
        dtype=case.storage.dtype,
        options=without(spelled_out(case), "starts").options,
    )
