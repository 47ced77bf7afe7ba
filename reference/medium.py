"""The medium path: one CTA takes a longer row, holds it in registers or streams it above a sampled bound.

A row of the large path takes these stages too if its team has one CTA.

Source: the radix select of radix.py.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from . import radix
from .order import fp16_bin, ordered_key
from .policy import Policy
from .stream import stream_row


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The selected columns, ascending: int64 [k].

    row: any dtype of logits, [n], n > k. policy: sizes and thresholds. record: TRACE_DTYPE [1], written.
    """
    bits = policy.medium_bin_bits
    bins = fp16_bin(row, bits)
    if row.numel() <= policy.held:
        counts = radix.histogram(bins, 1 << bits)
    else:
        counts = stream_row([bins], 1 << bits, k, policy, record)
    interval = radix.coarse(counts, k, record)
    keys = ordered_key(row)
    cut = radix.refine([keys], interval, policy, record)
    return radix.emit(keys, 0, cut)
