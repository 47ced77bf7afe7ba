"""FlashInfer's top-k for sparse attention as targets: top_k_ragged_transform in its four modes, top_k_varlen.

Statements are from the docstrings of flashinfer/topk.py and flashinfer/topk_varlen/topk_varlen.py (0.6.18,
and 0.7.2 where it says more) and, for limits, from the checks in csrc/topk.cu and topk.cuh.

- Output: "Output indices of shape (num_rows, k) with dtype int32", "Positions beyond actual length are set
  to -1", in no order.
- deterministic: "Deterministic mode guarantees repeatable FlashInfer output ordering for the selected top-k
  set on a fixed input and system."
- tie_break: "Tie-breaking mode for equal values at the selection boundary", 1 being "prefer smaller
  indices"; it "controls which boundary elements are selected; it does not imply deterministic output
  ordering".
- Lengths: "Actual KV lengths per row", no word of others; of top_k_varlen from 0.7.2 on, negative ones "are
  emitted as all -1" and one that "exceeds the logits width ... is clamped to the width by every backend".
- Limits: the input is checked to be contiguous (CHECK_INPUT); with a tie_break k is at most 2048
  (FILTERED_TOPK_MAX_K). Nothing is said of NaN, of the two zeros, or of alignment.
"""

from __future__ import annotations

import importlib
from dataclasses import replace

import torch

from ..function import Function
from ..limits import TargetLimits
from .peer import SELECTS, PeerTarget, installed_version, numbers_of

DISTRIBUTIONS = ("flashinfer-python",)
BACKEND = "radix_cutlass"  # of top_k_varlen: the one that all GPUs have
MOST_K_WITH_TIES = 2048
PREFER_SMALLER = 1  # TopKTieBreak.SMALL
SHORT_LENGTHS_SINCE = (0, 7, 2)


class FlashinferTarget(PeerTarget):
    """top_k_ragged_transform with offsets of zero, made anew in each call as engines do."""

    package = "flashinfer"
    distributions = DISTRIBUTIONS
    documented = TargetLimits(contiguous=True)

    def __init__(self, deterministic: bool = False, ties: bool = False, device: str = "cuda") -> None:
        name = "flashinfer.top_k_ragged" + "_deterministic" * deterministic + "_ties" * ties
        claims = SELECTS
        if deterministic:
            claims |= {"repeatable-set", "repeatable-bytes"}
        if ties:
            claims |= {"repeatable-set", "lowest-column-ties"}
            self.documented = replace(self.documented, max_k=MOST_K_WITH_TIES)
        super().__init__(name, claims, device)
        self._modes = {"deterministic": deterministic, "tie_break": PREFER_SMALLER if ties else 0}

    def load(self) -> Function:
        kernel = importlib.import_module("flashinfer").top_k_ragged_transform
        modes = self._modes

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices: torch.Tensor = kernel(logits, torch.zeros_like(lengths), lengths, k, **modes)
            return indices

        return topk


class FlashinferVarlenTarget(PeerTarget):
    package = "flashinfer"
    distributions = DISTRIBUTIONS
    documented = TargetLimits(contiguous=True)

    def __init__(self, device: str = "cuda") -> None:
        documented = numbers_of(installed_version(DISTRIBUTIONS)) >= SHORT_LENGTHS_SINCE
        claims = SELECTS | {"short-lengths"} if documented else SELECTS
        super().__init__("flashinfer.top_k_varlen", claims, device)

    def load(self) -> Function:
        kernel = importlib.import_module("flashinfer").top_k_varlen

        def topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
            indices: torch.Tensor = kernel(logits, lengths, k, backend=BACKEND)[0]
            return indices

        return topk
