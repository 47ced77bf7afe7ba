"""The contract for a whole batch at once, on any device: one stable sort of integer keys."""

from __future__ import annotations

import torch
from torch import Tensor

from ...reference.arguments import PADDING
from ...reference.order import ordered_key

BEYOND = -1  # sorts behind every key


def topk(logits: Tensor, lengths: Tensor, k: int) -> Tensor:
    """What reference.oracle.topk returns, int32 [R, k], without a loop over rows.

    Sorts ordered_key as integers, since torch.sort orders NaN otherwise on CUDA.
    """
    rows, columns = logits.shape
    length = lengths.clamp(0, columns).long()[:, None]
    place = torch.arange(columns, device=logits.device)[None, :]
    keys = ordered_key(logits).masked_fill_(place >= length, BEYOND)
    order = torch.sort(keys, dim=1, descending=True, stable=True).indices[:, :k]
    past = torch.arange(order.shape[1], device=logits.device)[None, :] >= length
    ascending = order.masked_fill_(past, columns).sort(dim=1).values
    answer = torch.full((rows, k), PADDING, dtype=torch.int32, device=logits.device)
    answer[:, : ascending.shape[1]] = torch.where(ascending == columns, PADDING, ascending)
    return answer
