"""A run of the bench: it times every cell as often as asked for, and makes a record of the results."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .cells import Cell
from .run import CellResult
from .summary import summary, summary_lines
from .table import CellFigures, as_json

RunCell = Callable[[Cell], CellResult]
PrintLine = Callable[[str], None]


@dataclass
class Session:
    """cells: figures in the order of the runs. stopped: why not all of them were timed, or empty.
    broken: whether that was an error. missing: peers that could not run here, and why."""

    runs: int
    cells: list[CellFigures] = field(default_factory=list)
    stopped: str = ""
    broken: bool = False
    missing: dict[str, str] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        return summary(self.cells, self.runs)

    def lines(self) -> list[str]:
        """The summary, then the peers that were not timed, then why the session stopped early."""
        missing = [f"{name} was not run: {why}" for name, why in self.missing.items()]
        return [*summary_lines(self.report()), *missing, *([self.stopped] if self.stopped else [])]

    @property
    def clean(self) -> bool:
        """Every cell that was asked for was timed, and right."""
        return bool(self.cells) and not self.stopped and not self.report()["wrong_cells"]

    def found(self) -> dict[str, Any]:
        """The outcome for a record: whether the session is clean, and its lines."""
        return {"ok": self.clean, "lines": self.lines()}

    def figures(self) -> dict[str, Any]:
        """The figures for a record."""
        return {
            "summary": self.report(),
            "missing_peers": self.missing,
            "stopped": self.stopped,
            "cells": self.cells,
        }


def in_shape_order(cells: Sequence[Cell]) -> list[Cell]:
    """Cells of one shape next to each other, since they share their inputs."""
    return sorted(cells, key=lambda cell: (cell.rows, cell.columns, cell.length))


def run_session(
    cells: Sequence[Cell],
    repeat: int,
    run_cell: RunCell,
    seconds: float | None = None,
    print_line: PrintLine = print,
    clock: Callable[[], float] = time.monotonic,
) -> Session:
    """Times all cells, then all again, `repeat` times. seconds: after this time no cell is begun.

    An error ends the session too, since the device may be unusable after it. In both cases the session
    keeps what was timed before, and `stopped` gives the reason.
    """
    began = clock()
    ordered = in_shape_order(cells)
    results: dict[Cell, list[CellResult]] = {}
    stopped, broken = "", False
    for run in range(1, repeat + 1):
        before = clock()
        for done, cell in enumerate(ordered):
            if seconds is not None and clock() - began > seconds:
                stopped = f"stopped after {seconds:g} s, in run {run} with {done} of {len(ordered)} cells"
                break
            try:
                result = run_cell(cell)
            except RuntimeError as error:
                broken = True
                stopped = f"stopped by {type(error).__name__} in {cell.name}, run {run}: {error}"
                break
            results.setdefault(cell, []).append(result)
        if stopped:
            break
        print_line(f"run {run} of {repeat}: {len(ordered)} cells in {clock() - before:.1f} s")
    timed = [as_json(results[cell]) for cell in ordered if cell in results]
    return Session(repeat, timed, stopped, broken)
