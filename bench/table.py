"""The figures of a run as lines of text, Markdown, JSON and means, and two runs side by side."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .cells import Cell, Figures
from .run import COLD, EMPTY, FLOORS, OURS, WARM, CellResult

STABLE_SPREAD = 0.05  # of a cell's medians over the runs
LEVELS = (0.95, 1.00, 1.05)  # of ours over the fastest
PAGE_KINDS = ("fastest", "exact", "deterministic")
HALF = f"{'p10-p90':>13}{'floor':>7}{'ratio':>6}{'fastest':>12}{'ours/':>6}{'exact':>12}{'ours/':>6} "
HEADER = f"{'k x rows x n':<18}|{'cold us':>8}{HALF}|{'warm us':>8}{HALF}|{'empty':>6}"

CellFigures = dict[str, Any]


class UnreadableRun(ValueError):
    """The file of --against has no figures of a bench; the message names what is wrong."""


def page(cell: Cell, temperature: str) -> Figures | None:
    """The peers' figures for this temperature."""
    return cell.cold if temperature == COLD else cell.warm


def median(values: Iterable[float]) -> float:
    """Of the runs' figures."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """(greatest - least) over the median; 0 of one value."""
    return (max(values) - min(values)) / median(values)


def figures(results: Sequence[CellResult], temperature: str) -> CellFigures:
    """What the runs of a cell come to at one temperature: medians over the runs of each run's medians.

    `page`: the peers' page, each kind's ratio to that page's floor, and `versus`: our ratio over the
    fastest one's (under 1: ahead). `peers`: kernels timed in the same runs.
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
        if name not in (OURS, EMPTY, *FLOORS) and all(name in timing for timing in timings):
            runs = [timing[name].median for timing in timings]
            found["peers"][name] = {"us": median(runs), "runs": runs, "ratio": median(runs) / floor}
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
        "wrong_peers": {name: rows for name, rows in wrong.items() if rows and name != OURS},
        "refused": results[0].refused,
        COLD: figures(results, COLD),
        WARM: figures(results, WARM),
    }


def number(value: float | None, width: int, digits: int = 2) -> str:
    """Right-aligned, or a dash."""
    return f"{value:>{width}.{digits}f}" if value is not None else f"{'-':>{width}}"


def half_line(part: CellFigures) -> str:
    """One temperature of a cell under HEADER."""
    between = f"{part['low']:.1f}-{part['high']:.1f}"
    text = f"|{part['us']:>8.2f}{between:>13}{part['floor']:>7.2f}{part['ratio']:>6.2f}"
    if part["page"] is None:
        return text + f"{'-':>12}{'-':>6}{'-':>12}{'-':>6} "
    fastest = f"{part['page']['fastest']:.2f} {part['page']['fastest_name']}"
    exact = f"{part['page']['exact']:.2f} {part['page']['exact_name']}"
    return text + f"{fastest:>12}{part['versus']:>6.2f}{exact:>12}{part['versus_exact']:>6.2f} "


def line(cell: CellFigures) -> str:
    """One cell as a line under HEADER; a cell with a wrong row has no time."""
    if cell["wrong_rows"]:
        return f"{cell['name']:<18}| WRONG: {cell['wrong_rows']} rows"
    return f"{cell['name']:<18}{half_line(cell[COLD])}{half_line(cell[WARM])}|{cell[COLD]['empty']:>6.2f}"


def peer_lines(cells: Sequence[CellFigures]) -> list[str]:
    """The kernels of the same runs: microseconds and ratio to the floor, cold and warm, ours in front."""
    names = dict.fromkeys(name for cell in cells for name in cell[COLD]["peers"])
    if not names:
        return []
    lines = [f"{'in the same run':<18}" + "".join(f"|{name[:20]:>22} " for name in (OURS, *names))]
    lines.append(f"{'':<18}" + f"|{'cold us':>9}{'x':>5}{'warm':>8} " * (1 + len(names)))
    for cell in cells:
        row = f"{cell['name']:<18}"
        for name in (OURS, *names):
            parts = [cell[heat] if name == OURS else cell[heat]["peers"].get(name) for heat in (COLD, WARM)]
            wrong = cell["wrong_rows"] if name == OURS else cell["wrong_peers"].get(name)
            if wrong:
                row += f"|{f'WRONG {wrong} rows':>22} "
            elif parts[0] is None:
                row += f"|{'-':>22} "
            else:
                row += f"|{parts[0]['us']:>9.2f}{parts[0]['ratio']:>5.1f}{parts[1]['us']:>8.2f} "
        lines.append(row)
    return lines


def against_lines(cells: Sequence[CellFigures], before: Sequence[CellFigures]) -> list[str]:
    """Cell by cell, now over before: the median, cold and warm, and that over the floors of each run."""
    earlier = {cell["name"]: cell for cell in before}
    heading = f"{'now/was':>9}{'of ratio':>9}"
    lines = [f"{'k x rows x n':<18}|{'cold':>16}{heading} |{'warm':>16}{heading}"]
    for cell in cells:
        was = earlier.get(cell["name"])
        if was is None or cell["wrong_rows"] or was["wrong_rows"]:
            continue
        parts = ""
        for heat in (COLD, WARM):
            now, then = cell[heat], was[heat]
            pair = f"{then['us']:.2f}>{now['us']:.2f}"
            parts += f"|{pair:>16}{now['us'] / then['us']:>9.3f}{now['ratio'] / then['ratio']:>9.3f} "
        lines.append(f"{cell['name']:<18}{parts.rstrip()}")
    return lines


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


def markdown_lines(cells: Sequence[CellFigures]) -> list[str]:
    """The table as a page shows it."""
    heads = " | ".join(f"{heat} | floor | ratio | fastest | ours/ | exact | ours/" for heat in (COLD, WARM))
    lines = [f"| k x rows x n | {heads} |", "| --- |" + " ---: |" * 14]
    for cell in cells:
        if cell["wrong_rows"]:
            lines.append(f"| {cell['name']} | {cell['wrong_rows']} rows wrong |" + " |" * 13)
            continue
        words = [cell["name"]]
        for part in (cell[COLD], cell[WARM]):
            words += [f"{part['us']:.2f}", f"{part['floor']:.2f}", f"{part['ratio']:.2f}"]
            for kind, versus in (("fastest", "versus"), ("exact", "versus_exact")):
                page = part["page"]
                best = f"{page[kind]:.2f} {page[kind + '_name']}" if page else ""
                words += [best, f"{part[versus]:.2f}" if page else ""]
        lines.append("| " + " | ".join(words) + " |")
    return lines
