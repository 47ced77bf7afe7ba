"""The trivial path: a row of k columns or fewer, all of which are selected whatever their logits.

Source: the contract, docs/contract.md.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .policy import Policy


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The columns 0 .. n-1: int64 [n]. The caller adds the padding.

    row: any dtype of logits, [n], n <= k. policy: not used. record: TRACE_DTYPE [1], not written.
    """
    assert row.numel() <= k
    return torch.arange(row.numel(), device=row.device)
