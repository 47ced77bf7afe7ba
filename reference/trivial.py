"""Rows of k columns or fewer: all of them are selected, and nothing is read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .policy import Policy


def select(row: Tensor, k: int, policy: Policy, record: np.ndarray) -> Tensor:
    """The columns 0 .. n-1 of `row` [n <= k], int64 [n]; the caller pads."""
    assert row.numel() <= k
    return torch.arange(row.numel(), device=row.device)
