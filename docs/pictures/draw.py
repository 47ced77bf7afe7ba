"""The README's picture: this kernel's time beside the fastest other kernel's, call by call.

python -m persistent_topk.docs.pictures.draw     draws beside-others.png from beside-others.csv

The times are copied from runs that the head of the CSV names. The picture holds the hash of the CSV.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FOLDER = Path(__file__).resolve().parent
TABLE = FOLDER / "beside-others.csv"
PICTURE = TABLE.with_suffix(".png")
# Middle tones on no background, so that one file can be read on a white page and on a black one.
INK, OURS, EXACT, INEXACT = "#808080", "#3f87e0", "#1f9d74", "#c05fb0"
LOSES_COLUMNS = {"s2"}
TITLES = {"equal": "rows as wide as their buffer", "engine": "calls as an engine makes them"}
TICKS = (4, 8, 16, 32, 64, 128)
STYLE: Any = {
    "font.size": 9,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


class Call(NamedTuple):
    """A call, and microseconds of this kernel and of the fastest other one."""

    kind: str
    call: str
    ours: float
    other: float
    name: str


def read_calls(file: Path = TABLE) -> list[Call]:
    """The rows of the table."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    return [
        Call(row["kind"], row["call"], float(row["ours"]), float(row["other"]), row["name"])
        for row in csv.DictReader(lines)
    ]


def digest(file: Path = TABLE) -> str:
    """The hash that the picture of this table holds."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def draw_calls(axes: Axes, calls: list[Call]) -> None:
    """A line for each call, from one kernel's time to the other's."""
    for line, call in enumerate(calls):
        axes.plot([call.ours, call.other], [line, line], color=INK, linewidth=1, zorder=1)
        loses = call.name in LOSES_COLUMNS
        axes.plot(call.other, line, "D" if loses else "s", color=INEXACT if loses else EXACT, markersize=5)
        axes.plot(call.ours, line, "o", color=OURS, markersize=7)
    axes.set_yticks(range(len(calls)), [call.call for call in calls])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xticks(TICKS, [str(tick) for tick in TICKS])
    axes.minorticks_off()
    axes.grid(axis="x", color=INK, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set(title=TITLES[calls[0].kind], xlabel="microseconds, warm, k = 2048")


def draw() -> Path:
    """Draws the picture and returns its path."""
    calls = read_calls()
    with rc_context(STYLE):
        figure = Figure(figsize=(11, 5.2), layout="constrained")
        for axes, kind in zip(figure.subplots(1, 2), TITLES, strict=True):
            draw_calls(axes, [call for call in calls if call.kind == kind])
        for marker, colour, label in (
            ("o", OURS, "this kernel: exact, ties by column, ascending, the same bytes in every run"),
            ("s", EXACT, "fastest other kernel"),
            ("D", INEXACT, "fastest other kernel, one that loses columns in some calls"),
        ):
            figure.axes[0].plot([], [], marker, color=colour, label=label)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        figure.savefig(PICTURE, dpi=130, transparent=True, metadata={"Source": digest()})
    return PICTURE


if __name__ == "__main__":
    print(draw())
