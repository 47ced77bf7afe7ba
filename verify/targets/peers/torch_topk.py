"""torch.topk as a target: a row at a time, padded with -1."""

from __future__ import annotations

import torch

from ...properties import CLAIMS
from ..function import FunctionTarget

# The documentation of torch.topk promises the k greatest elements and, with sorted=True, their order
# by value; of ties it says nothing, and of NaN only torch.sort's does. Lengths are this adapter's.
CLAIMED = CLAIMS["set"]


def torch_topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """torch.topk over the first n columns of each row: int64 [R, k], -1 behind the min(k, n)-th."""
    indices = torch.full((logits.shape[0], k), -1, dtype=torch.int64, device=logits.device)
    for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
        taken = min(k, n)
        indices[row, :taken] = torch.topk(logits[row, :n], taken).indices
    return indices


class TorchTopkTarget(FunctionTarget):
    def __init__(self) -> None:
        super().__init__("torch.topk", torch_topk, CLAIMED)

    def fingerprint(self) -> str:
        return f"torch {torch.__version__}"
