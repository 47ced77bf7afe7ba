"""What the notebooks draw: histograms split at a threshold, the stages of a trace, chunks and output slots.

Pictures carry their own light background, so that they read alike on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

# Okabe and Ito's colours, told apart by colour-blind readers too. One meaning each, in all notebooks.
TAKEN = "#0072B2"  # certainly selected
OPEN = "#D55E00"  # holds the k-th key: still to be decided
LEFT = "#A0A0A0"  # certainly not selected
CTAS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#444444")

PANEL_WIDTH, PANEL_HEIGHT = 3.6, 2.9  # inches
BASELINE = 0.5  # lowest count shown on a logarithmic axis


def use_style() -> None:
    """Sets what all pictures share."""
    plt.rcParams.update(
        {
            "figure.facecolor": "#FAFAF7",
            "axes.facecolor": "#FFFFFF",
            "savefig.facecolor": "#FAFAF7",
            "figure.dpi": 96,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10,
            "axes.labelsize": 9,
            "xtick.labelsize": 8,
            "ytick.labelsize": 8,
            "legend.fontsize": 8,
            "legend.frameon": False,
        }
    )


def panels(count: int, width: float = PANEL_WIDTH, height: float = PANEL_HEIGHT) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes side by side."""
    figure, axes = plt.subplots(1, count, figsize=(width * count, height), squeeze=False)
    return figure, list(axes[0])


def name_colours(figure: Figure) -> None:
    """The legend of TAKEN, OPEN and LEFT below a figure."""
    names = ((TAKEN, "above: selected"), (OPEN, "holds the k-th key"), (LEFT, "below: not selected"))
    handles = [Patch(color=colour, label=label) for colour, label in names]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(names))


def split_counts(axes: Axes, counts: Sequence[int] | np.ndarray, place: int) -> None:
    """Draws the occupied counters of a histogram, told apart by where they lie to `place`."""
    counts = np.asarray(counts, np.float64)
    occupied = np.flatnonzero(counts)
    first, last = int(occupied[0]), int(occupied[-1]) + 1
    # A lone counter among many would be thinner than a pixel.
    thinnest = max(1, (last - first) // 120)
    for begin, end, colour in ((first, place, LEFT), (place + 1, last, TAKEN)):
        if begin < end:
            edges = np.arange(begin, end + 1)
            axes.stairs(counts[begin:end], edges, fill=True, color=colour, baseline=BASELINE)
    axes.bar(place + 0.5, counts[place] - BASELINE, width=thinnest, bottom=BASELINE, color=OPEN)
    axes.set_yscale("log")
    axes.set_ylim(BASELINE, 2 * counts.max())
    axes.set_xlim(first - thinnest, last + thinnest)


def draw_stages(record: np.ndarray) -> Figure:
    """The histogram of each stage of one trace record: coarse bins, then one panel a digit pass."""
    passes = int(record["passes"])
    figure, axes = panels(1 + passes)
    split_counts(axes[0], record["histogram"][: record["bins"]], int(record["bin"]))
    axes[0].set(title=f"coarse: {record['bins']} FP16 bins", xlabel="bin", ylabel="keys")
    for number, axis in enumerate(axes[1:]):
        step = record["pass"][number]
        split_counts(axis, step["histogram"], int(step["digit"]))
        source = "the row" if step["over_row"] else "the buffer"
        title = f"pass {number + 1}, over {source}: shift {step['shift']}"
        axis.set(title=title, xlabel="digit", ylabel="keys")
    name_colours(figure)
    return figure


def open_keys(record: np.ndarray, length: int) -> tuple[list[str], list[int]]:
    """Stage names and how many keys are undecided after each: the row, the bin, each pass."""
    steps = record["pass"][: record["passes"]]
    names = ["row", "coarse", *(f"pass {number + 1}" for number in range(len(steps)))]
    return names, [length, int(record["count"]), *steps["count"].tolist()]


def draw_narrowing(axes: Axes, record: np.ndarray, length: int, capacity: int, rank_max: int) -> None:
    """How many keys are undecided after each stage, against what the buffer and the ranking can take."""
    names, counts = open_keys(record, length)
    axes.bar(names, counts, color=OPEN)
    for place, count in enumerate(counts):
        axes.annotate(str(count), (place, count), ha="center", va="bottom", fontsize=8)
    axes.axhline(capacity, color="#000000", linestyle="--", linewidth=1, label=f"buffer: {capacity}")
    axes.axhline(rank_max, color="#000000", linestyle=":", linewidth=1, label=f"ranked at once: {rank_max}")
    axes.set_yscale("log")
    axes.set_ylim(BASELINE, length * 4)
    axes.set(xlabel="after stage", ylabel="keys still undecided")
    axes.legend()


def draw_chunk_counts(axes: Axes, chunk_counts: Sequence[np.ndarray], place: int, around: int = 12) -> None:
    """The merged histogram near `place` as a stack of what each CTA counted in its chunk."""
    first = max(0, place - around)
    last = min(len(chunk_counts[0]), place + around + 1)
    below = np.zeros(last - first)
    for cta, counts in enumerate(chunk_counts):
        part = np.asarray(counts[first:last], np.float64)
        colour = CTAS[cta % len(CTAS)]
        axes.bar(np.arange(first, last), part, 0.9, bottom=below, color=colour, label=f"CTA {cta}")
        below += part
    axes.annotate(
        "k-th key", (place, below[place - first]), (place, below.max() * 1.15), ha="center", fontsize=8,
        arrowprops={"arrowstyle": "->"},
    )  # fmt: skip
    axes.set_ylim(top=max(1.0, below.max()) * 1.25)
    axes.set(xlabel="bin", ylabel="keys")
    axes.legend()


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
