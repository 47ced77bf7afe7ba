"""Times calls as engines make them, beside their longest row alone and a call of equal rows."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import torch

from ..cuda import calls
from ..cuda.environment import environment
from ..exit_code import ExitCode
from ..verify.judging.batch import CONTRACT, wrong_rows
from ..verify.reporting.plain import plain_lines
from ..verify.reporting.record import write_json
from ..verify.reporting.view import Cell, Column, Table, Tone
from .engine_calls import CALLS, EngineCall
from .floors import Floor
from .measure import DISTINCT_BYTES, FLUSH_BYTES, capture, launches_for, time_graph
from .run import POISON

BUDGET_S = 0.02  # GPU time of one call at one temperature
NAME = "engine-calls"  # of its record
COLUMNS = (
    Column("call"),
    *(Column(name, number=True) for name in ("cold us", "warm us", "alone", "equal rows", "ratio", "spread")),
)


@dataclass(frozen=True)
class CallTimes:
    """Microseconds, medians. cold, warm: the call. alone: its longest row in a buffer of its own, warm.
    equal: as many equal rows with as many columns in all, in a buffer of their width, warm. wrong: rows."""

    cold: float
    warm: float
    alone: float
    equal: float
    wrong: int

    @property
    def ratio(self) -> float:
        """The call, warm, over what it cannot be faster than for long: the greater of `alone` and `equal`."""
        return self.warm / max(self.alone, self.equal)


def bench_calls(repeat: int, seed: int, json_file: Path | None) -> int:
    """Times all CALLS `repeat` times, prints the table, writes the record; returns the exit code."""
    if not torch.cuda.is_available():
        click.echo("bench needs a GPU: torch finds no CUDA device on this machine", err=True)
        return ExitCode.CANNOT_RUN
    here = environment()
    click.echo(", ".join(f"{key} {value}" for key, value in here.items()))
    floor = Floor(FLUSH_BYTES)
    runs = [[time_call(call, floor, seed) for call in CALLS] for _ in range(repeat)]
    figures = [merge(call, [run[place] for run in runs]) for place, call in enumerate(CALLS)]
    for line in plain_lines(table_of(figures)):
        click.echo(line)
    wrong = sum(one["wrong"] for one in figures)
    if json_file is not None:
        found = {"calls": len(figures), "wrong_rows": wrong, "repeat": repeat}
        write_json(json_file, NAME, here, found, {"environment": here, "seed": seed, "calls": figures})
    return ExitCode.MISMATCH if wrong else ExitCode.AGREE


def merge(call: EngineCall, times: Sequence[CallTimes]) -> dict[str, Any]:
    """Medians over the runs, and how far their warm times differ (the greatest over the least, less 1)."""
    names = ("cold", "warm", "alone", "equal", "ratio")
    medians = {name: statistics.median(getattr(one, name) for one in times) for name in names}
    warm = [one.warm for one in times]
    shape = {"name": call.name, "rows": len(call.lengths), "columns": call.columns, "k": call.k}
    wrong = sum(one.wrong for one in times)
    return {**shape, **medians, "spread": max(warm) / min(warm) - 1, "wrong": wrong}


def table_of(figures: Sequence[dict[str, Any]]) -> Table:
    """The figures of merge() as a table."""
    return Table("", COLUMNS, tuple(_line(one) for one in figures))


def _line(one: dict[str, Any]) -> tuple[Cell, ...]:
    if one["wrong"]:
        return Cell(f"{one['name']}: {one['wrong']} WRONG ROWS", Tone.BAD), *[Cell("-")] * (len(COLUMNS) - 1)
    times = (f"{one[name]:.2f}" for name in ("cold", "warm", "alone", "equal", "ratio"))
    return Cell(one["name"]), *map(Cell, times), Cell(f"{one['spread']:.1%}")


def time_call(call: EngineCall, floor: Floor, seed: int) -> CallTimes:
    """Times one call, its longest row alone, and equal rows."""
    cold, warm, wrong = _time(call, floor, seed)
    alone = EngineCall("alone", (call.longest,), call.longest, call.k)
    equal = EngineCall("equal", (call.equal_length,) * len(call.lengths), call.equal_length, call.k)
    _, alone_us, wrong_alone = _time(alone, floor, seed)
    _, equal_us, wrong_equal = _time(equal, floor, seed)
    return CallTimes(cold, warm, alone_us, equal_us, wrong + wrong_alone + wrong_equal)


def _time(call: EngineCall, floor: Floor, seed: int) -> tuple[float, float, int]:
    """(cold, warm, wrong rows) of a call; every replayed output is judged."""
    bytes_read = 4 * sum(call.lengths)
    launches = launches_for(4 * len(call.lengths) * call.columns)
    generator = torch.Generator(device="cuda").manual_seed(seed)
    shape = (launches, len(call.lengths), call.columns)
    logits = torch.randn(shape, generator=generator, device="cuda")
    lengths = torch.tensor(call.lengths, dtype=torch.int32, device="cuda").expand(launches, -1).contiguous()
    outputs = torch.empty((launches, len(call.lengths), call.k), dtype=torch.int32, device="cuda")

    def launch(i: int) -> None:
        calls.launch(logits[i], lengths[i], outputs[i], None, call.k)

    def time(warm: bool) -> tuple[float, int]:
        outputs.fill_(POISON)
        graph = capture(launch, launches, warm)
        flush = not warm and launches * bytes_read < DISTINCT_BYTES
        timing = time_graph(graph, launches, flush, floor, BUDGET_S)
        used = range(1 if warm else launches)
        judged = (wrong_rows(logits[i], lengths[i], outputs[i], call.k, CONTRACT) for i in used)
        return timing.median, sum(int(rows.sum()) for rows in judged)

    (cold, wrong_cold), (warm, wrong_warm) = time(warm=False), time(warm=True)
    return cold, warm, wrong_cold + wrong_warm
