"""SGLang's calls: fast_topk_v2 and its transforms, and plan_topk_v2 with the transforms of topk_v2.

Stricter than theirs: a tie at the k-th value goes to the lowest column, columns are ascending, no column is
lost, and the scores are never written. A negative entry of a page table gives -1, and so does a column whose
page the table does not have. Wider: any topk of 1 .. 4096, any row stride, bfloat16 and float16 scores,
negative lengths.

Source: SGLang 0.5.23, sglang/kernels/ops/attention/dsv4/topk.py, and sgl_kernel/top_k.py of its
sglang-kernel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import ops  # noqa: F401  registers select_out

PLAN_INTEGERS = 2  # of a row's entry in a plan of theirs


def fast_topk_v2(score: Tensor, lengths: Tensor, topk: int, row_starts: Tensor | None = None) -> Tensor:
    """The topk greatest columns of each row's window, counted from its start: int32 [rows, topk].

    score: float32, bfloat16 or float16 [rows, columns]. lengths: int32 [rows]. topk: 1 .. 4096. row_starts:
    int32 [rows], where windows begin; None: 0. Raises what the operator select_out raises.
    """
    indices = score.new_empty((score.shape[0], topk), dtype=torch.int32)
    torch.ops.persistent_topk.select_out(score, lengths, indices, None, topk, starts=row_starts)
    return indices


def fast_topk_transform_fused(
    score: Tensor,
    lengths: Tensor,
    page_table_size_1: Tensor,
    cu_seqlens_q: Tensor,
    topk: int,
    row_starts: Tensor | None = None,
) -> Tensor:
    """The entries of a page table of the topk greatest columns of each row's window: int32 [rows, topk].

    score: float32, bfloat16 or float16 [rows, columns]. lengths: int32 [rows]. page_table_size_1: int32
    [sequences, tokens], pages of one token. cu_seqlens_q: int32 [sequences + 1], the first row of each
    sequence and, last, the number of rows; a row of no sequence gets -1. With as many sequences as rows and
    no row_starts it is not read: row r has sequence r. topk: 1 .. 4096. row_starts: int32 [rows], where
    windows begin; None: 0. Raises what the operator select_out raises.
    """
    rows, sequences = score.shape[0], cu_seqlens_q.shape[0] - 1
    table_rows = None
    if row_starts is not None or sequences != rows:
        row = torch.arange(rows, dtype=cu_seqlens_q.dtype, device=score.device)
        table_rows = torch.searchsorted(cu_seqlens_q, row, right=True, out_int32=True) - 1
    places = score.new_empty((rows, topk), dtype=torch.int32)
    torch.ops.persistent_topk.select_out(
        score,
        lengths,
        places,
        None,
        topk,
        starts=row_starts,
        page_table=page_table_size_1[:sequences],
        table_rows=table_rows,
        page_size=1,
    )
    return places


def fast_topk_transform_ragged_fused(
    score: Tensor,
    lengths: Tensor,
    topk_indices_offset: Tensor,
    topk: int,
    row_starts: Tensor | None = None,
) -> Tensor:
    """The topk greatest columns of each row's window, each plus the row's offset: int32 [rows, topk].

    score: float32, bfloat16 or float16 [rows, columns]. lengths: int32 [rows]. topk_indices_offset: int32
    [rows], in columns. topk: 1 .. 4096. row_starts: int32 [rows], where windows begin; None: 0. Raises what
    the operator select_out raises.
    """
    places = score.new_empty((score.shape[0], topk), dtype=torch.int32)
    torch.ops.persistent_topk.select_out(
        score, lengths, places, None, topk, starts=row_starts, offsets=topk_indices_offset
    )
    return places


def plan_topk_v2(seq_lens: Tensor, static_threshold: int = -1, *, out: Tensor | None = None) -> Tensor:
    """A tensor to pass on as `metadata`: int32 [rows + 1, 2], whose contents nobody reads.

    seq_lens: int32 [rows], not read: here the kernel plans for itself, when it runs. static_threshold: not
    read. out: int32 [rows + 1, 2], returned as it is, if it is given. Raises what torch.empty raises.
    """
    return seq_lens.new_empty((seq_lens.shape[0] + 1, PLAN_INTEGERS)) if out is None else out


def topk_transform_paged_v2(
    scores: Tensor,
    seq_lens: Tensor,
    page_tables: Tensor | None,
    out_page_indices: Tensor,
    page_size: int,
    metadata: Tensor | None,
    out_raw_indices: Tensor | None = None,
) -> None:
    """The places in a paged cache of the greatest columns of each row, into `out_page_indices`.

    scores: float32, bfloat16 or float16 [rows, columns]. seq_lens: int32 [rows]. page_tables: int32 [rows,
    pages]; None: the columns themselves are written. out_page_indices: int32 [rows, topk], written, topk 1 ..
    4096. page_size: columns of a page, a power of two. metadata: int32 [rows + 1, 2], not read.
    out_raw_indices: int32 [rows, topk], written with the columns; None: not wanted. Raises what the operator
    select_out raises.
    """
    torch.ops.persistent_topk.select_out(
        scores,
        seq_lens,
        out_page_indices,
        None,
        out_page_indices.shape[1],
        page_table=page_tables,
        page_size=None if page_tables is None else page_size,
        columns_out=out_raw_indices,
    )


def topk_transform_ragged_v2(
    scores: Tensor,
    seq_lens: Tensor,
    *,
    out_offsets: Tensor,
    out_indices: Tensor,
    row_starts: Tensor | None = None,
) -> None:
    """The greatest columns of each row's window, each plus the row's offset, into `out_indices`.

    scores: float32, bfloat16 or float16 [rows, columns], not written. seq_lens: int32 [rows]. out_offsets:
    int32 [rows], in columns. out_indices: int32 [rows, topk], written, topk 1 .. 4096. row_starts: int32
    [rows], where windows begin; None: 0. Raises what the operator select_out raises.
    """
    torch.ops.persistent_topk.select_out(
        scores,
        seq_lens,
        out_indices,
        None,
        out_indices.shape[1],
        starts=row_starts,
        offsets=out_offsets,
    )
