"""The contract in three lines: a stable sort of each row.

Source: docs/contract.md.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .arguments import PADDING, check_arguments
from .order import ordered_key


def topk(logits: Tensor, lengths: Tensor, k: int) -> Tensor:
    """The contract's answer, by definition rather than by algorithm.

    For each row, with n = clamp(length, 0, S): the min(k, n) columns that come first when columns
    0 .. n-1 are ordered by value, greatest first, NaN above everything, equal values (NaN with NaN,
    +0 with -0) by lowest column first; written in ascending column order, then -1.

    logits: float32 [R, S]. lengths: int32 [R]. k: 1 .. 4096. Returns int32 [R, k] on the same device.
    Raises TypeError or ValueError for arguments that cannot be right, and RuntimeError under
    torch.set_flush_denormal(True), which makes float comparisons treat subnormal numbers as zero.
    """
    check_arguments(logits, lengths, k)
    if logits.device.type == "cpu" and _flushes_subnormals():
        raise RuntimeError(
            "torch.set_flush_denormal(True) is on, which makes subnormal logits equal to zero when floats "
            "are compared; the oracle expected torch.set_flush_denormal(False): call that first"
        )
    indices = torch.full((logits.shape[0], k), PADDING, dtype=torch.int32, device=logits.device)
    for row, length in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        selected = min(k, length)
        indices[row, :selected] = first_columns(logits[row, :length], selected)
    return indices


def first_columns(row: Tensor, k: int) -> Tensor:
    """The k columns that come first in the contract's order, ascending: int64 [min(k, n)].

    row: float32 [n]. k: 0 or more.
    """
    values = row.detach()
    # On CUDA torch.sort orders NaN by sign and payload. Integer keys have one order on every device.
    keys = values if values.device.type == "cpu" else ordered_key(values)
    return torch.sort(keys, descending=True, stable=True).indices[:k].sort().values


def _flushes_subnormals() -> bool:
    """Whether float comparisons on this thread treat the smallest subnormal as zero."""
    smallest = torch.ones(1, dtype=torch.int32, device="cpu").view(torch.float32)
    return not bool(smallest > 0)
