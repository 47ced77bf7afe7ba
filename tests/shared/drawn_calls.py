"""Calls of any arguments, in any combination, for tests of what takes a whole call."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

INT32 = (-(2**31), 2**31 - 1)
INT64 = (-(2**63), 2**63 - 1)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# -0 and 0, the least subnormal, 1, infinities, NaN of either sign and of other payloads.
NOTABLE = {
    torch.float32: (1 << 31, 0, 1, 0x3F800000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFF800001, 0x7F800001),
    torch.bfloat16: (1 << 15, 0, 1, 0x3F80, 0x7F80, 0xFF80, 0x7FC0, 0xFF81, 0x7F81),
    torch.float16: (1 << 15, 0, 1, 0x3C00, 0x7C00, 0xFC00, 0x7E00, 0xFC01, 0x7C01),
}


def from_bits(patterns: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
    """Numbers of these bits, of the same shape."""
    signed = patterns.astype(np.uint32).view(np.int32)
    if dtype != torch.float32:
        signed = patterns.astype(np.uint16).view(np.int16)
    return torch.from_numpy(signed).view(dtype)


def near(most: int, mostly: int | None = None) -> st.SearchStrategy[int]:
    """Integers of 0 .. most, more often of 0 .. mostly, and next to them, and the ends of int32."""
    within = st.integers(0, most if mostly is None else min(mostly, most))
    return within | within | st.integers(-3, most + 3) | st.sampled_from([*INT32, -1, most, most + 1])


def tensors(draw: st.DrawFn, entries: st.SearchStrategy[int], count: int, dtype: torch.dtype) -> torch.Tensor:
    return torch.tensor(draw(st.lists(entries, min_size=count, max_size=count)), dtype=dtype)


@st.composite
def logits_of(draw: st.DrawFn, rows: int, columns: int) -> torch.Tensor:
    """Rows of few values, at any stride and alignment, or one row for all, among NaN that must not matter."""
    dtype = draw(st.sampled_from(DTYPES))
    width = 32 if dtype == torch.float32 else 16
    patterns = st.sampled_from(NOTABLE[dtype]) | st.integers(0, 2**width - 1)
    palette = np.array(draw(st.lists(patterns, min_size=1, max_size=6)), np.uint64)
    before, after = draw(st.integers(0, 5)), draw(st.integers(0, 5))
    buffer = torch.full((rows, before + columns + after), torch.nan, dtype=dtype)
    chosen = np.random.default_rng(draw(st.integers(0, 99))).choice(palette, (rows, columns))
    view = buffer[:, before : before + columns]
    view.copy_(from_bits(chosen, dtype))
    if rows and draw(st.booleans()):
        return view[:1].expand(rows, columns)
    return view


@st.composite
def windows(draw: st.DrawFn, batch: int, queries: int, columns: int) -> dict[str, Any]:
    """What says where rows begin and end."""
    rows, ratio = batch * queries, draw(st.sampled_from([1, 1, 2, 4, 7]))
    tokens = near(columns * ratio) | st.integers(columns * ratio // 2, columns * ratio)
    given: dict[str, Any] = {"lengths": None}
    kind = draw(st.sampled_from(["every column", "lengths", "lengths of a batch", "queries", "ends"]))
    if kind == "ends":
        given["ends"] = tensors(draw, near(columns), rows, torch.int32)
    elif kind == "queries":
        given |= {"lengths": tensors(draw, tokens, batch, torch.int32), "queries": queries}
    elif kind != "every column":
        lengths = tensors(draw, tokens, rows, torch.int32)
        given["lengths"] = lengths if kind == "lengths" else lengths.view(batch, queries)
    if given["lengths"] is not None and ratio > 1:
        given["compress_ratio"] = ratio
    if draw(st.booleans()):
        given["starts"] = tensors(draw, near(columns, columns // 2), rows, torch.int32)
    return given


@st.composite
def page_tables(draw: st.DrawFn, rows: int, columns: int) -> dict[str, Any]:
    """A table that may be too narrow, with entries that may be negative or too large for int32 places."""
    size = 1 << draw(st.integers(0, 6))
    needed, extra, named = -(-columns // size), draw(st.integers(0, 2)), draw(st.booleans())
    pages = needed + extra if draw(st.booleans()) else draw(st.integers(0, needed))
    table_rows = draw(st.integers(1, 4) | st.integers(0, 1)) if named else rows + extra
    last = 2**31 // size - 1  # of the pages whose places are int32
    far = st.sampled_from([*INT32, -1, last, min(last + 1, INT32[1])])
    entries = st.integers(0, 9) | st.integers(0, 9) | far
    wide = tensors(draw, entries, table_rows * (pages + extra), torch.int32).view(table_rows, pages + extra)
    given: dict[str, Any] = {"page_table": wide[:, :pages], "page_size": size}
    if named:
        given["table_rows"] = tensors(
            draw, near(table_rows, table_rows - 1 if table_rows else 0), rows, torch.int32
        )
    if draw(st.booleans()):
        given["table_starts"] = tensors(draw, near(pages, 2), rows, torch.int32)
    return given


@st.composite
def calls(draw: st.DrawFn, most_columns: int = 40) -> dict[str, Any]:
    """The arguments of a call, by their names."""
    batch, queries = draw(st.sampled_from([1, 1, 2, 2, 3, 3, 0])), draw(st.integers(1, 3))
    columns = draw(st.integers(most_columns // 4, most_columns) | st.integers(0, 8))
    rows, k = batch * queries, draw(st.integers(1, 8) | st.integers(1, most_columns + 10))
    given = {"logits": draw(logits_of(rows, columns)), "k": k}
    given |= draw(windows(batch, queries, columns))
    places = draw(st.sampled_from(["columns", "offsets", "page table"]))
    if places == "offsets":
        dtype, limits = draw(st.sampled_from([(torch.int32, INT32), (torch.int64, INT64)]))
        edges = [least + off for least in (*limits, *INT32) for off in (-columns, -1, 0, 1, columns)]
        fitting = [edge for edge in edges if limits[0] <= edge <= limits[1]]
        given["offsets"] = tensors(draw, st.sampled_from(fitting) | st.integers(-9, 99), rows, dtype)
    elif places == "page table":
        given |= draw(page_tables(rows, columns))
    for name in ("return_values", "return_columns"):
        if draw(st.booleans()):
            given[name] = True
    if draw(st.booleans()):
        given["index_dtype"] = torch.int64
    return given
