"""The checks that every entry point makes of its arguments before anything runs."""

from __future__ import annotations

import torch
from torch import Tensor

from .policy import MAX_K

PADDING = -1  # output slots behind the last selected column
MAX_EXTENT = 2**31 - 1  # rows and columns are counted in int32
DEVICES = ("cpu", "cuda")


def check_arguments(logits: Tensor, lengths: Tensor, k: int) -> None:
    """Raise TypeError or ValueError, naming argument, value and expectation, unless all are right.

    logits: float32 [R, S], columns next to each other (any row stride), on a CPU or a CUDA device.
    lengths: int32 [R], contiguous, on the same device; any values. k: int, 1 .. MAX_K.
    R and S may be 0.
    """
    _check_logits(logits)
    _check_lengths(lengths, logits)
    check_k(k)


def check_k(k: int) -> None:
    """Raise TypeError unless k is an int, ValueError unless it is 1 .. MAX_K."""
    if not isinstance(k, int) or isinstance(k, bool):
        raise TypeError(f"k is {k!r} of type {type(k).__name__}; expected an int")
    if not 1 <= k <= MAX_K:
        raise ValueError(f"k is {k}; expected 1 to {MAX_K}")


def _check_tensor(name: str, tensor: Tensor, dtype: torch.dtype, dims: int, shape: str) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is of type {type(tensor).__name__}; expected a torch.Tensor")
    if tensor.dtype != dtype:
        raise TypeError(f"{name} has dtype {tensor.dtype}; expected {dtype}")
    if tensor.is_nested:
        raise TypeError(f"{name} is a nested tensor; expected a dense one, {shape}")
    if tensor.layout != torch.strided:
        raise TypeError(f"{name} has layout {tensor.layout}; expected {torch.strided}")
    if tensor.dim() != dims:
        raise ValueError(f"{name} has shape {list(tensor.shape)}; expected {dims} dimensions, {shape}")


def _check_logits(logits: Tensor) -> None:
    _check_tensor("logits", logits, torch.float32, 2, "[rows, columns]")
    if logits.device.type not in DEVICES:
        raise ValueError(f"logits is on device {logits.device}; expected one of {', '.join(DEVICES)}")
    if max(logits.shape) > MAX_EXTENT:
        raise ValueError(f"logits has shape {list(logits.shape)}; expected at most {MAX_EXTENT} each way")
    if logits.shape[0] and logits.shape[1] > 1 and logits.stride(1) != 1:  # without rows none uses it
        raise ValueError(f"logits has column stride {logits.stride(1)}; expected 1 (contiguous columns)")
    if logits.is_neg():
        raise ValueError("logits is a lazily negated view; expected plain memory (logits.resolve_neg())")


def _check_lengths(lengths: Tensor, logits: Tensor) -> None:
    _check_tensor("lengths", lengths, torch.int32, 1, "[rows]")
    if lengths.shape[0] != logits.shape[0]:
        raise ValueError(
            f"lengths has {lengths.shape[0]} entries; expected {logits.shape[0]}, one a row of logits"
        )
    if lengths.device != logits.device:
        raise ValueError(f"lengths is on device {lengths.device}; expected {logits.device}, that of logits")
    if not lengths.is_contiguous():
        raise ValueError(f"lengths has stride {lengths.stride(0)}; expected 1 (contiguous)")
