"""vLLM's calls: persistent_topk, cooperative_topk, top_k_per_row_prefill, top_k_per_row_decode.

Stricter than theirs: a tie at the k-th value goes to the lowest column, and columns are ascending. Wider: any
k of 1 .. 4096, any number of rows, any row stride, bfloat16 and float16 logits, outputs of any row stride.

Source: vLLM 0.33, the schemas of torch.ops._C and the wrappers of vllm/_custom_ops.py.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import ops  # noqa: F401  registers select_out
from .arguments import first_columns, first_rows, refuse


def persistent_topk(
    logits: Tensor, lengths: Tensor, output: Tensor, workspace: Tensor, k: int, max_seq_len: int
) -> None:
    """torch.ops._C.persistent_topk, and cooperative_topk, which asks for the same: the k greatest columns of
    each row, into `output`.

    logits: float32, bfloat16 or float16 [rows, columns]. lengths: int32 [rows] or [batch, queries],
    contiguous. output: int32 [rows, k], written. workspace: uint8 [bytes], of gpu.workspace_size() or more;
    vLLM's megabyte is more than sm_90 and newer need, which is none. k: 1 .. 4096. max_seq_len: a bound on
    lengths, not read: a captured graph is right for longer rows. Raises what the operator select_out raises.
    """
    torch.ops.persistent_topk.select_out(logits, lengths, output, workspace, k)


cooperative_topk = persistent_topk


def top_k_per_row_prefill(
    logits: Tensor,
    cu_seqlen_ks: Tensor,
    cu_seqlen_ke: Tensor,
    raw_topk_indices: Tensor,
    num_rows: int,
    stride0: int,
    stride1: int,
    topk_tokens: int,
) -> None:
    """The topk_tokens greatest columns of each row's window, counted from its start, into `raw_topk_indices`.

    logits: float32, bfloat16 or float16 [num_rows or more, columns]. cu_seqlen_ks, cu_seqlen_ke: int32
    [num_rows or more], the first column of each row and the one behind its last. raw_topk_indices: int32
    [num_rows or more, topk_tokens], written, its columns behind topk_tokens kept. stride0, stride1: those of
    logits; NotImplementedError unless stride1 is 1. topk_tokens: 1 .. 4096. Raises ValueError for a stride0
    that is not the tensor's, and what the operator select_out raises.
    """
    rows = _first_rows("top_k_per_row_prefill", logits, num_rows, stride0, stride1)
    torch.ops.persistent_topk.select_out(
        rows,
        None,
        first_columns(first_rows(raw_topk_indices, num_rows), topk_tokens),
        None,
        topk_tokens,
        starts=first_rows(cu_seqlen_ks, num_rows),
        ends=first_rows(cu_seqlen_ke, num_rows),
    )


def top_k_per_row_decode(
    logits: Tensor,
    next_n: int,
    seq_lens: Tensor,
    raw_topk_indices: Tensor,
    num_rows: int,
    stride0: int,
    stride1: int,
    topk_tokens: int,
) -> None:
    """The topk_tokens greatest columns of each row, into `raw_topk_indices`.

    logits: float32, bfloat16 or float16 [num_rows or more, columns]. next_n: rows of a sequence. seq_lens:
    int32 [batch], lengths of sequences, of which row j sees next_n - 1 - j columns fewer; or [batch, next_n],
    lengths of rows. raw_topk_indices: int32 [num_rows or more, topk_tokens], written, its columns behind
    topk_tokens kept. stride0, stride1: those of logits; NotImplementedError unless stride1 is 1. topk_tokens:
    1 .. 4096. Raises ValueError for a stride0 that is not the tensor's, and what the operator select_out
    raises.
    """
    rows = _first_rows("top_k_per_row_decode", logits, num_rows, stride0, stride1)
    of_rows = seq_lens.dim() == 2 and seq_lens.numel() == num_rows
    torch.ops.persistent_topk.select_out(
        rows,
        seq_lens if of_rows else first_rows(seq_lens.reshape(-1), num_rows // next_n),
        first_columns(first_rows(raw_topk_indices, num_rows), topk_tokens),
        None,
        topk_tokens,
        queries=1 if of_rows else next_n,
    )


def _first_rows(call: str, logits: Tensor, num_rows: int, stride0: int, stride1: int) -> Tensor:
    if stride1 != 1:
        refuse(call, "stride1", stride1, "1, columns next to each other")
    if num_rows > 1 and stride0 != logits.stride(0):
        raise ValueError(f"stride0 is {stride0}; expected {logits.stride(0)}, the row stride of logits")
    return first_rows(logits, num_rows)
