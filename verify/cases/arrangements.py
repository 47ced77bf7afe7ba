"""The order of a row's values: as drawn, sorted, or runs of equal values interleaved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ...reference.order import ordered_key

ORDERS = ("drawn", "ascending", "descending")
ARRANGEMENTS = (*ORDERS, "woven")
WEAVE = 0x9E3779B1  # odd: its multiples modulo 2**32 visit the columns in a scrambled order


def ordered_keys(bits: np.ndarray) -> np.ndarray:
    """uint32 keys, of uint32 bit patterns, whose unsigned order is the contract's."""
    return ordered_key(_floats(bits)).numpy().astype(np.uint32)


def rows_in_order(logits: Tensor, order: str) -> Tensor:
    """The rows of float32 [R, S], each in one of ORDERS: sorted by the contract's order of values."""
    if order == "drawn":
        return logits
    columns = ordered_key(logits).argsort(dim=1, stable=True)
    return logits.gather(1, columns if order == "ascending" else columns.flip(1))


def in_order(bits: np.ndarray, order: str) -> np.ndarray:
    """A row of bit patterns, uint32 [n], in one of ORDERS."""
    return rows_in_order(_floats(bits)[None], order)[0].numpy().view(np.uint32)


def row_of_runs(runs: Sequence[tuple[int, int]], arrangement: str, n: int) -> np.ndarray:
    """uint32 [n]: the runs (bit pattern, count) repeated to fill the row, then arranged.

    arrangement: one of ARRANGEMENTS. n: a negative one counts as 0.
    """
    patterns, counts = np.array(runs, np.int64).T
    row = np.resize(np.repeat(patterns, counts), max(0, n)).astype(np.uint32)
    if arrangement == "woven":
        return row[np.argsort(np.arange(len(row), dtype=np.uint64) * WEAVE % 2**32)]
    return in_order(row, arrangement)


def _floats(bits: np.ndarray) -> Tensor:
    return torch.from_numpy(bits.view(np.int32)).view(torch.float32)
