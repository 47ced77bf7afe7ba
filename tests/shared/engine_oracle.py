"""What an engine's call returns by a few lines of torch, and inputs for it, on any device.

The oracle of a row: the columns of its window in a stable order of value, greatest first; the first k of
them, ascending, then -1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PADDING = -1


def selected(row: Tensor, begin: int, columns: int, k: int) -> list[int]:
    """The k greatest of row[begin : begin + columns], as counted from its start, ascending."""
    window = row[max(0, begin) :][: max(0, columns)].float()
    return sorted(torch.sort(window, descending=True, stable=True).indices[:k].tolist())


def padded(rows: Iterable[Sequence[int]], k: int) -> Tensor:
    return torch.tensor([[*row, *[PADDING] * (k - len(row))] for row in rows], dtype=torch.int32).view(-1, k)


def expected(
    logits: Tensor,
    columns: Sequence[int],
    k: int,
    begins: Sequence[int] | None = None,
    place: Callable[[int, int], int] = lambda row, column: column,
) -> Tensor:
    """What each row selects, as `place` of row and column: int32 [rows, k]."""
    begins = [0] * len(columns) if begins is None else begins
    chosen = [selected(row, *where, k) for row, *where in zip(logits.cpu(), begins, columns, strict=True)]
    return padded([[place(r, column) for column in row] for r, row in enumerate(chosen)], k)


def of_rows(lengths: Sequence[int], queries: int, ratio: int = 1) -> list[int]:
    """Columns of each row, of sequences of so many tokens."""
    return [max(0, n - queries + 1 + j) // ratio for n in lengths for j in range(queries)]


@dataclass(frozen=True)
class Draws:
    """Inputs on a device, of one seed."""

    device: str
    generator: torch.Generator

    @classmethod
    def on(cls, device: str, seed: int = 1) -> Draws:
        return cls(device, torch.Generator().manual_seed(seed))

    def logits(self, rows: int, columns: int, dtype: torch.dtype = torch.float32, beyond: int = 3) -> Tensor:
        """Few distinct values, so that ties decide; the row stride is `beyond` over the columns."""
        drawn = torch.randn(rows, columns + beyond, generator=self.generator).mul(3).round()
        return drawn.to(self.device, dtype)[:, :columns]

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        drawn = torch.randint(low, high, shape, generator=self.generator, dtype=torch.int32)
        return drawn.to(self.device)

    def table(self, *values: int) -> Tensor:
        return torch.tensor(values, dtype=torch.int32, device=self.device)

    def output(self, rows: int, k: int, beyond: int = 0) -> Tensor:
        whole = torch.full((rows, k + beyond), -777, dtype=torch.int32, device=self.device)
        return whole[:, :k]
