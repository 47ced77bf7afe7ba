"""The target of the saved failures in this folder. It must not change: a state folder holds its hash."""

from __future__ import annotations

import torch


def last_column_ties(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """The contract, except that equal values are selected from the last column down."""
    output = torch.full((logits.shape[0], k), -1, dtype=torch.int32, device=logits.device)
    for row, length in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        backwards = logits[row, :length].flip(0)
        order = torch.sort(backwards, descending=True, stable=True).indices[:k]
        output[row, : len(order)] = (length - 1 - order).sort().values
    return output
