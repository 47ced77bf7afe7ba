"""What a GPU would have measured, made up: timings, cells' results, and a cell run on the CPU."""

from __future__ import annotations

from types import SimpleNamespace

import torch

from persistent_topk.bench.cells import PAGE_CELLS, Cell
from persistent_topk.bench.measure import Timing
from persistent_topk.bench.peers import Buffers
from persistent_topk.bench.run import COLD, EMPTY, FLOORS, OURS, WARM, CellResult

ENVIRONMENT = {
    "kernel": "0123456789abcdef",
    "date": "2026-01-02 03:04",
    "gpu": "NVIDIA H100 80GB HBM3",
    "driver": "580",
    "nvcc": "13.0",
    "torch": "2.13",
}


def timing(us: float) -> Timing:
    return Timing(us, us * 0.99, us * 1.02, 9, 20)


def result(
    cell: Cell | int, ours: float, floor: float, wrong: int = 0, warm: float = 1.0, **peers: float
) -> CellResult:
    """One run of a cell: floors of `floor` and more; at `warm`, everything takes that much of the time."""
    kernels = {OURS: ours, FLOORS[0]: floor * 1.5, FLOORS[1]: floor, EMPTY: 1.2, **peers}
    cold = {name: timing(us) for name, us in kernels.items()}
    hot = {name: timing(us * warm) for name, us in kernels.items()}
    cell = PAGE_CELLS[cell] if isinstance(cell, int) else cell
    return CellResult(cell, {COLD: cold, WARM: hot}, {OURS: wrong, **dict.fromkeys(peers, 0)})


def cpu_buffers(cell: Cell, launches: int = 2) -> Buffers:
    """Inputs of a small cell in the memory of the CPU."""
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn((launches, cell.rows, cell.columns), generator=generator)
    lengths = torch.full((launches, cell.rows), cell.length, dtype=torch.int32)
    return Buffers(logits, lengths, torch.zeros((launches, cell.rows, cell.k), dtype=torch.int32), launches)


FLOOR = SimpleNamespace(block_a_row=lambda *_: None, rows_cut=lambda *_: None, empty=lambda: None)
