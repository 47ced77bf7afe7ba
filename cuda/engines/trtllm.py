"""TensorRT-LLM's calls: indexer_topk_decode and indexer_topk_prefill.

Stricter than theirs: a tie at the k-th value goes to the lowest column, and columns are ascending. Wider: any
index_topk of 1 .. 4096, any row stride, bfloat16 and float16 logits whatever the width, indices of any row
stride. A hint (pre_idx) and scratch memory cannot change the answer: they are not read.

Source: TensorRT-LLM, torch.ops.trtllm of cpp/tensorrt_llm/thop/IndexerTopKOp.cpp, with the arguments that its
tests pass to it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ... import ops  # noqa: F401  registers select_out
from .arguments import first_columns

INDEX_TOPK = 2048


def indexer_topk_decode(
    logits: Tensor,
    seq_lens: Tensor,
    indices: Tensor,
    next_n: int,
    index_topk: int = INDEX_TOPK,
    pre_idx: Tensor | None = None,
    heuristic_scratch: Tensor | None = None,
    compress_ratio: int = 1,
    radix_aux_indices: Tensor | None = None,
    radix_aux_logits: Tensor | None = None,
) -> None:
    """The index_topk greatest columns of each row, into `indices`.

    logits: float32, bfloat16 or float16 [batch x next_n, columns]. seq_lens: int32 [batch], tokens of each
    sequence, of which its row j sees next_n - 1 - j fewer. indices: int32 [batch x next_n, index_topk or
    more], written, its columns behind index_topk kept. next_n: rows of a sequence. index_topk: 1 .. 4096.
    compress_ratio: tokens of a column. Not read and not written: pre_idx, int32 [batch, index_topk];
    heuristic_scratch, the logits' dtype [rows, index_topk]; radix_aux_indices, int32 [rows, blocks,
    index_topk]; radix_aux_logits, float32 [rows, blocks, index_topk]. Raises what the operator select_out
    raises.
    """
    torch.ops.persistent_topk.select_out(
        logits,
        seq_lens,
        first_columns(indices, index_topk),
        None,
        index_topk,
        queries=next_n,
        compress_ratio=compress_ratio,
    )


def indexer_topk_prefill(
    logits: Tensor, row_starts: Tensor, row_ends: Tensor, indices: Tensor, index_topk: int = INDEX_TOPK
) -> None:
    """The index_topk greatest columns of each row's window, counted from its start, into `indices`.

    logits: float32, bfloat16 or float16 [rows, columns]. row_starts, row_ends: int32 [rows], the first column
    of each row and the one behind its last. indices: int32 [rows, index_topk or more], written, its columns
    behind index_topk kept. index_topk: 1 .. 4096. Raises what the operator select_out raises.
    """
    torch.ops.persistent_topk.select_out(
        logits, None, first_columns(indices, index_topk), None, index_topk, starts=row_starts, ends=row_ends
    )
