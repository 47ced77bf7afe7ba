"""Times the host's part of an eager call: what a step pays before the GPU has anything to do.

Every call is timed in one process, by turns, over inputs so small that the GPU is done before the next call.
torch.add(x, 1, out=x), which launches one kernel as well, is the measure.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import click
import torch

import persistent_topk

from .. import ops  # noqa: F401  registers the operators
from ..cuda.engines import vllm
from ..cuda.environment import environment
from ..exit_code import ExitCode
from ..verify.reporting.plain import plain_lines
from ..verify.reporting.record import write_json
from ..verify.reporting.view import Cell, Column, Table

ROWS, COLUMNS, K, PAGE_SIZE = 4, 4096, 512, 64
WARM_UP_CALLS = 20
CALLS = 200  # of a sample
SAMPLES = 40
MEASURE = "torch.add(x, 1, out=x)"
NAME = "host"  # of its record

Call = Callable[[], object]


def bench_host(repeat: int, json_file: Path | None) -> int:
    """Times the calls `repeat` times, prints a table, writes the record; returns the exit code."""
    if not torch.cuda.is_available():
        click.echo("bench needs a GPU: torch finds no CUDA device on this machine", err=True)
        return ExitCode.CANNOT_RUN
    here = environment()
    click.echo(", ".join(f"{key} {value}" for key, value in {**here, "torch": torch.__version__}.items()))
    runs = [host_times(calls()) for _ in range(repeat)]
    times = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    table = host_table(times)
    lines = plain_lines(table)
    for line in lines:
        click.echo(line)
    if json_file:
        write_json(json_file, NAME, here, {"ok": True, "lines": lines}, {"microseconds": times, "runs": runs})
    return ExitCode.AGREE


def calls() -> dict[str, Call]:
    """The calls by their names, on this GPU, each of them once made."""
    device = "cuda"
    logits = torch.randn(ROWS, COLUMNS, device=device)
    integers = [torch.full((ROWS,), value, dtype=torch.int32, device=device) for value in (COLUMNS, 3, 1, 0)]
    lengths, starts, table_rows, table_starts = integers
    pages = torch.zeros(ROWS, COLUMNS // PAGE_SIZE, dtype=torch.int32, device=device)
    output, columns = (torch.empty(ROWS, K, dtype=torch.int32, device=device) for _ in range(2))
    workspace = torch.empty(1 << 20, dtype=torch.uint8, device=device)
    x = torch.zeros(ROWS, device=device)
    by_name = {
        "starts": starts,
        "page_table": pages,
        "table_rows": table_rows,
        "table_starts": table_starts,
        "columns_out": columns,
        "values_out": torch.empty(ROWS, K, device=device),
    }
    paged = (pages, table_rows, table_starts, PAGE_SIZE)
    by_place = (starts, None, 1, 1, None, *paged, columns, by_name["values_out"])
    operators, plain = torch.ops.persistent_topk, (logits, lengths, output, workspace, K)
    found: dict[str, Call] = {
        MEASURE: partial(torch.add, x, 1, out=x),
        "topk_out": partial(operators.topk_out, *plain),
        "select_out, plain": partial(operators.select_out, *plain),
        "select_out, six optional tensors": partial(operators.select_out, *plain, *by_place),
        "select_out, the six by name": partial(operators.select_out, *plain, page_size=PAGE_SIZE, **by_name),
        "select": partial(operators.select, logits, lengths, K),
        "engines.vllm.persistent_topk": partial(vllm.persistent_topk, *plain, COLUMNS),
        "persistent_topk.topk": partial(persistent_topk.topk, logits, lengths, K),
        "torch.topk": partial(torch.topk, logits, K),
    }
    for call in found.values():
        for _ in range(WARM_UP_CALLS):
            call()
    return found


def host_times(
    calls: Mapping[str, Call],
    wait: Callable[[], object] = torch.cuda.synchronize,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> dict[str, float]:
    """The median microseconds of each call, over samples that are taken by turns.

    wait: until the device has nothing to do. clock: nanoseconds.
    """
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(SAMPLES):
        for name, call in calls.items():
            wait()
            began = clock()
            for _ in range(CALLS):
                call()
            samples[name].append((clock() - began) / CALLS / 1e3)
    return {name: statistics.median(times) for name, times in samples.items()}


def host_table(times: Mapping[str, float]) -> Table:
    """The table of the calls' times, beside that of torch.add."""
    columns = (Column("eager call"), Column("us", number=True), Column("of add", number=True))
    rows = [(name, f"{each:.2f}", f"{each / times[MEASURE]:.2f}") for name, each in times.items()]
    return Table("", columns, tuple(tuple(map(Cell, row)) for row in rows))
