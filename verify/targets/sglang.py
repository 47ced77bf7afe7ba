"""SGLang's fast_topk_v2 as a target. Not yet run against the real package.

sgl_kernel.fast_topk_v2(score [B, L], lengths [B], topk) -> int32 [B, topk]: its docstring promises "the
topk indices", for topk of 2048 alone (asserted), padded with -1, and says nothing of order or ties, which
its own tests sort away: the claim is `set`.
"""

from __future__ import annotations

import importlib

import torch

from .function import Function
from .peer import PeerTarget


class SglangTarget(PeerTarget):
    package = "sgl_kernel"
    ks = (2048,)

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("sglang.fast_topk_v2", device=device)

    def load(self) -> Function:
        kernel = importlib.import_module("sgl_kernel").fast_topk_v2

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices: torch.Tensor = kernel(logits, lengths, k)
            return indices

        return topk
