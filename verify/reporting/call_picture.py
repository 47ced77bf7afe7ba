"""A call as a picture: the columns that each CTA reads, the longest first. Needs matplotlib."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from ...reference.occupancy import CallLayout
from ...reference.plan import LAUNCHES

COLOURS = dict(zip(LAUNCHES, ("#b5472f", "#3a6ea5", "#8a9a5b"), strict=True))
INCHES, DOTS_PER_INCH = (8, 3), 120


def draw_call(layout: CallLayout, device: str, file: Path) -> None:
    """Draws a bar for each CTA that reads, coloured by launch. Raises ValueError for a format that it cannot
    write."""
    figure = Figure(figsize=INCHES, dpi=DOTS_PER_INCH, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    bars = sorted(
        ((row.columns_a_cta, row.launch) for row in layout.rows for _ in range(row.ctas)), reverse=True
    )
    for name in layout.grids:
        places = [place for place, (_, launch) in enumerate(bars) if launch == name]
        heights = [bars[place][0] for place in places]
        axes.bar(places, heights, width=1, color=COLOURS[name], label=f"launch: {name}")
    axes.set_xlabel("CTAs that read, the busiest first")
    axes.set_ylabel("columns")
    axes.set_title(f"{len(layout.rows)} rows on {device}: {layout.waves} wave(s)")
    axes.legend()
    figure.savefig(file)
