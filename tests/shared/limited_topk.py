"""Right top-k functions that do not take every call, or answer in a form of their own."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import torch

Pair = tuple[torch.Tensor, torch.Tensor]
GREATEST = (1 << 31) - 1  # int32
NONE = -(1 << 63)  # int64, below every column's


def right(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Needs torch alone, and takes any dtype. All rows at once, and none is sorted whole: either would cost a
    campaign most of its time."""
    longest = int(lengths.clamp(0, logits.shape[1]).max()) if len(lengths) else 0
    column = torch.arange(longest)
    values = logits[:, :longest].float() + 0.0  # one zero
    bits = values.view(torch.int32)
    ordered = (bits ^ ((bits >> 31) & GREATEST)).masked_fill_(values.isnan(), GREATEST)
    apart = (
        ordered.long().mul_(GREATEST + 1).sub_(column)
    )  # of equal values the lowest column is the greatest
    apart.masked_fill_(column >= lengths[:, None], NONE)
    greatest = apart.topk(min(k, len(column)), dim=1)
    columns = greatest.indices.masked_fill_(greatest.values == NONE, GREATEST).sort(dim=1).values
    indices = torch.full((len(logits), k), -1, dtype=torch.int32)
    indices[:, : columns.shape[1]] = columns.masked_fill_(columns == GREATEST, -1)
    return indices


def two_ks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if k not in (512, 2048):
        raise NotImplementedError("k is 512 or 2048")
    return right(logits, lengths, k)


def contiguous_only(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    if not logits.is_contiguous():
        raise NotImplementedError("rows lie end to end")
    return right(logits, lengths, k)


def takes_nothing(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    raise NotImplementedError("not on this machine")


def asserts_its_limits(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Fails of anything that its attributes do not admit."""
    assert k in (8, 64) and len(logits) <= 64 and logits.shape[1] <= 20_000
    assert logits.stride(0) % 8 == 0 and logits.dtype == torch.bfloat16
    return torch.where(right(logits, lengths, k) < 0, -7, right(logits, lengths, k))


asserts_its_limits.max_rows = 64  # type: ignore[attr-defined]
asserts_its_limits.max_columns = 20_000  # type: ignore[attr-defined]
asserts_its_limits.ks = (8, 64)  # type: ignore[attr-defined]
asserts_its_limits.stride_multiple = 8  # type: ignore[attr-defined]
asserts_its_limits.dtype = torch.bfloat16  # type: ignore[attr-defined]
asserts_its_limits.padding = -7  # type: ignore[attr-defined]


def misstated(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits, lengths, k)


misstated.max_rows = "many"  # type: ignore[attr-defined]


def rounds_to_bfloat16(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return right(logits.bfloat16(), lengths, k)


def bfloat16_alone(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    assert logits.dtype == torch.bfloat16, f"logits are {logits.dtype}"
    return right(logits, lengths, k)


def writes_to_bfloat16(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    found = right(logits, lengths, k)
    if logits.numel():
        logits[0, 0] = 77.0
    return found


def values_and_indices(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> Pair:
    indices = right(logits, lengths, k)
    return logits.gather(1, indices.clamp(min=0).long()), indices.long()


def indices_and_values(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> Pair:
    values, indices = values_and_indices(logits, lengths, k)
    return indices.int(), values


def an_array(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> np.ndarray:
    return right(logits, lengths, k).numpy()


def an_array_of_64_bits(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> np.ndarray:
    return right(logits, lengths, k).numpy().astype(np.int64)


_compiled: set[tuple[int, ...]] = set()
COMPILE_SECONDS = 1.5


def compiles(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Takes its time in the first call of each shape."""
    shape = (*logits.shape, k)
    if shape not in _compiled:
        _compiled.add(shape)
        time.sleep(COMPILE_SECONDS)
    return right(logits, lengths, k)


def tells_its_process(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Right, but for the order."""
    Path("process.txt").write_text(str(os.getpid()))
    return right(logits, lengths, k).flip(1)
