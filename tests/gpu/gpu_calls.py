"""Calls of the kernel as a suspicious engine makes them: output between canaries."""

from __future__ import annotations

from pathlib import Path

import torch

from persistent_topk.cuda import calls
from persistent_topk.reference.policy import Policy

GPU_TESTS = Path(__file__).resolve().parent
POISON = -777_777
CANARY = 0x5A5A5A5A
CANARY_WORDS = 64


def guarded_topk(
    logits: torch.Tensor, lengths: torch.Tensor, k: int, policy: Policy | None = None
) -> torch.Tensor:
    """The kernel's int32 [R, k], written over poison; AssertionError if it wrote beside its slots."""
    rows = logits.shape[0]
    memory = torch.full((2 * CANARY_WORDS + rows * k,), CANARY, dtype=torch.int32, device="cuda")
    output = memory[CANARY_WORDS : CANARY_WORDS + rows * k].view(rows, k)
    output.fill_(POISON)
    calls.launch(logits, lengths, output, None, k, policy)
    assert bool((memory[:CANARY_WORDS] == CANARY).all()), "the kernel wrote before its output"
    assert bool((memory[CANARY_WORDS + rows * k :] == CANARY).all()), "the kernel wrote behind its output"
    return output
