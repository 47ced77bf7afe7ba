"""Logits of any dtype as the bit patterns of the float32 that they are converted to, and back.

The checker draws, tells and judges logits by these patterns. It converts them by itself, apart from
reference/, so that one slip cannot hide in both.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
NAMES = {dtype: name for name, dtype in DTYPES.items()}

HALF_BITS = 16
MANTISSA_BITS = {torch.bfloat16: 7, torch.float16: 10}
WHOLE_MANTISSA_BITS = 23  # of a float32
MAGNITUDE, INFINITY = 0x7FFFFFFF, 0x7F800000
SIGN = 0x8000  # of 16 bits
HALF_INFINITY = 0x7C00  # of a float16


def memory_of(tensor: Tensor) -> np.ndarray:
    """The bits of a tensor's elements, signed integers of their width, of the same shape."""
    if not tensor.is_floating_point():
        return tensor.numpy()
    return tensor.view(torch.int32 if tensor.element_size() == 4 else torch.int16).numpy()


def widened(logits: Tensor) -> np.ndarray:
    """uint32 of the same shape: float32 patterns of logits of any dtype. A NaN keeps sign and payload."""
    memory = memory_of(logits)
    if logits.dtype == torch.float32:
        return memory.view(np.uint32)
    if logits.dtype == torch.bfloat16:
        return memory.view(np.uint16).astype(np.uint32) << HALF_BITS
    halves = memory.view(np.uint16)
    patterns = halves.view(np.float16).astype(np.float32).view(np.uint32)
    is_nan = (halves & (SIGN - 1)) > HALF_INFINITY
    # Processors make a signalling NaN a quiet one when they convert it.
    patterns[is_nan] = _wide_nan(halves[is_nan].astype(np.uint32))
    return patterns


def _wide_nan(halves: np.ndarray) -> np.ndarray:
    room = MANTISSA_BITS[torch.float16]
    payload = (halves & ((1 << room) - 1)) << (WHOLE_MANTISSA_BITS - room)
    return (halves & SIGN) << HALF_BITS | INFINITY | payload


def narrowed(patterns: np.ndarray, dtype: torch.dtype) -> Tensor:
    """Logits of `dtype`, of the same shape, of float32 patterns, uint32: rounded to the nearest; a NaN keeps
    its sign, and of its payload what there is room for."""
    bits = np.ascontiguousarray(patterns)
    floats = torch.from_numpy(bits.view(np.int32)).view(torch.float32)
    if dtype == torch.float32:
        return floats
    rounded = memory_of(floats.to(dtype)).view(np.uint16).copy()
    is_nan = (bits & MAGNITUDE) > INFINITY
    if is_nan.any():
        rounded[is_nan] = _nan(bits[is_nan], dtype)
    return torch.from_numpy(rounded.view(np.int16)).view(dtype)


def _nan(bits: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    room = MANTISSA_BITS[dtype]
    payload = (bits >> (WHOLE_MANTISSA_BITS - room)) & ((1 << room) - 1)
    infinity = (SIGN - 1) >> room << room
    return ((bits >> HALF_BITS) & SIGN | infinity | np.maximum(payload, 1)).astype(np.uint16)
