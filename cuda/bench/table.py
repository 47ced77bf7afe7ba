"""The figures of a run as lines of text, JSON and geometric means, and two runs side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from .cells import Cell, Figures
from .run import COLD, WARM, CellResult

SCHEMA = 1
HEADER = (
    f"{'k x rows x n':<18}|{'cold us':>8}{'p10-p90':>13}{'floor':>7}{'ratio':>6}{'best':>6}{'vs':>6}"
    f" |{'warm us':>8}{'floor':>7}{'ratio':>6}{'best':>6}{'vs':>6} |{'empty':>6}{'torch':>8}"
)


def page(cell: Cell, temperature: str) -> Figures | None:
    """The peers' figures for this temperature."""
    return cell.cold if temperature == COLD else cell.warm


def figures(result: CellResult, temperature: str) -> dict[str, Any]:
    """What one temperature of a cell comes to. `best`: the page's fastest kernel over the page's floor;
    `versus`: our ratio over that one (under 1: ahead)."""
    ours = result.timings[temperature]["ours"]
    floor = result.floor(temperature)
    peers = page(result.cell, temperature)
    best = peers.fastest / peers.floor if peers else None
    ratio = ours.median / floor
    return {
        "us": ours.median,
        "low": ours.low,
        "high": ours.high,
        "floor": floor,
        "ratio": ratio,
        "best": best,
        "best_name": peers.fastest_name if peers else None,
        "versus": ratio / best if best else None,
        "others": {name: asdict(timing) for name, timing in result.timings[temperature].items()},
    }


def as_json(result: CellResult) -> dict[str, Any]:
    """One cell for the JSON file."""
    cell = result.cell
    return {
        "name": cell.name,
        "k": cell.k,
        "rows": cell.rows,
        "columns": cell.columns,
        "length": cell.length,
        "wrong_rows": result.wrong["ours"],
        COLD: figures(result, COLD),
        WARM: figures(result, WARM),
    }


def number(value: float | None, width: int, digits: int = 2) -> str:
    """Right-aligned, or a dash."""
    return f"{value:>{width}.{digits}f}" if value is not None else f"{'-':>{width}}"


def line(cell: dict[str, Any]) -> str:
    """One cell as a line under HEADER; a cell with a wrong row has no time."""
    if cell["wrong_rows"]:
        return f"{cell['name']:<18}| WRONG: {cell['wrong_rows']} rows"
    cold, warm = cell[COLD], cell[WARM]
    spread = f"{cold['low']:.1f}-{cold['high']:.1f}"
    others = cold["others"]
    peer = others["torch"]["median"] if "torch" in others else None
    return (
        f"{cell['name']:<18}|{number(cold['us'], 8)}{spread:>13}{number(cold['floor'], 7)}"
        f"{number(cold['ratio'], 6)}{number(cold['best'], 6)}{number(cold['versus'], 6)}"
        f" |{number(warm['us'], 8)}{number(warm['floor'], 7)}{number(warm['ratio'], 6)}"
        f"{number(warm['best'], 6)}{number(warm['versus'], 6)}"
        f" |{number(others['empty']['median'], 6)}{number(peer, 8, 1)}"
    )


def geometric_mean(values: Iterable[float]) -> float | None:
    """None of no values."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else None


def summary(cells: list[dict[str, Any]]) -> dict[str, Any]:
    """Over the right cells that the peers' page has: geometric means over the floor, ours and the page's
    fastest, and how many cells are ahead."""
    right = [cell for cell in cells if not cell["wrong_rows"] and cell[COLD]["best"]]
    report: dict[str, Any] = {
        "cells": len(right),
        "wrong_cells": sum(bool(c["wrong_rows"]) for c in cells),
    }
    for temperature in (COLD, WARM):
        parts = [cell[temperature] for cell in right]
        report[temperature] = {
            "ours": geometric_mean(part["ratio"] for part in parts),
            "fastest": geometric_mean(part["best"] for part in parts),
            "at_most_0.95": sum(part["versus"] <= 0.95 for part in parts),
            "above_1.05": sum(part["versus"] > 1.05 for part in parts),
        }
    return report


def summary_lines(report: dict[str, Any]) -> list[str]:
    """The summary as text."""
    lines = [f"{report['cells']} cells of the page, {report['wrong_cells']} cells wrong"]
    for temperature in (COLD, WARM):
        part = report[temperature]
        lines.append(
            f"{temperature}: geometric mean over the floor {number(part['ours'], 0)} "
            f"(fastest peers {number(part['fastest'], 0)}); against the fastest of each cell: "
            f"{part['at_most_0.95']} at 0.95 or less, {part['above_1.05']} above 1.05"
        )
    return lines


def against_lines(cells: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[str]:
    """Cell by cell, now over before: the median, cold and warm, and that over the floors of each run."""
    earlier = {cell["name"]: cell for cell in before}
    lines = [f"{'k x rows x n':<18}|{'cold':>14}{'now/was':>9}{'of ratio':>9} |{'warm':>14}{'now/was':>9}"]
    for cell in cells:
        was = earlier.get(cell["name"])
        if was is None or cell["wrong_rows"] or was["wrong_rows"]:
            continue
        cold, cold_was, warm, warm_was = cell[COLD], was[COLD], cell[WARM], was[WARM]
        cold_pair = f"{cold_was['us']:.2f}>{cold['us']:.2f}"
        warm_pair = f"{warm_was['us']:.2f}>{warm['us']:.2f}"
        lines.append(
            f"{cell['name']:<18}|{cold_pair:>14}{cold['us'] / cold_was['us']:>9.3f}"
            f"{cold['ratio'] / cold_was['ratio']:>9.3f} |{warm_pair:>14}{warm['us'] / warm_was['us']:>9.3f}"
        )
    return lines
