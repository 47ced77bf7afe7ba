"""One description of a call, which all layers take: the arguments of the contract, checked.

A function that selects takes a Call. Only the entry points that users call spell its arguments out.

Source: the contract, docs/contract.md.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Literal, NamedTuple, TypedDict

import torch
from torch import Tensor

from .arguments import check_call


class Places(TypedDict, total=False):
    """The optional arguments of a call, by which it still returns the indices alone. Call describes them."""

    starts: Tensor | None
    ends: Tensor | None
    queries: int
    compress_ratio: int
    offsets: Tensor | None
    page_table: Tensor | None
    table_rows: Tensor | None
    table_starts: Tensor | None
    page_size: int | None
    index_dtype: torch.dtype


class Asking(Places, total=False):
    """The optional arguments of a call that returns a Selection: one of these two is among them."""

    return_values: Literal[True]
    return_columns: Literal[True]


class Options(Places, total=False):
    """All optional arguments of a call."""

    return_values: bool
    return_columns: bool


class Selection(NamedTuple):
    """What a call returns where values or columns are asked for.

    indices: int32 or int64 [R, k], places in ascending order of column, then -1. values: the dtype of logits
    [R, k], the bits of the selected logits, then -inf; None: not asked for. columns: int32 [R, k], the
    columns beside their places, counted from the start of the row's window, then -1; None: not asked for.
    """

    indices: Tensor
    values: Tensor | None = None
    columns: Tensor | None = None

    @classmethod
    def unwritten(
        cls,
        logits: Tensor,
        k: int,
        index_dtype: torch.dtype,
        return_values: bool,
        return_columns: bool,
        indices: Tensor | None = None,
    ) -> Selection:
        """New tensors for what a call returns, of any contents.

        logits: any dtype of the contract's [R, S], whose device they are on. k: slots of a row. index_dtype:
        of the indices. return_values, return_columns: what is asked for beside them. indices: int32 or int64
        [R, k], taken in place of new ones.
        """
        shape = (logits.shape[0], k)
        return cls(
            logits.new_empty(shape, dtype=index_dtype) if indices is None else indices,
            logits.new_empty(shape) if return_values else None,
            logits.new_empty(shape, dtype=torch.int32) if return_columns else None,
        )


@dataclass(frozen=True, eq=False)
class Call:
    """The arguments of a call, of R rows and S columns. A plain call has none of those behind k.

    All tensors are on one device. They are contiguous, except that logits and page_table may have any row
    stride. Their entries may be any integers: what lies outside is clamped, or gives -1 in its own slot.

    logits: float32, bfloat16 or float16 [R, S], ordered by value as if converted to float32.
    lengths: int32 [R] or [B, Q], R = B x Q, in tokens; None: all columns.
    k: 1 .. 4096, columns to select.
    starts: int32 [R], in columns: the row is the window that begins at clamp(start, 0, S). Its columns are
    counted from there.
    ends: int32 [R], in columns, in place of lengths: the window ends before clamp(end, start, S).
    queries: Q, with lengths int32 [B], R = B x Q: row (b, j) has max(0, lengths[b] - Q + 1 + j) tokens.
    compress_ratio: tokens of a column; tokens of a row divided by it, rounded down, are its columns.
    offsets: int32 or int64 [R], in columns, added to every selected column.
    page_table: int32 [T, P]: column c becomes
    page_table[table_row, table_start + c // page_size] * page_size + c % page_size.
    table_rows: int32 [R], rows of page_table; None: row r of the table for row r.
    table_starts: int32 [R], in pages; None: 0.
    page_size: columns of a page, a power of two; with a page_table only.
    return_values, return_columns: whether a Selection is returned that has them.
    index_dtype: of the places, torch.int32 or torch.int64.

    Raises TypeError or ValueError, naming argument, value and what was expected, for arguments that cannot be
    right.
    """

    logits: Tensor
    lengths: Tensor | None
    k: int
    starts: Tensor | None = None
    ends: Tensor | None = None
    queries: int = 1
    compress_ratio: int = 1
    offsets: Tensor | None = None
    page_table: Tensor | None = None
    table_rows: Tensor | None = None
    table_starts: Tensor | None = None
    page_size: int | None = None
    return_values: bool = False
    return_columns: bool = False
    index_dtype: torch.dtype = torch.int32

    def __post_init__(self) -> None:
        check_call(self)

    @property
    def rows(self) -> int:
        """R."""
        return self.logits.shape[0]

    @property
    def columns(self) -> int:
        """S, the columns of the logits; a row's window may have fewer."""
        return self.logits.shape[1]

    @property
    def is_plain(self) -> bool:
        """Whether this is a call of float32 logits, lengths [R] and k, and of nothing else."""
        return not self.extras

    def returned(self, selection: Selection) -> Tensor | Selection:
        """What the call returns of a selection: its indices alone, int32 or int64 [R, k], or all of it."""
        return selection if self.return_values or self.return_columns else selection.indices

    @property
    def extras(self) -> tuple[str, ...]:
        """The names of the arguments that make this more than a plain call, in the order of the fields."""
        found = [name for name, default in _LEFT_OUT.items() if getattr(self, name) is not default]
        if self.lengths is None or self.lengths.dim() == 2:
            found.insert(0, "lengths")
        if self.logits.dtype != torch.float32:
            found.insert(0, "logits")
        return tuple(found)


# What an argument is if it is left out. It is known by its identity: tensors have no other equality that is
# one bool, and small integers are one object each.
_LEFT_OUT = {each.name: each.default for each in fields(Call) if each.default is not MISSING}
