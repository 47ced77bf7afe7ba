"""Times one cell: our kernel, the floors and the peers over the same buffers, every output judged."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

from ..cuda import calls
from ..reference.policy import Policy
from ..verify.judging.batch import CONTRACT, SET, wrong_rows
from .cells import MIXED_RANGE, Cell
from .floors import Floor
from .forms import Form, make_form
from .measure import DISTINCT_BYTES, Timing, capture, launches_for, time_graph
from .peers import Buffers, Peer, PeerRefuses, Prepared

POISON = -777_777  # no slot may keep it
COLD, WARM = "cold", "warm"
OURS, EMPTY = "ours", "empty"
FLOORS = ("floor_rows", "floor_cut")
NOT_JUDGED = (*FLOORS, EMPTY)


@dataclass
class CellResult:
    """Timings by temperature and kernel name. wrong: rows that were not right, by kernel: ours by the whole
    contract, peers by their sets. refused: peers that did not take the cell, and why."""

    cell: Cell
    timings: dict[str, dict[str, Timing]] = field(default_factory=lambda: {COLD: {}, WARM: {}})
    wrong: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def floor(self, temperature: str) -> float:
        """The faster of the two read-only kernels, microseconds."""
        return min(self.timings[temperature][name].median for name in FLOORS)


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
        self.logits = torch.empty(0, device="cpu")
        self.lengths = torch.empty(0, device="cpu")

    def get(self, cell: Cell) -> Buffers:
        """Normal scores for the cell, the same for the same seed."""
        launches = launches_for(cell.bytes_read)
        shape = (cell.rows, cell.columns, cell.length)
        if shape != self.shape:
            self.logits = self.lengths = torch.empty(0, device="cpu")  # freed before the next shape is made
            generator = torch.Generator(device="cuda").manual_seed(self.seed)
            self.logits = torch.randn((launches, cell.rows, cell.columns), generator=generator, device="cuda")
            self.lengths = make_lengths(cell, launches, generator)
            self.shape = shape
        outputs = torch.empty((launches, cell.rows, cell.k), dtype=torch.int32, device="cuda")
        return Buffers(self.logits, self.lengths, outputs, launches)


def own_kernels(
    cell: Cell, buffers: Buffers, floor: Floor, policy: Policy | None
) -> dict[str, Callable[[], Prepared]]:
    """Our kernel, the floors and the empty launch, by name. They write to the outputs of `buffers`."""
    logits, lengths, outputs, k = buffers.logits, buffers.lengths, buffers.outputs, cell.k
    launches: dict[str, Callable[[int], object]] = {
        OURS: lambda i: calls.launch(logits[i], lengths[i], outputs[i], None, k, policy),
        FLOORS[0]: lambda i: floor.block_a_row(logits[i], lengths[i], outputs[i], k),
        FLOORS[1]: lambda i: floor.rows_cut(logits[i], lengths[i], outputs[i], k),
        EMPTY: lambda i: floor.empty(),
    }

    def prepare(launch: Callable[[int], object]) -> Callable[[], Prepared]:
        return lambda: Prepared(launch, outputs.__getitem__)

    return {name: prepare(launch) for name, launch in launches.items()}


def count_wrong(name: str, prepared: Prepared, buffers: Buffers, cell: Cell, warm: bool) -> int:
    """The number of wrong rows in the last replay. 0 for kernels that select nothing."""
    if name in NOT_JUDGED:
        return 0
    promises = CONTRACT if name == OURS else SET
    used = range(1 if warm else buffers.launches)
    answers = ((buffers.logits[i], buffers.lengths[i], prepared.output(i), cell.k) for i in used)
    return sum(int(wrong_rows(*answer, promises).sum()) for answer in answers)


def run_cell(
    cell: Cell,
    cache: BufferCache,
    floor: Floor,
    budget_s: float,
    policy: Policy | None,
    peers: Mapping[str, Peer],
    forms: Sequence[str] = (),
) -> CellResult:
    """Times every kernel on the cell, `budget_s` of GPU time for each at each temperature. forms: of the call
    (see forms.py), each timed right behind the plain one."""
    buffers = cache.get(cell)
    result = CellResult(cell)

    def time_kernel(name: str, prepared: Prepared, form: Form | None = None) -> None:
        bytes_read = cell.bytes_read if form is None else form.bytes_read
        for temperature in (COLD, WARM):
            warm = temperature == WARM
            buffers.outputs.fill_(POISON)
            graph = capture(prepared.launch, buffers.launches, warm)
            flush = not warm and buffers.launches * bytes_read < DISTINCT_BYTES
            timing = time_graph(graph, buffers.launches, flush, floor, budget_s)
            if form is None:
                wrong = count_wrong(name, prepared, buffers, cell, warm)
            else:
                used = range(1 if warm else buffers.launches)
                wrong = sum(int(form.wrong(i).sum()) for i in used)
            result.timings[temperature][name] = timing
            result.wrong[name] = result.wrong.get(name, 0) + wrong
            del graph

    for name, prepare in own_kernels(cell, buffers, floor, policy).items():
        time_kernel(name, prepare())
        for asked in forms if name == OURS else ():
            form = make_form(asked, cell, buffers, policy)
            time_kernel(asked, Prepared(form.launch, buffers.outputs.__getitem__), form)
            del form
    for name, peer in peers.items():
        try:
            time_kernel(name, peer(cell, buffers))
        except PeerRefuses as error:
            result.refused[name] = str(error)
        except (RuntimeError, ValueError, TypeError) as error:  # what a kernel of others raises, or a capture
            result.refused[name] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            for temperature in (COLD, WARM):
                result.timings[temperature].pop(name, None)
    return result
