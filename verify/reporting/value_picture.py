"""The values of a row round its threshold, the greatest first: which were selected, which should have been.

The axis of values has a step for each float32, in the contract's order: infinities, NaN and neighbours in the
last place all have their place on it, and it is about logarithmic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...reference.order import ordered_key
from ..judging.faults import value
from ..judging.wrong_columns import WrongColumns

AROUND = 24  # places on both sides of the threshold at least
MOST_PLACES = 400
BESIDE = 4  # places beyond the furthest wrong one
WIDTH, HEIGHT = 640, 240  # of the drawing, in its own units
LEFT, RIGHT, TOP, BOTTOM = 110, 12, 12, 44  # margins, with the axes' texts


@dataclass(frozen=True)
class Point:
    """One column. kind: a class of the page's style. x, y: in the drawing. text: what it is."""

    kind: str
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Tick:
    """A place on an axis, in the drawing, and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class ValuePicture:
    """threshold: x of the line behind the k-th place, or None where all places are selected. caption: what is
    drawn, in words."""

    points: tuple[Point, ...]
    places: tuple[Tick, ...]
    values: tuple[Tick, ...]
    threshold: float | None
    caption: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    bottom: int = HEIGHT - BOTTOM


WORDS = {
    "right": "selected as promised",
    "missing": "missing",
    "surplus": "selected in its place",
    "others": "rightly not selected",
}


def value_picture(bits: np.ndarray, wrong: WrongColumns, right: Sequence[int]) -> ValuePicture:
    """bits: uint32 [n], the row's. right: the contract's choice, min(k, n) columns."""
    keys = ordered_key(torch.from_numpy(bits.view(np.int32)).view(torch.float32)).numpy().astype(np.int64)
    order = np.argsort(-keys, kind="stable")
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))
    kinds = {
        **dict.fromkeys(right, "right"),
        **dict.fromkeys(wrong.surplus, "surplus"),
        **dict.fromkeys(wrong.missing, "missing"),
    }
    first, last = _window(place_of[[*wrong.missing, *wrong.surplus]], len(right), len(order))
    shown = order[first:last]
    low, high = int(keys[shown].min()), int(keys[shown].max())

    def x_of(place: float) -> float:
        return round(LEFT + (WIDTH - RIGHT - LEFT) * (place - first + 0.5) / (last - first), 1)

    def y_of(key: int) -> float:
        share = (key - low) / (high - low) if high > low else 0.5
        return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * share, 1)

    points = []
    for place, column in enumerate(shown.tolist(), first):
        kind = kinds.get(column, "others")
        text = f"column {column}: {value(int(bits[column]))}, place {place + 1}: {WORDS[kind]}"
        points.append(Point(kind, x_of(place), y_of(int(keys[column])), text))
    marked = sorted({first, len(right) - 1, min(len(right), last - 1), last - 1})
    levels = {shown[0], shown[-1], order[min(max(len(right) - 1, first), last - 1)]}
    return ValuePicture(
        tuple(points),
        _apart([Tick(x_of(place), str(place + 1)) for place in marked if first <= place < last], 28.0),
        _apart([Tick(y_of(int(keys[c])), value(int(bits[c]))) for c in levels], 14.0),
        x_of(len(right) - 0.5) if first < len(right) < last else None,
        f"Places {first + 1} to {last} of {len(order)}, the greatest value first. The contract selects the "
        f"first {len(right)}.",
    )


def _window(wrong: np.ndarray, selected: int, n: int) -> tuple[int, int]:
    """The places [first, last) that are drawn: round the threshold, and the wrong ones if these are near."""
    first = min([selected - AROUND, *(wrong - BESIDE).tolist()])
    last = max([selected + AROUND, *(wrong + BESIDE + 1).tolist()])
    half = MOST_PLACES // 2
    return max(0, first, selected - half), min(n, last, selected + half)


def _apart(ticks: Sequence[Tick], least: float) -> tuple[Tick, ...]:
    """Those whose labels do not lie on one before them."""
    kept: list[Tick] = []
    for tick in sorted(ticks, key=lambda tick: tick.at):
        if not kept or tick.at - kept[-1].at >= least:
            kept.append(tick)
    return tuple(kept)
