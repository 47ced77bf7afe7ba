"""Pictures of a row's way through its path: for `persistent-topk explain --plot`, and for the notebooks.

They need matplotlib. Each carries its own light background, so that it reads alike on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from ...reference import radix
from ...reference.order import fp16_bin, key_to_float, ordered_key
from ...reference.trace import ALL_TAKEN, PATHS, TRIVIAL
from .stages import Walk

# Okabe and Ito's colours, told apart by colour-blind readers too. One meaning each, in all pictures.
TAKEN = "#0072B2"  # certainly selected
OPEN = "#D55E00"  # holds the k-th key: still to be decided
LEFT = "#A0A0A0"  # certainly not selected
CTAS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#444444")
MEANINGS = ((TAKEN, "above: selected"), (OPEN, "holds the k-th key"), (LEFT, "below: not selected"))

STYLE: Any = {
    "figure.facecolor": "#FAFAF7",
    "axes.facecolor": "#FFFFFF",
    "savefig.facecolor": "#FAFAF7",
    "figure.dpi": 96,
    "figure.constrained_layout.use": True,
    "text.color": "#000000",
    "axes.labelcolor": "#000000",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
}

PANEL_WIDTH, PANEL_HEIGHT = 3.6, 2.9  # inches
TICKS = 6  # numbers on an axis of bins, at most
HEADROOM = 50  # room for a legend over bars on a logarithmic axis
BASELINE = 0.5  # lowest count shown on a logarithmic axis
BINS_AROUND = 12  # bins shown on each side of the threshold bin, by CTA
MOST_POINTS = 20_000  # columns drawn of those that are not selected
WIDE = 1e4  # greatest over typical magnitude from which a linear axis shows nothing
POINT_SIZE = 2.5


def name_colours(figure: Figure | SubFigure) -> None:
    """The legend of TAKEN, OPEN and LEFT below a figure."""
    handles = [Patch(color=colour, label=label) for colour, label in MEANINGS]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(MEANINGS))


def split_counts(axes: Axes, counts: Sequence[int] | np.ndarray, place: int) -> None:
    """Draws the occupied counters of a histogram [counters], told apart by where they lie to `place`."""
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
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True))


def fill_stages(axes: Sequence[Axes], record: np.void) -> None:
    """The histogram of each stage of one trace record: coarse bins, then one of the axes a digit pass."""
    split_counts(axes[0], record["histogram"][: record["bins"]], int(record["bin"]))
    axes[0].set(title=f"coarse: {record['bins']} FP16 bins", xlabel="bin", ylabel="keys")
    for number, axis in enumerate(axes[1:]):
        step = record["pass"][number]
        split_counts(axis, step["histogram"], int(step["digit"]))
        source = "the row" if step["over_row"] else "the buffer"
        title = f"pass {number + 1}, over {source}: shift {step['shift']}"
        axis.set(title=title, xlabel="digit", ylabel="keys")


def open_keys(record: np.void, length: int) -> tuple[list[str], list[int]]:
    """Stage names and how many keys are undecided after each: the row, the bin, each pass."""
    steps = record["pass"][: record["passes"]]
    names = ["row", "coarse", *(f"pass {number + 1}" for number in range(len(steps)))]
    return names, [length, int(record["count"]), *steps["count"].tolist()]


def draw_narrowing(axes: Axes, record: np.void, length: int, capacity: int, rank_max: int) -> None:
    """How many keys are undecided after each stage, against what the buffer and the ranking can take."""
    names, counts = open_keys(record, length)
    axes.bar(names, counts, color=OPEN)
    for place, count in enumerate(counts):
        axes.annotate(str(count), (place, count), ha="center", va="bottom", fontsize=8)
    axes.axhline(capacity, color="#000000", linestyle="--", linewidth=1, label=f"buffer: {capacity}")
    axes.axhline(rank_max, color="#000000", linestyle=":", linewidth=1, label=f"ranked at once: {rank_max}")
    axes.set_yscale("log")
    axes.set_ylim(BASELINE, length * HEADROOM)
    axes.set(xlabel="after stage", ylabel="keys still undecided")
    axes.legend(loc="upper right")


def draw_chunk_counts(
    axes: Axes, chunk_counts: Sequence[np.ndarray], place: int, around: int = BINS_AROUND
) -> None:
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
        "k-th key",
        (place, below[place - first]),
        (place, below.max() * 1.15),
        ha="center",
        fontsize=8,
        arrowprops={"arrowstyle": "->"},
    )
    axes.set_ylim(top=max(1.0, below.max()) * 1.25)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS, integer=True))
    axes.set(xlabel="bin", ylabel="keys")
    axes.legend(ncols=1 + (len(chunk_counts) - 1) // len(CTAS))


def draw_row(axes: Axes, walked: Walk) -> None:
    """The scores by column, the selected ones on top; infinities and NaN are counted, not drawn."""
    values = walked.row.numpy()
    selected = np.zeros(len(values), bool)
    selected[walked.selected.numpy()] = True
    finite = np.isfinite(values)
    others = np.flatnonzero(finite & ~selected)
    drawn = others[:: max(1, len(others) // MOST_POINTS)]
    for columns, colour, label in (
        (drawn, LEFT, "not selected"),
        (np.flatnonzero(finite & selected), TAKEN, f"selected: {int(selected.sum())}"),
    ):
        axes.plot(columns, values[columns], ".", markersize=POINT_SIZE, color=colour, label=label)
    magnitudes = np.abs(values[finite & (values != 0)])
    if magnitudes.size and magnitudes.max() > WIDE * np.median(magnitudes):
        axes.set_yscale("symlog", linthresh=float(np.median(magnitudes)))
    if walked.path != TRIVIAL:
        threshold = float(key_to_float(ordered_key(walked.row[walked.selected]).min()))
        if np.isfinite(threshold):
            axes.axhline(threshold, color="#000000", linestyle="--", linewidth=1, label="the k-th score")
    for record in _sharing(walked)[1:]:
        axes.axvline(int(record["begin"]), color="#000000", linestyle=":", linewidth=0.7)
    unseen = f"; not drawn: {int((~finite).sum())} infinite or NaN" if not finite.all() else ""
    axes.set(title=f"the row{unseen}", xlabel="column", ylabel="score", xlim=(0, max(1, len(values))))
    axes.legend(loc="lower right", markerscale=4, frameon=True)


def draw_places(axes: Axes, walked: Walk) -> None:
    """Which output slots each CTA of the row writes: a scan over the CTAs' counts."""
    columns = walked.selected.numpy()
    for record in _sharing(walked):
        cta = int(record["cta"])
        begin, end = np.searchsorted(columns, [int(record["begin"]), int(record["end"])])
        colour = CTAS[cta % len(CTAS)]
        axes.barh(cta, end - begin, left=begin, color=colour)
        axes.annotate(f" {end - begin}", (end, cta), va="center", fontsize=8)
    axes.invert_yaxis()
    axes.set_yticks(range(len(_sharing(walked))))
    axes.set_xlim(0, walked.k * 1.08)
    ties = int(walked.record["ties"])
    cut = "" if ties == ALL_TAKEN else f"; the {ties} lowest of the ties"
    axes.set(title=f"output slots by CTA{cut}", xlabel="output slot", ylabel="CTA")


