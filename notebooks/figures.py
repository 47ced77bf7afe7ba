"""What the notebooks draw and print with: the package's pictures on pyplot's figures, output slots with
numbers, the ladder of the notebooks, long lines folded."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from persistent_topk.verify.reporting.pictures import (
    CTAS,
    LEFT,
    OPEN,
    PANEL_HEIGHT,
    PANEL_WIDTH,
    STYLE,
    TAKEN,
    draw_chunk_counts,
    draw_narrowing,
    fill_stages,
    name_colours,
    split_counts,
)

__all__ = [
    "CTAS",
    "LEFT",
    "OPEN",
    "TAKEN",
    "draw_chunk_counts",
    "draw_ladder",
    "draw_narrowing",
    "draw_slots",
    "draw_stages",
    "folded",
    "name_colours",
    "panels",
    "split_counts",
    "use_style",
]

COLUMNS = 96  # of a printed line, which a page shows whole
# The notebooks from the ground up: what each adds, and where its code lies.
RUNGS = (
    ("1  contract", "a sort says what is right", "reference/oracle.py"),
    ("2  FP16 binning", "one histogram finds the threshold's bin", "order.cuh  radix.cuh  stream.cuh"),
    ("3  radix refinement", "digit passes find the threshold itself", "refine.cuh  decode.cuh"),
    ("4  several CTAs", "a team shares the row, and the bytes stay", "large.cuh  team.cuh  schedule.cuh"),
    ("5  differential fuzzing", "a checker tries to break all of it", "verify/  cuda/emulator/"),
    ("6  performance", "what bounds each path", "bench/  plan.cuh"),
    ("7  a decode step", "what an engine does with the answer", "places.cuh  reference/indexer.py"),
)
RUNG_WIDTH, RUNG_STEP = 7.0, 0.5


def folded(text: str, under: int = 4) -> str:
    """A text whose lines over COLUMNS are broken between words; the rest is indented by `under` more."""
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + under)
        parts = textwrap.wrap(
            line, COLUMNS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines += parts if len(line) > COLUMNS else [line]
    return "\n".join(lines)


def draw_ladder() -> Figure:
    """The notebooks as the rungs of a ladder: each stands on the one below."""
    figure, axes = plt.subplots(figsize=(9, 5), layout="none")
    for rung, (title, adds, code) in enumerate(RUNGS):
        left = rung * RUNG_STEP
        axes.barh(rung, RUNG_WIDTH, 0.86, left=left, color=CTAS[rung % len(CTAS)], alpha=0.35)
        axes.text(left + 0.1, rung + 0.17, title, va="center", fontsize=10, weight="bold")
        right = left + RUNG_WIDTH - 0.1
        axes.text(right, rung + 0.17, code, va="center", ha="right", fontsize=8, family="monospace")
        axes.text(left + 0.1, rung - 0.2, adds, va="center", fontsize=9)
    axes.set_axis_off()
    axes.set(xlabel="what a notebook adds", ylabel="notebook")
    return figure


def use_style() -> None:
    """Sets what all pictures share."""
    plt.rcParams.update(STYLE)


def panels(count: int, width: float = PANEL_WIDTH, height: float = PANEL_HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes side by side."""
    figure, axes = plt.subplots(1, count, figsize=(width * count, height), squeeze=False)
    return figure, list(axes[0])


def draw_stages(record: np.void) -> Figure:
    """The histogram of each stage of one trace record: coarse bins, then one panel a digit pass."""
    figure, axes = panels(1 + int(record["passes"]))
    fill_stages(axes, record)
    name_colours(figure)
    return figure


def draw_slots(
    axes: Axes, rows: Sequence[Sequence[int]], owners: Sequence[Sequence[int]], names: Sequence[str]
) -> None:
    """One line of output slots a row, coloured by the CTA that wrote them, with the column in each."""
    for line, (columns, ctas) in enumerate(zip(rows, owners, strict=True)):
        for slot, (column, cta) in enumerate(zip(columns, ctas, strict=True)):
            colour = CTAS[cta % len(CTAS)]
            axes.barh(line, 1, 0.8, left=slot, color=colour, edgecolor="#FFFFFF", alpha=0.55)
            axes.text(slot + 0.5, line, str(column), ha="center", va="center", fontsize=7, color="#000000")
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, max(len(columns) for columns in rows))
    axes.set_xlabel("output slot; the number in it is the column written there")
    axes.spines["left"].set_visible(False)
    used = sorted({cta for line in owners for cta in line})
    handles = [Patch(color=CTAS[cta % len(CTAS)], alpha=0.55, label=f"written by CTA {cta}") for cta in used]
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=len(used))
