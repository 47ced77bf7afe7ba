"""Kernels and a CUB that run on no GPU, for tests of the soak."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.reference import oracle
from persistent_topk.verify.soak import stage, tally
from persistent_topk.verify.soak.batches import Stage

TINY = Stage("short", (1, 300), (1, 8, 40), (1, 7, 64), 1 << 12, (16, 100))
KERNEL = "0123456789abcdef"
HERE = ("H100", "580.1", "2.11", "")  # GPU, driver, torch, no second oracle


class FakeKernel:
    """Answers as the oracle does but for rows of `wrong` batches, counted from 0."""

    def __init__(self) -> None:
        self.calls = 0
        self.wrong: set[int] = set()

    def launch(self, logits, lengths, output, workspace, k) -> None:
        output.copy_(oracle.topk(logits, lengths, k))
        if self.calls in self.wrong:
            output[0, 0] += 1
        self.calls += 1

    @classmethod
    def in_place(cls, monkeypatch: pytest.MonkeyPatch) -> FakeKernel:
        """One that stages call, without traces."""
        fake = cls()
        monkeypatch.setattr(stage.calls, "launch", fake.launch)
        monkeypatch.setattr(stage, "trace_sample", lambda batch, number, tally: None)
        monkeypatch.setattr(stage, "judge_whole", lambda batch, number, seed, tally: None)
        monkeypatch.setattr(tally, "kernel_hash", lambda: KERNEL)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "H100")
        return fake


class FakeCub:
    """The contract's selection in another order; without ties, the last of equal columns."""

    version = "3.6.0"

    def __init__(self, takes_ties: bool = True, most_columns: int = 1 << 21) -> None:
        self.takes_ties, self.most_columns = takes_ties, most_columns
        self.orders_nan = self.orders_zeros = True

    def topk(self, logits: torch.Tensor, lengths: torch.Tensor, k: int, ties: bool = False) -> torch.Tensor:
        if not self.orders_zeros:  # -0 below +0
            logits = torch.where((logits == 0) & logits.signbit(), -1e-45, logits)
        if not self.orders_nan:
            logits = torch.where(logits.isnan() & logits.signbit(), -torch.inf, logits)
        found = torch.full((logits.shape[0], k), -1, dtype=torch.int32)
        for row, n in enumerate(lengths.clamp(0, logits.shape[1]).tolist()):
            taken = logits[row : row + 1, :n]
            if not self.takes_ties:
                taken = taken.flip(1)
            length = torch.tensor([n], dtype=torch.int32)
            chosen = oracle.topk(taken.contiguous(), length, k)[0, : min(k, n)]
            found[row, : min(k, n)] = (chosen if self.takes_ties else n - 1 - chosen).flip(0)
        return found
