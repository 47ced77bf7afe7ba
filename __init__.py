"""Exact, deterministic top-k selection for sparse attention."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import Unpack

    from persistent_topk import distributed, reference
    from persistent_topk.reference.call import Asking, Options, Places
    from persistent_topk.reference.call import Selection as Selection  # users name what is returned

__version__ = "0.1.0"
__all__ = ["distributed", "reference", "topk"]


def __getattr__(name: str) -> object:
    """What is imported when it is first asked for, since it brings torch along."""
    if name in ("distributed", "reference"):
        return importlib.import_module(f"persistent_topk.{name}")
    if name == "Selection":
        return importlib.import_module("persistent_topk.reference.call").Selection
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@overload
def topk(logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Places]) -> Tensor: ...
@overload
def topk(logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Asking]) -> Selection: ...
@overload
def topk(
    logits: Tensor, lengths: Tensor | None, k: int, **options: Unpack[Options]
) -> Tensor | Selection: ...
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    queries: int = 1,
    compress_ratio: int = 1,
    offsets: Tensor | None = None,
    page_table: Tensor | None = None,
    table_rows: Tensor | None = None,
    table_starts: Tensor | None = None,
    page_size: int | None = None,
    return_values: bool = False,
    return_columns: bool = False,
    index_dtype: torch.dtype | None = None,
) -> Tensor | Selection:
    """The k greatest columns of each row: CUDA tensors go to the kernel, CPU tensors to the reference.

    For each row, with n = clamp(length, 0, S): the min(k, n) columns that come first when columns
    0 .. n-1 are ordered by value, greatest first, NaN above everything, equal values (NaN with NaN,
    +0 with -0) by lowest column first; written in ascending column order, then -1.

    logits: float32, bfloat16 or float16 [R, S], unit column stride, ordered by value as if converted to
    float32. lengths: int32 [R] or [B, Q], R = B x Q, contiguous, any values; None: all columns. k: 1 .. 4096.
    All tensors are on one device.

    Where a row lies. starts: int32 [R]; the row is the window that begins at clamp(start, 0, S) and has
    clamp(length, 0, S - start) columns, which are counted from its start. ends: int32 [R], in place of
    lengths; the window ends before clamp(end, start, S). queries: Q, with lengths int32 [B]; row (b, j) has
    max(0, lengths[b] - Q + 1 + j) tokens. compress_ratio: lengths are in tokens, and so many make a column;
    what is left over makes none.

    What is written for a column. offsets: int32 or int64 [R], added to every column. page_table: int32
    [T, P], with page_size, a power of two; column c becomes
    page_table[table_row, table_start + c // page_size] * page_size + c % page_size, by table_rows: int32 [R]
    (None: row r) and table_starts: int32 [R], in pages (None: 0). Places are computed in 64 bits. One that
    the output cannot hold is -1, and so is one that the table does not have, or has a negative entry for.

    index_dtype: torch.int32 (None) or torch.int64. Returns such integers [R, k] on the device of logits. With
    return_values or return_columns it returns a Selection, a named tuple (indices, values, columns): values,
    the dtype of logits [R, k], are the bits of the selected logits, then -inf; columns, int32 [R, k], stand
    beside their places.

    Raises TypeError or ValueError, naming the argument, for arguments that cannot be right; on CUDA tensors
    BuildError where the kernel cannot be compiled, and CudaError where it cannot be launched.

    Source: docs/contract.md, by the algorithm of reference/radix.py.
    """
    from persistent_topk import ops  # registers the operators: only where one is used

    return ops.topk(
        logits,
        lengths,
        k,
        starts=starts,
        ends=ends,
        queries=queries,
        compress_ratio=compress_ratio,
        offsets=offsets,
        page_table=page_table,
        table_rows=table_rows,
        table_starts=table_starts,
        page_size=page_size,
        return_values=return_values,
        return_columns=return_columns,
        index_dtype=index_dtype,
    )
