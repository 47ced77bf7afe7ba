"""An output between canaries, filled with a pattern that is no column of any row."""

from __future__ import annotations

import torch

BYTE = 0xFF
GUARD = 64  # words of canaries on both sides


class GuardedOutput:
    """output: [rows, k] of integers, contiguous, of `poison` like the words around it."""

    def __init__(
        self, rows: int, k: int, poison: int, device: str = "cpu", dtype: torch.dtype = torch.int32
    ) -> None:
        """poison: whose bytes are alike. dtype: int32, or of another width."""
        self.poison = int.from_bytes(bytes([poison & BYTE] * dtype.itemsize), "little", signed=True)
        self._memory = torch.full((rows * k + 2 * GUARD,), self.poison, dtype=dtype, device=device)
        self.output = self._memory[GUARD : GUARD + rows * k].view(rows, k)

    def damage(self) -> str | None:
        """What was written beside the output, in words, or None."""
        guards = torch.cat([self._memory[:GUARD], self._memory[-GUARD:]])
        touched = int((guards != self.poison).sum())
        return f"{touched} words beside the output were written" if touched else None
