"""vLLM's top-k kernels for sparse-attention indexers as targets. Not yet run against the real package.

Calls, shapes and limits are those of vLLM's sparse attention indexer: `torch.ops._C.persistent_topk` for
k of 512, 1024 and 2048 with a byte workspace, and `cooperative_topk` for few rows whose stride is a
multiple of 4. Neither documents an order, ties or NaN: the claim is `set`.
"""

from __future__ import annotations

import importlib

import torch

from .function import Function
from .peer import PeerTarget

WORKSPACE_BYTES = 1 << 20
COOPERATIVE_ROWS = 32


class VllmTarget(PeerTarget):
    """operator: the name under torch.ops._C, which vllm._custom_ops registers."""

    package = "vllm"
    ks = (512, 1024, 2048)
    stride_multiple = 4

    def __init__(self, operator: str, device: str = "cuda") -> None:
        super().__init__(f"vllm.{operator}", device=device)
        self._operator = operator
        if operator == "cooperative_topk":
            self.most_rows = COOPERATIVE_ROWS

    def load(self) -> Function:
        importlib.import_module("vllm._custom_ops")
        kernel = getattr(torch.ops._C, self._operator)

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices = torch.empty(logits.shape[0], k, dtype=torch.int32, device=logits.device)
            workspace = torch.empty(WORKSPACE_BYTES, dtype=torch.uint8, device=logits.device)
            kernel(logits, lengths[:, None], indices, workspace, k, logits.shape[1])
            return indices

        return topk
