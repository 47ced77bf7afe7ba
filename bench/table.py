"""The figures of a run, cell by cell: medians over its runs, ratios, and their JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cells import Cell, Figures
from .forms import FORMS
from .run import COLD, EMPTY, FLOORS, OURS, WARM, CellResult

STABLE_SPREAD = 0.05  # of a cell's medians over the runs
LEVELS = (0.95, 1.00, 1.05)  # of ours over the fastest
PAGE_KINDS = ("fastest", "exact", "deterministic")

CellFigures = dict[str, Any]


class UnreadableRun(ValueError):
    """The file of --against has no figures of a bench; the message names what is wrong."""


def page(cell: Cell, temperature: str) -> Figures | None:
    """The peers' figures for this temperature."""
    return cell.cold if temperature == COLD else cell.warm


def median(values: Iterable[float]) -> float:
    """The median of the runs' figures."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """(greatest - least) / median. 0 for one value."""
    return (max(values) - min(values)) / median(values)


def figures(results: Sequence[CellResult], temperature: str) -> CellFigures:
    """What the runs of a cell come to at one temperature: medians over the runs of each run's medians.

    `page`: the peers' page, each kind's ratio to that page's floor, and `versus`: our ratio over the
    fastest one's (under 1: ahead). `peers`: kernels timed in the same runs. `forms`: other forms of our own
    call, and their time over the plain one's.
    """
    timings = [result.timings[temperature] for result in results]
    ours = [timing[OURS].median for timing in timings]
    floors = [result.floor(temperature) for result in results]
    us, floor = median(ours), median(floors)
    found: CellFigures = {
        "us": us,
        "low": median(timing[OURS].low for timing in timings),
        "high": median(timing[OURS].high for timing in timings),
        "runs": ours,
        "spread": spread(ours),
        "floor": floor,
        "floor_runs": floors,
        "floors": {name: median(timing[name].median for timing in timings) for name in FLOORS},
        "ratio": us / floor,
        "empty": median(timing[EMPTY].median for timing in timings),
        "replays": timings[0][OURS].replays,
        "launches": timings[0][OURS].launches,
        "page": None,
        "peers": {},
        "forms": {},
    }
    peers = page(results[0].cell, temperature)
    if peers is not None:
        found["page"] = {
            **{kind: getattr(peers, kind) / peers.floor for kind in PAGE_KINDS},
            "fastest_name": peers.fastest_name,
            "exact_name": peers.exact_name,
        }
        found["versus"] = found["ratio"] / found["page"]["fastest"]
        found["versus_exact"] = found["ratio"] / found["page"]["exact"]
    for name in timings[0]:
        if name not in (OURS, EMPTY, *FLOORS, *FORMS) and all(name in timing for timing in timings):
            runs = [timing[name].median for timing in timings]
            found["peers"][name] = {"us": median(runs), "runs": runs, "ratio": median(runs) / floor}
    for name in filter(timings[0].__contains__, FORMS):
        runs = [timing[name].median for timing in timings]
        found["forms"][name] = {"us": median(runs), "runs": runs, "to_plain": median(runs) / us}
    return found


def as_json(results: Sequence[CellResult]) -> CellFigures:
    """One cell for the JSON file, of all its runs."""
    cell = results[0].cell
    names = dict.fromkeys(name for result in results for name in result.wrong)
    wrong = {name: max(result.wrong.get(name, 0) for result in results) for name in names}
    return {
        "name": cell.name,
        "k": cell.k,
        "rows": cell.rows,
        "columns": cell.columns,
        "length": cell.length,
        "wrong_rows": wrong[OURS],
        "wrong_forms": {name: rows for name, rows in wrong.items() if rows and name in FORMS},
        "wrong_peers": {name: rows for name, rows in wrong.items() if rows and name not in (OURS, *FORMS)},
        "refused": results[0].refused,
        COLD: figures(results, COLD),
        WARM: figures(results, WARM),
    }


def read_cells(path: Path) -> list[CellFigures]:
    """The cells of an earlier --json file; UnreadableRun where it holds none."""
    try:
        earlier = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UnreadableRun(f"{path} cannot be read as JSON: {error}") from error
    cells = earlier.get("cells") if isinstance(earlier, dict) else None
    if not isinstance(cells, list) or not all(
        isinstance(cell, dict) and {"name", "wrong_rows", COLD, WARM} <= cell.keys() for cell in cells
    ):
        raise UnreadableRun(f"{path} has no cells; expected a file that bench --json wrote")
    return cells
