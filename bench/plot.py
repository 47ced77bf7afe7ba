"""The run as a picture: each cell's time over the read-only floor, ours and the page's other kernels."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from ..extras import command_for
from .run import COLD, WARM
from .table import CellFigures

# Middle tones on no background, so that one file can be read on a white page and on a black one.
INK = "#808080"
SERIES = {
    "deterministic": ("#c58a1b", "^", "fastest deterministic one"),
    "exact": ("#1f9d74", "s", "fastest exact one"),
    "fastest": ("#c05fb0", "D", "fastest of all, inexact ones included"),
}
OURS_LOOK = ("#3f87e0", "o", "this kernel: exact, ties by column, ascending, the same bytes in every run")
INCHES = (15.0, 10.0)
DOTS_PER_INCH = 130
TICKS = (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24)


class PlotUnavailable(RuntimeError):
    """matplotlib is not installed."""


def load_matplotlib() -> Any:
    """matplotlib.pyplot without a display; PlotUnavailable where it is missing."""
    try:
        importlib.import_module("matplotlib").use("Agg")
        return importlib.import_module("matplotlib.pyplot")
    except ImportError as error:
        raise PlotUnavailable(f"--plot needs matplotlib ({error}): {command_for('matplotlib')}") from error


def in_page_order(cells: Sequence[CellFigures]) -> list[CellFigures]:
    """Right cells by k (the page's main one first), rows and length; mixed lengths behind the others."""
    right = [cell for cell in cells if not cell["wrong_rows"]]
    return sorted(right, key=lambda cell: (-cell["k"], cell["rows"], cell["length"] == 0, cell["length"]))


def group_of(cell: CellFigures) -> tuple[int, int]:
    """Cells with the same k and number of rows stand together."""
    return cell["k"], cell["rows"]


def draw_half(axes: Any, cells: Sequence[CellFigures], temperature: str) -> None:
    """One temperature: a column a cell, logarithmic ratios."""
    for kind, (colour, marker, label) in SERIES.items():
        known = [(at, cell[temperature]["page"]) for at, cell in enumerate(cells)]
        places = [at for at, page in known if page]
        values = [page[kind] for _, page in known if page]
        axes.plot(places, values, marker, color=colour, label=label, markersize=5, alpha=0.85)
    colour, marker, label = OURS_LOOK
    ratios = [cell[temperature]["ratio"] for cell in cells]
    axes.plot(range(len(cells)), ratios, marker, color=colour, label=label, markersize=7)
    axes.vlines(range(len(cells)), 1, ratios, color=colour, linewidth=1, alpha=0.4)
    axes.axhline(1, color=INK, linewidth=1)
    axes.set_yscale("log")
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.set_ylabel(f"{temperature}: time / floor", color=INK)
    axes.grid(axis="y", color=INK, alpha=0.25, linewidth=0.6)
    axes.set_xlim(-0.8, max(len(cells) - 0.2, 0.8))
    axes.set_xticks(range(len(cells)), [cell["name"].split(" x ")[2] for cell in cells], rotation=90)
    axes.tick_params(colors=INK, labelsize=8)
    for side in axes.spines.values():
        side.set_color(INK)


def mark_groups(axes: Any, cells: Sequence[CellFigures]) -> None:
    """Lines between the groups of cells, and each one's k and rows above it."""
    begin = 0
    for (k, rows), members in groupby(cells, key=group_of):
        end = begin + len(list(members))
        if begin:
            axes.axvline(begin - 0.5, color=INK, linewidth=0.8, alpha=0.6)
        axes.text(
            (begin + end - 1) / 2,
            1.01,
            f"k {k}\n{rows} {'row' if rows == 1 else 'rows'}",
            transform=axes.get_xaxis_transform(),
            color=INK,
            ha="center",
            va="bottom",
            fontsize=7,
        )
        begin = end


def draw(cells: Sequence[CellFigures], title: str, path: Path) -> None:
    """Writes the picture, a PNG, or the format of the name's ending.

    Raises PlotUnavailable without matplotlib, ValueError where no cell is right or the ending is unknown.
    """
    pyplot = load_matplotlib()
    shown = in_page_order(cells)
    if not shown:
        raise ValueError("--plot has no cell to show: every one was wrong")
    figure, halves = pyplot.subplots(2, 1, figsize=INCHES, sharex=True)
    try:
        for axes, temperature in zip(halves, (COLD, WARM), strict=True):
            draw_half(axes, shown, temperature)
            mark_groups(axes, shown)
        halves[1].set_xlabel("columns of each row (length / columns where they differ)", color=INK)
        handles, labels = halves[0].get_legend_handles_labels()
        figure.legend(
            handles[::-1],
            labels[::-1],
            loc="upper center",
            bbox_to_anchor=(0.5, 0.955),
            ncols=2,
            frameon=False,
            labelcolor=INK,
            fontsize=9,
        )
        figure.suptitle(title, color=INK, fontsize=12)
        figure.tight_layout(rect=(0, 0, 1, 0.915))
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DOTS_PER_INCH, transparent=True)
    finally:
        pyplot.close(figure)
