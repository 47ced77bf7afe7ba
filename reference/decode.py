"""The decode path: one CTA holds the row in its registers, reads it once, and works on its keys.

Source: the radix select of radix.py.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from . import radix
from .order import fp16_bin, ordered_key
from .policy import Policy


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The selected columns, ascending: int64 [k].

    row: any dtype of logits, [n], n > k. policy: sizes and thresholds. record: TRACE_DTYPE [1], written.
    """
    keys = ordered_key(row)
    counts = radix.histogram(fp16_bin(row, policy.decode_bin_bits), 1 << policy.decode_bin_bits)
    interval = radix.coarse(counts, k, record)
    cut = radix.refine([keys], interval, policy, record)
    return radix.emit(keys, 0, cut)
