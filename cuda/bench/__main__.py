"""`python -m persistent_topk.cuda.bench`: the table of timings on this machine's GPU."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

from ...reference.policy import by_name
from ..environment import environment
from .cells import Cell, select
from .floors import Floor
from .measure import FLUSH_BYTES
from .run import BufferCache, run_cell
from .table import HEADER, SCHEMA, against_lines, as_json, line, summary, summary_lines

EXIT_AGREE, EXIT_MISMATCH, EXIT_USAGE, EXIT_CANNOT_RUN, EXIT_NOTHING = 0, 1, 2, 3, 4
CELL_BUDGET_S = 0.02  # GPU time of one kernel at one temperature
QUICK_BUDGET_S = 0.008


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; exits with 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="persistent-topk bench", description=__doc__)
    parser.add_argument(
        "--cells",
        action="append",
        default=[],
        metavar="K,ROWS,N",
        help="such as 2048,1,8K or 2048,*,*; repeat",
    )
    parser.add_argument("--quick", action="store_true", help="fourteen cells, fewer replays")
    parser.add_argument(
        "--seconds",
        type=float,
        help="stop before a cell once this much time has passed",
    )
    parser.add_argument("--policy", help="a named policy instead of the plan's choice")
    parser.add_argument("--no-torch", action="store_true", help="leave out torch.topk")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare with an earlier --json")
    return parser.parse_args(arguments)


def run(cells: list[Cell], options: argparse.Namespace) -> list[dict[str, Any]]:
    """The cells' results, printed as they come."""
    began = time.monotonic()
    policy = by_name(options.policy) if options.policy else None
    floor, cache = Floor(FLUSH_BYTES), BufferCache(options.seed)
    budget = QUICK_BUDGET_S if options.quick else CELL_BUDGET_S
    results: list[dict[str, Any]] = []
    print(HEADER)
    for cell in sorted(cells, key=lambda cell: (cell.rows, cell.columns, cell.length)):
        if options.seconds is not None and time.monotonic() - began > options.seconds:
            print(f"stopped after {options.seconds:g} s with {len(results)} of {len(cells)} cells")
            break
        result = as_json(run_cell(cell, cache, floor, budget, policy, not options.no_torch))
        results.append(result)
        print(line(result), flush=True)
    return results


def main(arguments: list[str] | None = None) -> int:
    """Runs the bench; returns the exit code (1: some output was wrong)."""
    options = parse(arguments)
    try:
        cells = select(options.cells, options.quick)
    except ValueError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    if not cells:
        print("no cell matches --cells", file=sys.stderr)
        return EXIT_USAGE
    if not torch.cuda.is_available():
        print("bench needs a CUDA device; torch sees none", file=sys.stderr)
        return EXIT_CANNOT_RUN
    here = environment()
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    results = run(cells, options)
    report = summary(results)
    print("\n".join(summary_lines(report)))
    if options.against:
        print("\n".join(against_lines(results, json.loads(options.against.read_text())["cells"])))
    if options.json:
        record = {
            "schema": SCHEMA,
            "environment": here,
            "summary": report,
            "cells": results,
        }
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    if not results:
        return EXIT_NOTHING
    return EXIT_MISMATCH if report["wrong_cells"] else EXIT_AGREE


if __name__ == "__main__":
    sys.exit(main())
