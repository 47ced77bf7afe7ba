"""FlashInfer's top_k_varlen as a target. Not yet run against the real package.

flashinfer.top_k_varlen(logits [R, S], seq_lens [R], top_k, backend=...) -> (indices, values or None): the
documentation promises the top_k elements of each row among the first seq_lens ones, for float32 of any
row width with the backend radix_cutlass; nothing of order or ties: the claim is `set`.
"""

from __future__ import annotations

import importlib

import torch

from .function import Function
from .peer import PeerTarget

BACKEND = "radix_cutlass"


class FlashinferTarget(PeerTarget):
    package = "flashinfer"

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("flashinfer.top_k_varlen", device=device)

    def load(self) -> Function:
        kernel = importlib.import_module("flashinfer").top_k_varlen

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices: torch.Tensor = kernel(logits, lengths, k, backend=BACKEND)[0]
            return indices

        return topk
