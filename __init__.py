"""Exact, deterministic top-k selection for sparse attention."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from persistent_topk import distributed, reference

__version__ = "0.1.0"
__all__ = ["distributed", "reference", "topk"]


def __getattr__(name: str) -> object:
    """`reference` and `distributed`, imported when they are first asked for: they bring torch along."""
    if name in ("distributed", "reference"):
        return importlib.import_module(f"persistent_topk.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def topk(logits: Tensor, lengths: Tensor, k: int) -> Tensor:
    """The k greatest columns of each row: CUDA tensors go to the kernel, CPU tensors to the reference.

    For each row, with n = clamp(length, 0, S): the min(k, n) columns that come first when columns
    0 .. n-1 are ordered by value, greatest first, NaN above everything, equal values (NaN with NaN,
    +0 with -0) by lowest column first; written in ascending column order, then -1.

    logits: float32 [R, S], unit column stride. lengths: int32 [R], contiguous, same device, any values.
    k: 1 .. 4096. Returns int32 [R, k] on the same device. Raises TypeError or ValueError, naming the
    argument, for arguments that cannot be right; on CUDA tensors BuildError where the kernel cannot be
    compiled, and CudaError where it cannot be launched. Source: docs/contract.md, by the algorithm of
    reference/radix.py.
    """
    if getattr(logits, "is_cuda", False):
        from persistent_topk.cuda import gpu  # compiles or loads the kernel: only where it is used

        return gpu.topk(logits, lengths, k)
    from persistent_topk.reference import topk as model_topk

    return model_topk(logits, lengths, k)
