"""Cases in an order of growing cost, rung by rung: extents by powers of two, edges by their length.

A rung whose cost, going by those before, is beyond what one case may take is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..cases.case import Case, Scalar
from ..cases.families import FAMILIES, Setting
from ..cases.families.extents import CHEAP, DELTAS, EDGES, POWERS, ROWS
from ..targets.target import Target
from .scales import Shares

CASE_BYTES = 256 << 20  # of one case's logits and indices, unless an option says otherwise
HASTE = 2.0  # in the first lap
LARGEST_SHARE = 0.2  # of a campaign's time that one case may take
LOGIT_BYTES, SLOT_BYTES = 4, 8
MOST_SLOTS = 9 << 21  # of a case: the judge holds a few words for each
ROW_COST = 64  # a row costs as much as so many logits more,
MOST_COUNTED = 1 << 18  # and a case so many at most, where a number of cases is the budget
KS = (64, 2048, 8, 512, 1, 1024, 2, 4096)
EDGE_KS = (2048, 64, 5, 1024, 512, 1, 4096)
CHEAP_LOGITS = 1 << 18  # of cases that come first
NARROW = 25  # columns of tall batches, over k
FEW = 64  # the most of k there, if there is a choice
SOME = 4  # selected, more than the edges, so that what is between them tells rows apart
LEVELS = range(12, 27, 2)  # logits of a case by their logarithm, both ways at once


Takes = Callable[[int, int, int], bool]


class Rung(NamedTuple):
    """A case to be made: of a family, with these parameters, for a k, of so many rows and columns."""

    family: str
    parameters: dict[str, Scalar]
    k: int
    rows: int
    columns: int

    @property
    def logits(self) -> int:
        return self.rows * self.columns

    @property
    def weight(self) -> int:
        """What it costs, in logits."""
        return self.logits + ROW_COST * self.rows

    @property
    def bytes(self) -> int:
        """Of its logits and of its answer."""
        return LOGIT_BYTES * self.logits + SLOT_BYTES * self.rows * self.k


@dataclass
class Bounds:
    """What one case may take. bytes: of logits and indices. seconds: or None where a number of cases is the
    budget, which the clock must not change. takes: whether some target takes a call of (k, rows, columns)."""

    bytes: int
    seconds: float | None
    takes: Takes = lambda k, rows, columns: True

    def admit(self, rung: Rung, likely: float) -> bool:
        if rung.bytes > self.bytes or rung.rows * rung.k > MOST_SLOTS:
            return False
        if not self.takes(rung.k, rung.rows, rung.columns):
            return False
        if self.seconds is None:
            return rung.weight <= MOST_COUNTED
        return likely <= self.seconds


@dataclass
class Ladder:
    """laps: the rungs of each lap. part: of the campaign's time; `spent` decides when its turn is."""

    name: str
    part: float
    bounds: Bounds
    laps: Callable[[int], Sequence[Rung]]
    keeps_k: bool = False
    visits: int = 0
    spent: float = 0.0
    _lap: int = 0
    _left: list[Rung] = field(default_factory=list)
    _known: dict[tuple[int, int], tuple[Rung, float]] = field(
        default_factory=dict
    )  # what rungs of a size took
    _ended: bool = False
    _put: Rung | None = None

    @property
    def share(self) -> float:
        """The part of the time, and more until each size was met once."""
        return self.part * (HASTE if self._lap <= 1 else 1.0)

    def next_case(self, seed: int) -> Case:
        """The case of the next rung that is admitted; there is one if its cost is finite."""
        rung = self._next()
        assert rung is not None
        self._left.pop(0)
        self._put, self.visits = rung, self.visits + 1
        setting = Setting(None, rung.k, "h100", self.keeps_k)
        return FAMILIES[rung.family].make(setting, rung.parameters, seed + self._lap)

    def spend(self, case: Case, seconds: float) -> None:
        """Counts what a case took."""
        self.spent += seconds
        if self._put is not None:
            size = self._put.rows.bit_length(), self._put.logits.bit_length()
            self._known[size] = self._put, seconds

    def likely_cost(self) -> float:
        """Seconds of the next case; infinite where none is admitted."""
        rung = self._next()
        return math.inf if rung is None else self._likely(rung)

    def _next(self) -> Rung | None:
        for _ in range(2):  # what is left of a lap, and another
            while self._left and not self._ended:
                if self.bounds.admit(self._left[0], self._likely(self._left[0])):
                    return self._left[0]
                self._left.pop(0)
            self._left = list(self.laps(self._lap))
            self._lap += 1
        self._ended = True
        return None

    def _likely(self, rung: Rung) -> float:
        """At most, if cost grows no faster than the rows or the logits do."""
        return min(
            (
                seconds * max(1.0, (rung.rows + 1) / (known.rows + 1), (rung.logits + 1) / (known.logits + 1))
                for known, seconds in self._known.values()
            ),
            default=0.0,
        )