def _sharing(walked: Walk) -> np.ndarray:
    return walked.records[: max(1, int(walked.record["ctas"]))]


def _chunk_counts(walked: Walk) -> list[np.ndarray]:
    """What each CTA of the row counts in its chunk, by coarse bin."""
    bins = int(walked.record["bins"])
    found = fp16_bin(walked.row, bins.bit_length() - 1)
    bounds = [(int(record["begin"]), int(record["end"])) for record in _sharing(walked)]
    return [radix.histogram(found[begin:end], bins).numpy() for begin, end in bounds]


def row_picture(walked: Walk) -> Figure:
    """One row's way through its path: the row, what is undecided, each stage's histogram, the CTAs' places.

    Raises nothing of its own; the trivial path, which reads no score, shows the row alone.
    """
    record, policy = walked.record, walked.plan.policy
    passes = int(record["passes"])
    shared = len(_sharing(walked)) > 1
    trivial = walked.path == TRIVIAL
    lines = 1 if trivial else 2 + shared
    width = PANEL_WIDTH * (2 if trivial else max(3, 1 + passes))
    with rc_context(STYLE):
        figure = Figure(figsize=(width, PANEL_HEIGHT * lines + 0.6))
        figure.suptitle(
            f"{walked.row.numel()} columns, k = {walked.k}: {PATHS[walked.path]}, policy {policy.name}"
        )
        parts = np.atleast_1d(figure.subfigures(lines, 1, squeeze=False)[:, 0])
        if trivial:
            draw_row(parts[0].subplots(), walked)
            return figure
        overview = parts[0].subplots(1, 2, width_ratios=(2, 1))
        draw_row(overview[0], walked)
        draw_narrowing(overview[1], record, walked.row.numel(), policy.candidates, policy.rank_max)
        overview[1].set_title("keys that are undecided")
        fill_stages(parts[1].subplots(1, 1 + passes, squeeze=False)[0], record)
        name_colours(parts[1])
        if shared:
            merging = parts[2].subplots(1, 2)
            draw_chunk_counts(merging[0], _chunk_counts(walked), int(record["bin"]))
            merging[0].set_title("the coarse histogram near the k-th key, by who counted")
            draw_places(merging[1], walked)
    return figure
