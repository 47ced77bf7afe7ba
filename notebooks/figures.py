"""What the notebooks draw with: the package's pictures on pyplot's figures, and output slots with numbers."""

from __future__ import annotations

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
    "draw_narrowing",
    "draw_slots",
    "draw_stages",
    "name_colours",
    "panels",
    "split_counts",
    "use_style",
]


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
