"""SGLang's top-k kernels for sparse-attention indexers as targets: three, of two packages.

`sglang.fast_topk` is sglang.kernels.ops.attention.fast_topk (sglang 0.5.23), compiled on first use. Its
docstring: "topk: number of indices per row; 512 or 2048", "Slots beyond lengths[b] are -1. Output order
within a row is unspecified (atomic collection order)".

`sglang.topk_v2` is sglang.kernels.ops.attention.dsv4.topk: plan_topk_v2, then topk_transform_paged_v2
without a page table, where "out_page_indices receives the raw selected indices", "-1 padded". Lengths
"must be NON-NEGATIVE", "score_stride must be a multiple of 4 (16-byte vectorized load)", "topk must be in
(0, 2048]" (csrc/deepseek_v4/topk_v2.cuh).

`sglang.fast_topk_v2` is sgl_kernel.fast_topk_v2, of the package sglang-kernel (before: sgl-kernel).
Its docstring promises "the topk indices", "only optimized for deepseek v3.2 model, where topk=2048"
(asserted); csrc/elementwise/topk.cu: "keep the first `length` entries, set others to -1".

None speaks of ties, NaN, or lengths over the columns.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from ..function import Function
from ..limits import TargetLimits
from .peer import PeerTarget

ATTENTION = "sglang.kernels.ops.attention"
RAW_PAGE_SIZE = 1  # a page of one index


class SglangTarget(PeerTarget):
    """fast_topk of the package sglang."""

    package = "sglang"
    documented = TargetLimits(ks=(512, 2048))

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("sglang.fast_topk", device=device)

    def load(self) -> Function:
        function: Function = importlib.import_module(f"{ATTENTION}.fast_topk").fast_topk
        return function


class SglangV2Target(PeerTarget):
    """topk_v2 of the package sglang: registers, streaming or clusters by the plan."""

    package = "sglang"
    documented = TargetLimits(max_k=2048, stride_multiple=4)

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("sglang.topk_v2", device=device)

    def load(self) -> Function:
        module: Any = importlib.import_module(f"{ATTENTION}.dsv4.topk")

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices = torch.empty(len(logits), k, dtype=torch.int32, device=logits.device)
            plan = module.plan_topk_v2(lengths)
            module.topk_transform_paged_v2(logits, lengths, None, indices, RAW_PAGE_SIZE, plan)
            return indices

        return topk


class SglKernelTarget(PeerTarget):
    """fast_topk_v2 of the package sgl_kernel."""

    package = "sgl_kernel"
    distributions = ("sglang-kernel", "sgl-kernel")
    documented = TargetLimits(ks=(2048,))

    def __init__(self, device: str = "cuda") -> None:
        super().__init__("sglang.fast_topk_v2", device=device)

    def load(self) -> Function:
        function: Function = importlib.import_module("sgl_kernel").fast_topk_v2
        return function
