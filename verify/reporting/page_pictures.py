"""Inline SVG for the page: where in a row the wrong columns lie, and counts as bars."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np

from ..judging.wrong_columns import WrongColumns

CELLS = 256  # of a lane; longer rows put several columns into a cell
FAINTEST = 0.35  # of a cell that holds one of many columns
MOST_LISTED = 12  # columns written out beneath a picture


def lane(kind: str, columns: Sequence[int], n: int, told: str) -> str:
    """One strip from column 0 to n, a rectangle for each cell that holds some of `columns`. told: what
    they are, for who cannot see it."""
    cells = min(n, CELLS)
    counts, edges = np.histogram(np.asarray(columns, np.int64), bins=cells, range=(0, n))
    most = max(1, int(counts.max(initial=0)))
    bars = []
    for place in np.flatnonzero(counts).tolist():
        first, last = int(np.ceil(edges[place])), int(np.ceil(edges[place + 1])) - 1
        where = f"column {first}" if first == last else f"columns {first} to {last}"
        strength = FAINTEST + (1 - FAINTEST) * counts[place] / most
        bars.append(
            f'<rect class="{kind}" x="{place}" y="0" width="1" height="1" opacity="{strength:.2f}">'
            f"<title>{where}: {counts[place]} {html.escape(told)}</title></rect>"
        )
    return (
        f'<svg viewBox="0 0 {cells} 1" preserveAspectRatio="none" role="img" '
        f'aria-label="{len(columns)} {html.escape(told)}">{"".join(bars)}</svg>'
    )


def _listed(columns: Sequence[int]) -> str:
    shown = ", ".join(map(str, columns[:MOST_LISTED]))
    return shown + (f" and {len(columns) - MOST_LISTED} more" if len(columns) > MOST_LISTED else "")


def picture(wrong: WrongColumns, right: Sequence[int]) -> str:
    """The row of a failure in lanes: the contract's columns, those missing, those in their place, and the
    slots that hold no column. right: the contract's choice."""
    found = sorted(set(right) - set(wrong.missing))
    lanes: list[tuple[str, str, Sequence[int], int, str]]
    lanes = []
    if found:
        lanes.append(("right", "selected as promised", found, wrong.n, "columns selected as promised"))
    if wrong.missing:
        lanes.append(("missing", "missing", wrong.missing, wrong.n, "columns missing"))
    if wrong.surplus:
        lanes.append(("surplus", "in their place", wrong.surplus, wrong.n, "columns selected instead"))
    if wrong.slots:
        lanes.append(("slots", "slots", wrong.slots, wrong.k, "slots of the answer that are wrong"))
    rows = []
    for kind, name, columns, width, told in lanes:
        axis = f"0 to {width - 1}" if width > 1 else "0"
        rows.append(
            f'<span class="name">{name}<small>{len(columns)} of {axis}</small></span>'
            f'<span class="lane">{lane(kind, columns, max(1, width), told)}</span>'
        )
    lists = [
        f"{name}: {_listed(columns)}"
        for name, columns in (("missing", wrong.missing), ("in their place", wrong.surplus))
        if columns
    ]
    words = f"<p><small>{html.escape('; '.join(lists))}</small></p>" if lists else ""
    return (
        f"<figure><figcaption>Row {wrong.row}, {wrong.n} columns from left to right</figcaption>"
        f'<div class="lanes">{"".join(rows)}</div>{words}</figure>'
    )


def bar(count: int, most: int) -> str:
    """A count as a bar, on the square root of it: small ones stay visible."""
    width = 100 * (count / max(1, most)) ** 0.5
    return f'<span class="bar"><span style="width:{width:.1f}%"></span></span>'


def legend(kinds: Iterable[tuple[str, str]]) -> str:
    """What the lanes' colours stand for."""
    return "".join(
        f'<span class="key"><svg viewBox="0 0 1 1" aria-hidden="true"><rect class="{kind}" x="0" y="0" '
        f'width="1" height="1"/></svg>{html.escape(name)}</span>'
        for kind, name in kinds
    )
