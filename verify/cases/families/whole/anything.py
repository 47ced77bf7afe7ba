"""Calls that combine dtypes, windows and places at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...asking import ARGUMENTS, NARROW_DTYPES, Asked
from ...case import FILLS, Case, lay_out, said_as
from ...dtypes import DTYPES
from ...values import CONTENTS
from ..bins import PATHS, path_length
from ..family import Setting, family
from .places import KINDS, OUTPUTS, offsets_near, outputs, page_table
from .windows import SAID, integers, said

OFFSETS = ("small", "negative", "int32-edge", "int64", "over-int32", "over-int64")
MOST_START = 9
SIZES = (1, 4, 16, 64)


@family(
    "anything",
    asks=(*ARGUMENTS, *NARROW_DTYPES),
    path=PATHS,
    dtype=tuple(DTYPES),
    how=(*SAID, "queries", "batch"),
    places=("columns", "offsets", "pages"),
    values=(0, 1),
)
def anything(
    random: np.random.Generator, setting: Setting, path: str, dtype: str, how: str, places: str, values: int
) -> Case:
    """Dtype, windows, places, columns and values, all at once."""
    queries = 2 if how in ("queries", "batch") else 1
    n = path_length(path, setting)
    lengths = random.permutation([n, max(1, n - 1 - n // 3), setting.k + 2, 2 if setting.k > 1 else 1])
    starts = random.integers(0, MOST_START, len(lengths))
    columns = n + MOST_START
    if how in ("nothing", "queries", "batch"):
        lengths = (
            columns - starts if how == "nothing" else np.repeat(lengths[::queries], queries) - [1, 0] * 2
        )
    options: Asked = {**outputs(str(random.choice(OUTPUTS))), "starts": integers(starts)}
    if values:
        options["return_values"] = True
    if places == "offsets":
        options["offsets"] = offsets_near(random, str(random.choice(OFFSETS)), len(lengths), n)[
            : len(lengths)
        ]
    elif places == "pages":
        kind, size = str(random.choice(KINDS)), int(random.choice(SIZES))
        options |= page_table(random, kind, len(lengths), n, size, named=True)
    content = CONTENTS[str(random.choice(tuple(CONTENTS)))]
    rows = [content(random, each, setting.k) for each in lengths.tolist()]
    fill = FILLS[str(random.choice(("nan", "inf")))]
    laid = lay_out(
        rows,
        columns=columns,
        offset=int(random.integers(0, 4)),
        gap=int(random.integers(0, 4)),
        head=fill,
        tail=fill,
        dtype=DTYPES[dtype],
        options=options,
        **setting.call(),
    )
    return _said(laid, how, queries, int(random.choice((1, 2, 3))))


def _said(case: Case, how: str, queries: int, ratio: int) -> Case:
    """The case with its lengths said so. ratio: tokens of a column, of those that are said in tokens."""
    if how not in ("queries", "batch"):
        return said(case, how)
    lengths = case.row_lengths.numpy()
    options = dict(case.options)
    if how == "batch":
        given = integers(lengths * ratio).view(-1, queries)
    else:
        given, ratio = integers(lengths[queries - 1 :: queries]), 1
        options["queries"] = queries
    if ratio > 1:
        options["compress_ratio"] = ratio
    worded = replace(case, lengths=given, options=options)
    return said_as(worded, worded, lengths)
