"""Exact, deterministic top-k selection for sparse attention, as a kernel of the Hub.

from kernels import get_kernel

selected = get_kernel(REPOSITORY).topk(logits, lengths, k)
"""

from __future__ import annotations

import torch

from ._ops import ops  # written by kernel-builder

__all__ = ["topk", "topk_out", "workspace_size"]


def workspace_size(rows: int, columns: int, device: int) -> int:
    """Bytes that `topk_out` needs in `workspace` on this CUDA device, for logits of up to [rows, columns].

    Raises RuntimeError where the device cannot be asked.
    """
    size: int = ops.workspace_size(rows, columns, device)
    return size


def topk_out(
    logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, workspace: torch.Tensor, k: int
) -> None:
    """Writes the selection; no allocation, no wait, so that a CUDA graph can capture it.

    logits: float32 [R, S], column stride 1. lengths: int32 [R]. output: int32 [R, k], written. workspace: any
    dtype, any shape, of workspace_size() bytes. k: 1 .. 4096. Raises RuntimeError for arguments that cannot
    be right, and where the launch fails.
    """
    ops.topk_out(logits, lengths, output, workspace, k)


def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The k greatest columns of each row, ascending, then -1: int32 [R, k] on the device of logits.

    logits: float32 [R, S], column stride 1. lengths: int32 [R]. k: 1 .. 4096. Raises RuntimeError as topk_out
    does.
    """
    rows, columns = logits.shape
    output = torch.empty(rows, k, dtype=torch.int32, device=logits.device)
    size = workspace_size(rows, columns, logits.get_device())
    topk_out(logits, lengths, output, torch.empty(size, dtype=torch.uint8, device=logits.device), k)
    return output
