"""vLLM's top-k kernels for sparse-attention indexers as targets.

Calls are those of vllm/model_executor/layers/indexer_topk.py (0.33): `torch.ops._C.persistent_topk` and
`cooperative_topk` with lengths of shape [R, 1], a byte workspace of RADIX_TOPK_WORKSPACE_SIZE, and the
greatest length that a row may have. Its docstring: "writing into topk_indices (int32, -1 fill for rows
shorter than topk_tokens)". Limits are the messages of csrc/topk.cu and csrc/cooperative_topk.cu: "supports
k=512, k=1024, or k=2048", "supports <=64 rows", "stride must be multiple of 4 for TMA alignment"; and of
the layer: "requires SM90+ and is not supported on the SM12x family". Neither says anything of order, ties,
NaN, or negative lengths.
"""

from __future__ import annotations

import importlib
from dataclasses import replace

import torch

from ..function import Function
from ..limits import TargetLimits
from .peer import PeerTarget

WORKSPACE_BYTES = 1 << 20
COOPERATIVE = "cooperative_topk"


class VllmTarget(PeerTarget):
    """operator: the name under torch.ops._C, which vllm._custom_ops registers."""

    package = "vllm"
    documented = TargetLimits(ks=(512, 1024, 2048))

    def __init__(self, operator: str, device: str = "cuda") -> None:
        if operator == COOPERATIVE:
            self.documented = replace(self.documented, max_rows=64, stride_multiple=4)
            self.least_capability, self.no_major = (9, 0), 12
        super().__init__(f"vllm.{operator}", device=device)
        self._operator = operator

    def load(self) -> Function:
        importlib.import_module("vllm._custom_ops")
        kernel = getattr(torch.ops._C, self._operator)

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices = torch.empty(logits.shape[0], k, dtype=torch.int32, device=logits.device)
            workspace = torch.empty(WORKSPACE_BYTES, dtype=torch.uint8, device=logits.device)
            kernel(logits, lengths[:, None], indices, workspace, k, logits.shape[1])
            return indices

        return topk
