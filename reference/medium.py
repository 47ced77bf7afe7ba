"""Rows that do not fit the registers of the one CTA that takes them: streamed under a running threshold."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from . import radix
from .order import fp16_bin, ordered_key
from .policy import Policy
from .stream import stream


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The selected columns of float32 `row` [n > k], ascending, int64 [k]; writes `record` [1]."""
    bits = policy.medium_bin_bits
    counts = stream(fp16_bin(row, bits), 1 << bits, k, policy, record)
    interval = radix.coarse(counts, k, record)
    keys = ordered_key(row)
    cut = radix.refine([keys], interval, policy, record)
    return radix.emit(keys, 0, cut)