def make_ladders(
    targets: Sequence[Target], ks: Sequence[int], shares: Shares, case_bytes: int, seconds: float | None
) -> list[Ladder]:
    """The ladders of a campaign. ks: in place of their own. seconds: of the campaign; None where the number
    of its cases ends it."""

    def takes(k: int, rows: int, columns: int) -> bool:
        sizes = (replace(target.limits, stride_multiple=None, contiguous=None) for target in targets)
        return any(limits.beyond(k, rows, columns, 0) is None for limits in sizes)

    bounds = Bounds(case_bytes, None if seconds is None else LARGEST_SHARE * seconds, takes)
    return [
        Ladder("edges", shares.edges, bounds, lambda lap: edges_of(lap, ks or EDGE_KS), bool(ks)),
        Ladder("extents", shares.extents, bounds, lambda lap: extents_of(lap, ks or KS), bool(ks)),
    ]


def extents_of(lap: int, ks: Sequence[int] = KS) -> list[Rung]:
    """What is cheap, then tall and narrow, wide and flat, and both at once by powers of two; in the first lap
    one more than the powers, in the next the powers themselves, and so on with other values of k."""
    more = 1 - lap % 2
    every_rows, every_columns = ROWS[3 + more :: 2], [power + more for power in POWERS]
    few = [k for k in ks if SOME < k <= FEW] or [min(ks)]
    rungs = []
    for place, rows in enumerate(every_rows):
        k = few[(lap + place) % len(few)]
        rungs.append(_extent(rows, k + NARROW + lap, (k,), lap + place))
    shapes = [(1 + more, columns) for columns in every_columns if columns > NARROW]
    shapes += [(0, every_columns[-1]), (every_rows[-1], 0)]
    for level in LEVELS:
        for rows in every_rows:
            columns = _power_below((1 << level) // rows)
            if NARROW < columns <= POWERS[-1]:
                shapes.append((rows, columns + more * (columns < POWERS[-1])))
    rungs += (_extent(*shape, ks, lap + place) for place, shape in enumerate(shapes))
    return sorted(rungs, key=lambda rung: min(rung.weight, CHEAP_LOGITS))


def _extent(rows: int, columns: int, ks: Sequence[int], place: int) -> Rung:
    """k: one by which something is left out, if there is such a one and the judge has room for it."""
    turned = [*ks[place % len(ks) :], *ks[: place % len(ks)]]
    room = [k for k in turned if rows * k <= MOST_SLOTS] or [min(ks)]
    k = next((k for k in room if SOME < k < columns), room[0])
    content = CHEAP[place % len(CHEAP)]
    return Rung("extents", {"rows": rows, "columns": columns, "content": content}, k, rows, columns)


def _power_below(number: int) -> int:
    return 1 << max(0, number.bit_length() - 1)


def edges_of(lap: int, ks: Sequence[int] = EDGE_KS) -> list[Rung]:
    """Every named length, one less and one more, from the shortest on; alone and before a shorter row in
    turn."""
    rows, k = 1 + lap % 2, ks[lap % len(ks)]
    near = {max(1, length + delta): (length, delta) for length in EDGES for delta in DELTAS}
    return [
        Rung("edges", {"length": length, "delta": delta, "rows": rows}, k, rows, columns)
        for columns, (length, delta) in sorted(near.items())
    ]
