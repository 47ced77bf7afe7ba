"""Times one cell: our kernel, torch.topk and the floors over the same buffers, every output judged."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from ...reference.policy import Policy
from .. import library
from .cells import MIXED_RANGE, Cell
from .floors import Floor
from .judge import wrong_rows
from .measure import DISTINCT_BYTES, Timing, capture, launches_for, time_graph

POISON = -777_777  # no slot may keep it
COLD, WARM = "cold", "warm"


@dataclass
class Buffers:
    """Inputs of one cell and an output for each: logits [launches, rows, columns] and so on."""

    logits: torch.Tensor
    lengths: torch.Tensor
    outputs: torch.Tensor
    launches: int


@dataclass
class CellResult:
    """Timings by temperature and kernel name; `wrong`: rows that were not the contract's, by kernel."""

    cell: Cell
    timings: dict[str, dict[str, Timing]] = field(default_factory=lambda: {COLD: {}, WARM: {}})
    wrong: dict[str, int] = field(default_factory=dict)

    def floor(self, temperature: str) -> float:
        """The faster of the two read-only kernels, microseconds."""
        timings = self.timings[temperature]
        return min(timings[name].median for name in ("floor_rows", "floor_cut"))


def make_lengths(cell: Cell, launches: int, generator: torch.Generator) -> torch.Tensor:
    """int32 [launches, rows]: the cell's length, or log-uniform ones."""
    shape = (launches, cell.rows)
    if cell.length:
        return torch.full(shape, cell.length, dtype=torch.int32, device="cuda")
    low, high = (math.log(bound) for bound in MIXED_RANGE)
    uniform = torch.rand(shape, generator=generator, device="cuda")
    return (low + (high - low) * uniform).exp().int().clamp(*MIXED_RANGE)


class BufferCache:
    """The inputs of the last shape: neighbouring cells that differ in k alone share them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.shape: tuple[int, int, int] | None = None
        self.logits = torch.empty(0)
        self.lengths = torch.empty(0)

    def get(self, cell: Cell) -> Buffers:
        """Normal scores for the cell, the same for the same seed."""
        launches = launches_for(cell.bytes_read)
        shape = (cell.rows, cell.columns, cell.length)
        if shape != self.shape:
            self.logits = self.lengths = torch.empty(0)  # freed before the next shape is made
            generator = torch.Generator(device="cuda").manual_seed(self.seed)
            self.logits = torch.randn((launches, cell.rows, cell.columns), generator=generator, device="cuda")
            self.lengths = make_lengths(cell, launches, generator)
            self.shape = shape
        outputs = torch.empty((launches, cell.rows, cell.k), dtype=torch.int32, device="cuda")
        return Buffers(self.logits, self.lengths, outputs, launches)


Launch = Callable[[int], object]


def kernels(
    cell: Cell, buffers: Buffers, floor: Floor, policy: Policy | None, torch_too: bool
) -> dict[str, Launch]:
    """Launch functions by name; each takes the buffer's number."""
    index = library.policy_index(policy)
    logits, lengths, outputs, k = (
        buffers.logits,
        buffers.lengths,
        buffers.outputs,
        cell.k,
    )
    found: dict[str, Launch] = {
        "ours": lambda i: library.launch(logits[i], lengths[i], outputs[i], None, k, index),
        "floor_rows": lambda i: floor.block_a_row(logits[i], lengths[i], outputs[i], k),
        "floor_cut": lambda i: floor.rows_cut(logits[i], lengths[i], outputs[i], k),
        "empty": lambda i: floor.empty(),
    }
    if torch_too and cell.length >= k:  # torch.topk takes no lengths
        found["torch"] = lambda i: torch.topk(logits[i], k, sorted=False)
    return found


def count_wrong(buffers: Buffers, cell: Cell, warm: bool) -> int:
    """Rows of our outputs of the last replay that are not the contract's."""
    used = 1 if warm else buffers.launches
    return sum(
        wrong_rows(buffers.logits[i], buffers.lengths[i], buffers.outputs[i], cell.k) for i in range(used)
    )


def run_cell(
    cell: Cell,
    cache: BufferCache,
    floor: Floor,
    budget_s: float,
    policy: Policy | None,
    torch_too: bool,
) -> CellResult:
    """Times every kernel on the cell, `budget_s` of GPU time for each at each temperature."""
    buffers = cache.get(cell)
    result = CellResult(cell)
    for name, launch in kernels(cell, buffers, floor, policy, torch_too).items():
        for temperature in (COLD, WARM):
            warm = temperature == WARM
            buffers.outputs.fill_(POISON)
            graph = capture(launch, buffers.launches, warm)
            flush = not warm and buffers.launches * cell.bytes_read < DISTINCT_BYTES
            timing = time_graph(graph, buffers.launches, flush, floor, budget_s)
            result.timings[temperature][name] = timing
            if name == "ours":
                wrong = count_wrong(buffers, cell, warm)
                result.wrong[name] = result.wrong.get(name, 0) + wrong
            del graph
    return result
