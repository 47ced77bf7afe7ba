"""The summary of a run over its cells: geometric means over the floor, counts against other kernels,
spread."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from .run import COLD, WARM
from .table import LEVELS, PAGE_KINDS, STABLE_SPREAD, CellFigures


def geometric_mean(values: Iterable[float]) -> float | None:
    """The geometric mean. None if there are no values."""
    logarithms = [math.log(value) for value in values]
    return math.exp(sum(logarithms) / len(logarithms)) if logarithms else None


def temperature_summary(parts: Sequence[CellFigures]) -> dict[str, Any]:
    """Over cells of the page at one temperature: means of ours and of each kind of peer, and how many
    cells lie at or under each level of the fastest, and above the last."""
    versus = [part["versus"] for part in parts]
    return {
        "ours": geometric_mean(part["ratio"] for part in parts),
        **{kind: geometric_mean(part["page"][kind] for part in parts) for kind in PAGE_KINDS},
        **{f"at_most_{level:.2f}": sum(value <= level for value in versus) for level in LEVELS},
        f"above_{LEVELS[-1]:.2f}": sum(value > LEVELS[-1] for value in versus),
    }


def peer_summary(cells: Sequence[CellFigures], temperature: str) -> dict[str, dict[str, Any]]:
    """For each kernel of the same run: its mean over the floor and ours, over the cells that it took and
    got right."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for cell in cells for name in cell[temperature]["peers"]):
        took = [
            cell[temperature]
            for cell in cells
            if name in cell[temperature]["peers"] and name not in cell["wrong_peers"]
        ]
        found[name] = {
            "cells": len(took),
            "theirs": geometric_mean(part["peers"][name]["ratio"] for part in took),
            "ours": geometric_mean(part["ratio"] for part in took),
        }
    return found


def form_summary(cells: Sequence[CellFigures], temperature: str) -> dict[str, dict[str, Any]]:
    """For each form of the call: its time over the plain call's, the mean over the cells and the greatest,
    and the most microseconds that it takes more."""
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for cell in cells for name in cell[temperature]["forms"]):
        took = [
            cell for cell in cells if name in cell[temperature]["forms"] and name not in cell["wrong_forms"]
        ]
        halves = [cell[temperature] for cell in took]
        ratios = [half["forms"][name]["to_plain"] for half in halves]
        found[name] = {
            "cells": len(took),
            "mean": geometric_mean(ratios),
            "most": max(ratios, default=None),
            "most_cell": took[ratios.index(max(ratios))]["name"] if took else "",
            "most_us": max((half["forms"][name]["us"] - half["us"] for half in halves), default=None),
        }
    return found


def greatest_spread(cells: Sequence[CellFigures]) -> dict[str, Any]:
    """The cell and temperature whose medians over the runs lie furthest apart."""
    spreads = [(cell[heat]["spread"], cell["name"], heat) for cell in cells for heat in (COLD, WARM)]
    worst = max(spreads, default=(0.0, "", ""))
    return {
        "spread": worst[0],
        "cell": worst[1],
        "temperature": worst[2],
        "within": worst[0] <= STABLE_SPREAD,
        "cells_beyond": len({name for value, name, _ in spreads if value > STABLE_SPREAD}),
    }


def summary(cells: Sequence[CellFigures], runs: int) -> dict[str, Any]:
    """The summary of all cells. Cells with a wrong row are counted and otherwise left out."""
    right = [cell for cell in cells if not cell["wrong_rows"]]
    on_page = [cell for cell in right if cell[COLD]["page"]]
    return {
        "cells": len(on_page),
        "wrong_cells": sum(bool(cell["wrong_rows"] or cell["wrong_forms"]) for cell in cells),
        "forms": {heat: form_summary(right, heat) for heat in (COLD, WARM)},
        "runs": runs,
        "repeatability": greatest_spread(right) if runs > 1 else None,
        **{heat: temperature_summary([cell[heat] for cell in on_page]) for heat in (COLD, WARM)},
        "peers": {heat: peer_summary(right, heat) for heat in (COLD, WARM)},
    }


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def summary_lines(report: dict[str, Any]) -> list[str]:
    """The summary as text."""
    lines = [f"{report['cells']} cells of the page, {report['wrong_cells']} cells wrong"]
    for heat in (COLD, WARM):
        part = report[heat]
        kinds = ", ".join(f"{kind} {_number(part[kind])}" for kind in PAGE_KINDS)
        counts = ", ".join(f"{part[f'at_most_{level:.2f}']} at {level:.2f} or less" for level in LEVELS)
        above = f"{part[f'above_{LEVELS[-1]:.2f}']} above {LEVELS[-1]:.2f}"
        lines.append(f"{heat}: geometric mean over the floor {_number(part['ours'])} (page: {kinds})")
        lines.append(f"{heat}: against the page's fastest of each cell: {counts}, {above}")
    for heat in (COLD, WARM):
        for name, part in report["peers"][heat].items():
            lines.append(
                f"{heat}: {name} in the same run {_number(part['theirs'])}, ours {_number(part['ours'])} "
                f"over its {part['cells']} cells"
            )
    for heat in (COLD, WARM):
        for name, part in report["forms"][heat].items():
            lines.append(
                f"{heat}: {name} {_number(part['mean'])} of the plain call's time over {part['cells']} "
                f"cells, at most {_number(part['most'])} ({part['most_cell']}), and "
                f"{_number(part['most_us'])} us more"
            )
    found = report["repeatability"]
    if found:
        verdict = "within" if found["within"] else f"{found['cells_beyond']} cells beyond"
        lines.append(
            f"{report['runs']} runs: medians differ by at most {found['spread']:.1%} "
            f"({found['cell']}, {found['temperature']}): {verdict} {STABLE_SPREAD:.0%}"
        )
    return lines
