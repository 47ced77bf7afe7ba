"""FlashInfer's calls: top_k, top_k_page_table_transform, top_k_ragged_transform, top_k_varlen.

Stricter than theirs: columns are ascending, and a tie at the k-th value goes to the lowest column, as theirs
do with tie_break SMALL; `deterministic` and `dsa_graph_safe` always hold. Padded values are -inf. A negative
entry of a page table gives -1, and so does a place that int32 cannot hold. Wider: any k of 1 .. 4096, any row
stride, outputs of any row stride. Not here, NotImplementedError: order by value, ties to the highest column.

Source: FlashInfer 0.7.4, flashinfer/topk.py and flashinfer/topk_varlen/topk_varlen.py.
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor

from ... import ops  # noqa: F401  registers the operators
from .arguments import refuse

BACKENDS = ("radix", "gvr", "gvr_2", "radix_cutlass", "radix_filter", "auto")


class TopKTieBreak(IntEnum):
    """Which of the columns that tie at the k-th value are taken. NONE: theirs may take any, here the
    lowest."""

    NONE = 0
    SMALL = 1
    LARGE = 2


def top_k(
    input: Tensor,
    k: int,
    sorted: bool = False,
    deterministic: bool = False,
    tie_break: int = TopKTieBreak.NONE,
    dsa_graph_safe: bool = False,
) -> tuple[Tensor, Tensor]:
    """(values, indices) of the k greatest columns of each row: the dtype of input [rows, k], int64 [rows, k].

    input: float32, bfloat16 or float16 [rows, columns]. k: 1 .. 4096; behind the columns of a narrower input
    -inf and -1. deterministic, dsa_graph_safe: always so. NotImplementedError where sorted is true, which
    asks for the order of values, or tie_break is LARGE. Raises what the operator select raises.
    """
    if sorted:
        refuse("top_k", "sorted", sorted, "False: columns are written in ascending order, not by value")
    _check_ties("top_k", tie_break)
    indices, values, _ = torch.ops.persistent_topk.select(
        input, None, k, return_values=True, index_dtype=torch.int64
    )
    return values, indices


topk = top_k


def top_k_page_table_transform(
    input: Tensor,
    src_page_table: Tensor,
    lengths: Tensor,
    k: int,
    row_to_batch: Tensor | None = None,
    deterministic: bool = False,
    tie_break: int = TopKTieBreak.NONE,
    dsa_graph_safe: bool = False,
    row_starts: Tensor | None = None,
    page_table_row_starts: Tensor | None = None,
    *,
    page_size: int = 1,
    out: Tensor | None = None,
    out_raw_indices: Tensor | None = None,
) -> Tensor:
    """The places in a paged cache of the k greatest columns of each row's window: int32 [rows, k].

    input: float32, bfloat16 or float16 [rows, columns]. src_page_table: int32 [batch, pages]. lengths: int32
    [rows]. k: 1 .. 4096. row_to_batch: int32 [rows], rows of the table; None: row r for row r. deterministic,
    dsa_graph_safe: always so. row_starts: int32 [rows], where windows begin; None: 0. page_table_row_starts:
    int32 [rows], in pages; None: row_starts. page_size: columns of a page, a power of two. out: int32 [rows,
    k], written and returned; None: a new one. out_raw_indices: int32 [rows, k], written with the columns,
    counted from the start; None: not wanted. NotImplementedError where tie_break is LARGE. Raises ValueError
    for pages of several columns with row_starts alone, and what the operator select_out raises.
    """
    _check_ties("top_k_page_table_transform", tie_break)
    if page_size != 1 and row_starts is not None and page_table_row_starts is None:
        raise ValueError(
            f"page_size is {page_size} and row_starts given; expected page_table_row_starts, in pages"
        )
    places = input.new_empty((input.shape[0], k), dtype=torch.int32) if out is None else out
    torch.ops.persistent_topk.select_out(
        input,
        lengths,
        places,
        None,
        k,
        starts=row_starts,
        page_table=src_page_table,
        table_rows=row_to_batch,
        table_starts=row_starts if page_table_row_starts is None else page_table_row_starts,
        page_size=page_size,
        columns_out=out_raw_indices,
    )
    return places


def top_k_ragged_transform(
    input: Tensor,
    offsets: Tensor,
    lengths: Tensor,
    k: int,
    deterministic: bool = False,
    tie_break: int = TopKTieBreak.NONE,
    dsa_graph_safe: bool = False,
    row_starts: Tensor | None = None,
) -> Tensor:
    """The k greatest columns of each row's window, each plus the row's offset: int32 [rows, k].

    input: float32, bfloat16 or float16 [rows, columns]. offsets: int32 [rows], in columns. lengths: int32
    [rows]. k: 1 .. 4096. deterministic, dsa_graph_safe: always so. row_starts: int32 [rows], where windows
    begin; None: 0. NotImplementedError where tie_break is LARGE. Raises what the operator select_out raises.
    """
    _check_ties("top_k_ragged_transform", tie_break)
    places = input.new_empty((input.shape[0], k), dtype=torch.int32)
    torch.ops.persistent_topk.select_out(input, lengths, places, None, k, starts=row_starts, offsets=offsets)
    return places


def top_k_varlen(
    logits: Tensor,
    seq_lens: Tensor,
    top_k: int,
    *,
    row_starts: Tensor | None = None,
    max_window_len: int | None = None,
    absolute_indices: bool = False,
    page_table: Tensor | None = None,
    page_size: int | None = None,
    compress_ratio: int | None = None,
    next_n: int | None = None,
    pre_idx: Tensor | None = None,
    return_values: bool = False,
    out_indices: Tensor | None = None,
    out_values: Tensor | None = None,
    backend: str = "auto",
    load_balance: bool = True,
    workspace: dict[str, Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """(indices, values) of the top_k greatest columns of each row; values are None unless they are asked for.

    logits: float32, bfloat16 or float16 [rows, columns]. seq_lens: int32 [rows / next_n], tokens of each
    sequence, of which its row j sees next_n - 1 - j fewer, each compress_ratio of them one column; with
    row_starts int32 [rows], columns of each window. top_k: 1 .. 4096. row_starts: int32 [rows], where windows
    begin; columns are counted from there, or from 0 with absolute_indices. page_table: int32 [rows / next_n,
    pages]: places in a paged cache in place of columns; page_size: columns of a page, a power of two; None:
    1. compress_ratio, next_n: None: 1. return_values: whether values come along, -inf behind the last.
    out_indices: int32 [rows, top_k] or as many elements, written and returned; None: a new one. out_values:
    the same of the logits' dtype [rows, top_k]. pre_idx, hints, int32 [rows / next_n, top_k], workspace,
    int32 [bytes] by their names, max_window_len, backend, load_balance: not read, since they change the speed
    of theirs alone. Returns int32 [rows, top_k] and the logits' dtype [rows, top_k].

    Raises ValueError for arguments of decoding with row_starts, for arguments of windows or pages without
    them, for a backend of another name, and what the operator select_out raises.
    """
    _check_mode(row_starts, max_window_len, absolute_indices, page_table, page_size)
    _check_decode_only(row_starts, next_n=next_n, compress_ratio=compress_ratio, pre_idx=pre_idx)
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}; expected one of {', '.join(BACKENDS)}, all the same here")
    shape, queries = (logits.shape[0], top_k), next_n or 1
    indices = logits.new_empty(shape, dtype=torch.int32) if out_indices is None else out_indices.view(shape)
    values = None
    if return_values:
        values = logits.new_empty(shape) if out_values is None else out_values.view(shape)
    torch.ops.persistent_topk.select_out(
        logits,
        seq_lens,
        indices,
        None,
        top_k,
        starts=row_starts,
        queries=1 if next_n is None else next_n,
        compress_ratio=1 if compress_ratio is None else compress_ratio,
        offsets=row_starts if absolute_indices else None,
        page_table=page_table,
        table_rows=None if page_table is None or queries == 1 else _sequence_of_rows(logits, queries),
        page_size=None if page_table is None else page_size or 1,
        values_out=values,
    )
    return indices, values


def _check_ties(call: str, tie_break: int) -> None:
    if tie_break == TopKTieBreak.LARGE:
        refuse(call, "tie_break", tie_break, "NONE or SMALL: ties go to the lowest column")


def _check_mode(
    row_starts: Tensor | None,
    max_window_len: int | None,
    absolute_indices: bool,
    page_table: Tensor | None,
    page_size: int | None,
) -> None:
    if row_starts is None:
        for name, given in (("absolute_indices", absolute_indices), ("max_window_len", max_window_len)):
            if given:
                raise ValueError(f"{name} is {given} without row_starts; expected row_starts, or no {name}")
    if page_table is None and page_size is not None:
        raise ValueError(f"page_size is {page_size} without page_table; expected page_table, or no page_size")
    if page_table is not None and row_starts is not None:
        raise ValueError("page_table is given with row_starts; expected one of them")


def _check_decode_only(row_starts: Tensor | None, **given: object) -> None:
    for name, value in given.items():
        if row_starts is not None and value is not None:
            raise ValueError(
                f"{name} is given with row_starts; expected none: windows are counted in columns"
            )


def _sequence_of_rows(logits: Tensor, queries: int) -> Tensor:
    """The sequence of each row, int32 [rows]."""
    rows = torch.arange(logits.shape[0], dtype=torch.int32, device=logits.device)
    return rows.div_(queries, rounding_mode="floor")
