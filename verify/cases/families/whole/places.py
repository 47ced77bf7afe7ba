"""Calls that say where columns lie, or want more than these: offsets, page tables, columns, values, int64."""

from __future__ import annotations

import numpy as np
import torch

from ...asking import NARROW_DTYPES, Asked
from ...case import FILLS, Case, lay_out
from ...dtypes import DTYPES
from ...values import CONTENTS
from ..bins import path_length
from ..family import Setting, family
from .windows import integers

PATHS = ("decode", "medium", "large", "held")
INT32_MIN, INT32_MAX = -(1 << 31), (1 << 31) - 1
INT64_MAX = (1 << 63) - 1
MOST_ENTRY = 1 << 20  # of a page: places are far apart from columns
OUTPUTS = ("plain", "columns", "int64", "both")
KINDS = ("whole", "narrow", "negative", "huge", "rows-outside", "starts-outside", "no-pages")


def outputs(how: str) -> Asked:
    """What else a call returns."""
    options: Asked = {}
    if how in ("int64", "both"):
        options["index_dtype"] = torch.int64
    if how in ("columns", "both"):
        options["return_columns"] = True
    return options


def _batch(random: np.random.Generator, setting: Setting, path: str) -> list[np.ndarray]:
    lengths = [path_length(path, setting), setting.k + 3, max(1, setting.k // 2)]
    return [CONTENTS["few" if row == 1 else "normal"](random, n) for row, n in enumerate(lengths)]


def offsets_near(random: np.random.Generator, kind: str, rows: int, n: int) -> torch.Tensor:
    """Offsets [rows], with which half of the n columns of a row reach over an edge, where there is one."""
    half = n // 2
    if kind == "int64":
        return integers(random.integers(-(1 << 62), 1 << 62, rows), torch.int64)
    edge = {"over-int32": INT32_MAX - half, "under-int32": INT32_MIN - half, "over-int64": INT64_MAX - half}
    if kind in edge:
        return integers([edge[kind] + row for row in range(rows)], torch.int64)
    if kind == "int32-edge":
        return integers([(INT32_MAX - half, INT32_MIN, INT32_MAX - n)[row % 3] for row in range(rows)])
    if kind == "negative":
        return integers([-half - row for row in range(rows)])
    return integers(random.integers(1, MOST_ENTRY, rows))


@family(
    "offsets",
    asks=("offsets", "index_dtype", "return_columns"),
    kind=("small", "negative", "int32-edge", "int64", "over-int32", "under-int32", "over-int64"),
    output=OUTPUTS,
    path=PATHS,
)
def offsets(random: np.random.Generator, setting: Setting, kind: str, output: str, path: str) -> Case:
    """Offsets of every size, over the edges of int32 and of int64 too."""
    rows = _batch(random, setting, path)
    options: Asked = {**outputs(output), "offsets": offsets_near(random, kind, len(rows), len(rows[0]))}
    return lay_out(rows, tail=FILLS["inf"], options=options, **setting.call())


def page_table(
    random: np.random.Generator, kind: str, rows: int, columns: int, size: int, named: bool
) -> Asked:
    """A table for so many rows and columns, of pages of `size`. named: whether it says which row is whose."""
    tables, pages = rows + 2 * named, max(1, -(-columns // size) + 1)
    most = INT32_MAX // size if kind == "huge" else MOST_ENTRY
    table = np.stack([random.permutation(pages) + random.integers(0, most - pages) for _ in range(tables)])
    options: Asked = {"page_size": size}
    if kind == "narrow":
        table = table[:, : max(1, pages // 2)]
    elif kind == "no-pages":
        table = table[:, :0]
    elif kind == "negative":
        table[random.random(table.shape) < 0.4] = -1
        table[:, :1] = INT32_MIN
    elif kind == "huge":
        table[:, ::2] = INT32_MAX
    options["page_table"] = integers(table)
    if named:
        chosen = random.integers(0, tables, rows)
        if kind == "rows-outside":
            chosen[: min(3, rows)] = [-1, tables, INT32_MAX][: min(3, rows)]
        options["table_rows"] = integers(chosen)
    if kind == "starts-outside":
        options["table_starts"] = integers(
            [(-1, 1, pages, INT32_MAX, INT32_MIN)[row % 5] for row in range(rows)]
        )
    return options


@family(
    "page-tables",
    asks=("page_table", "table_rows", "table_starts", "index_dtype", "return_columns"),
    kind=KINDS,
    size=(1, 64, 16, 256),
    output=OUTPUTS,
    named=(0, 1),
    path=PATHS,
)
def page_tables(
    random: np.random.Generator, setting: Setting, kind: str, size: int, output: str, named: int, path: str
) -> Case:
    """Page tables: whole, too narrow, with negative and huge entries, rows and starts outside of them."""
    rows = _batch(random, setting, path)
    named = 1 if kind == "rows-outside" else named
    table = page_table(random, kind, len(rows), len(rows[0]), size, bool(named))
    return lay_out(rows, tail=FILLS["inf"], options={**outputs(output), **table}, **setting.call())


@family(
    "values",
    asks=("return_values", "return_columns", "index_dtype", *NARROW_DTYPES),
    dtype=tuple(DTYPES),
    content=("normal", "all-nan", "both-zeros", "some-nan", "infinities", "any-bits"),
    output=OUTPUTS,
    path=PATHS,
)
def values(
    random: np.random.Generator, setting: Setting, dtype: str, content: str, output: str, path: str
) -> Case:
    """The bits of the selected logits, zeros and NaN of both signs and all payloads among them, then -inf."""
    lengths = [path_length(path, setting), setting.k + 3, max(1, setting.k // 2)]
    rows = [CONTENTS[content](random, n) for n in lengths]
    options: Asked = {**outputs(output), "return_values": True}
    return lay_out(
        rows,
        tail=FILLS["inf"],
        dtype=DTYPES[dtype],
        options=options,
        **setting.call(),
    )
