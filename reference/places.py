"""What is written for a selected column: its place, and its value.

Source: the contract, docs/contract.md.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .arguments import PADDING
from .call import Call, Selection
from .dtypes import bits_of
from .windows import row_windows

GREATEST = torch.iinfo(torch.int64).max


def answer(call: Call, columns: Tensor) -> Tensor | Selection:
    """What the call returns for these columns: their places, int32 or int64 [R, k], or a Selection.

    call: says how columns become places, and what else is asked for. columns: int32 [R, k], counted from the
    start of each row's window, ascending, then -1.
    """
    return call.returned(selection_of(call, columns))


def selection_of(call: Call, columns: Tensor) -> Selection:
    """The places of these columns, int32 or int64 [R, k], and what else the call asks for beside them.

    call and columns: as for answer(). No two of the tensors share memory.
    """
    return Selection(
        places_of(call, columns),
        values_of(call, columns) if call.return_values else None,
        columns if call.return_columns else None,
    )


def places_of(call: Call, columns: Tensor) -> Tensor:
    """The place of each column, int32 or int64 [R, k] as the call says; -1 where there is none.

    call: its offsets or page table. columns: int32 [R, k], -1 for none. Places are computed in 64 bits. One
    that the dtype cannot hold is -1, and so is one that the table does not have.
    """
    if call.offsets is not None:
        places = _at_offsets(columns.to(torch.int64), call.offsets.to(torch.int64)[:, None])
    elif call.page_table is not None:
        places = _in_pages(call, call.page_table, columns.to(torch.int64))
    else:
        return columns.to(
            call.index_dtype, copy=call.return_columns
        )  # two tensors, as the kernel writes them
    held = torch.iinfo(call.index_dtype)
    lost = (columns < 0) | (places < held.min) | (places > held.max)
    return places.masked_fill_(lost, PADDING).to(call.index_dtype)


def values_of(call: Call, columns: Tensor) -> Tensor:
    """The bits of the selected logits, the dtype of logits [R, k]; -inf where there is no column.

    call: its logits and windows. columns: int32 [R, k], -1 for none.
    """
    values = torch.full_like(columns, -torch.inf, dtype=call.logits.dtype)
    if call.columns == 0:
        return values
    at = row_windows(call).starts[:, None] + columns
    found = bits_of(call.logits).gather(1, at.clamp(0, call.columns - 1))
    return torch.where(columns >= 0, found, bits_of(values)).view(call.logits.dtype)


def _at_offsets(columns: Tensor, offsets: Tensor) -> Tensor:
    """columns + offsets, int64; -1 where 64 bits cannot hold it."""
    return (columns + offsets).masked_fill_(offsets > GREATEST - columns, PADDING)


def _in_pages(call: Call, table: Tensor, columns: Tensor) -> Tensor:
    """The places of columns by the page table, int64; -1 where it has none."""
    assert call.page_size is not None, "a table without the size of its pages"
    rows, pages = table.shape
    if not table.numel():
        return torch.full_like(columns, PADDING)
    row = torch.arange(call.rows, device=table.device) if call.table_rows is None else call.table_rows
    first = 0 if call.table_starts is None else call.table_starts.to(torch.int64)[:, None]
    row, page = row.to(torch.int64)[:, None], first + columns // call.page_size
    outside = (row < 0) | (row >= rows) | (page < 0) | (page >= pages)
    entry = table[row.clamp(0, rows - 1), page.clamp(0, pages - 1)].to(torch.int64)
    place = entry * call.page_size + columns % call.page_size
    return place.masked_fill_(outside | (entry < 0), PADDING)
