"""Rows beyond 2^32 elements on a CPU: the kernel's source on the emulator over a sparse mapping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import persistent_topk
from persistent_topk.cuda import emulated
from persistent_topk.reference import oracle
from persistent_topk.reference.policy import SMALL

ELEMENTS = 1 << 32


def sparse_rows(file: Path, rows: int, columns: int, stride: int, offset: int) -> torch.Tensor:
    """A float32 [rows, columns] view of a file with holes, which take neither disk nor memory."""
    elements = offset + (rows - 1) * stride + columns
    storage = torch.from_numpy(np.memmap(file, np.float32, "w+", shape=(elements,)))
    return torch.as_strided(storage, (rows, columns), (stride, 1), offset)


@pytest.mark.parametrize("length", [40, 200, 900])
def test_rows_beyond_two_to_the_32_elements_are_found(length: int, tmp_path: Path) -> None:
    rows, columns, stride = 3, 1000, ELEMENTS // 2 + 7
    logits = sparse_rows(tmp_path / "logits", rows, columns, stride, offset=3)
    generator = torch.Generator().manual_seed(length)
    for row in range(rows):
        logits[row] = torch.randn(columns, generator=generator)
    assert (rows - 1) * logits.stride(0) > ELEMENTS
    lengths = torch.full((rows,), length, dtype=torch.int32)
    expected = oracle.topk(logits, lengths, 24)
    assert torch.equal(expected, persistent_topk.topk(logits, lengths, 24))
    assert torch.equal(expected, emulated.topk(logits, lengths, 24, policy=SMALL))
