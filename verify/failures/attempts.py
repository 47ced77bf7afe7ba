"""Tries smaller cases for as long as attempts and time are left, and keeps the smallest that fails."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from ..cases.case import Case

Fails = Callable[[Case], bool]
T = TypeVar("T")
FINEST_SHARE = 64  # blocks of a row are tried down to this part of it,
FEW_COLUMNS = 128  # and column by column in rows as short as this
MOST_ATTEMPTS = 1000  # of a case; the checker's own mistakes shrink within 450


class Attempts:
    """fails: whether a case still breaks the same promise. deadline: of time.monotonic(). ks: the values of
    k that a case may have, all where there are none. most: attempts. row: one that is wrong, tried alone
    first."""

    def __init__(
        self,
        case: Case,
        fails: Fails,
        deadline: float = math.inf,
        cost: float = 0.0,
        ks: Sequence[int] = (),
        most: int = MOST_ATTEMPTS,
        row: int = 0,
    ) -> None:
        self.case = case
        self._row = min(row, max(0, case.rows - 1))
        self.attempts = 0
        self._fails = fails
        self._held: set[tuple[object, ...]] = set()  # cases that do not fail: tried once
        self._deadline = deadline
        self._most = most
        self._ks = ks
        self._cost = cost  # seconds of an attempt: of the case as it is, or of a dearer one that did not fail

    def _over(self) -> bool:
        """Whether the attempts are used up, or the time is."""
        return self.attempts >= self._most or time.monotonic() + self._cost >= self._deadline

    def _while_any_left(self, items: Iterable[T]) -> Iterator[T]:
        """The items until shrinking is over: a candidate is made of one, which takes time as well."""
        return itertools.takewhile(lambda _: not self._over(), items)

    def _try(self, candidate: Case | None) -> bool:
        if candidate is None or self._over() or (self._ks and candidate.k not in self._ks):
            return False
        case = candidate.digest(), candidate.k, candidate.columns, candidate.row_stride, candidate.offset
        if case in self._held:
            return False
        self.attempts += 1
        began = time.monotonic()
        failed = self._fails(candidate)
        took = time.monotonic() - began
        self._cost = took if failed else max(self._cost, took)
        if failed:
            self.case = candidate
        else:
            self._held.add(case)
        return failed

    def _bits(self) -> list[np.ndarray]:
        """Each row from its start to the last column."""
        return [row[:room] for row, room in zip(self.case.bits(), self.case.room, strict=True)]

    def _least(self, low: int, high: int, candidate: Callable[[int], Case | None]) -> None:
        """The least number whose candidate fails, as if all greater ones did. high: of the case."""
        while low < high and not self._over():
            middle = (low + high) // 2
            if self._try(candidate(middle)):
                high = middle
            else:
                low = middle + 1

    def _blocks(self, n: int) -> Iterator[int]:
        """Block sizes from half a row down."""
        size = n // 2
        finest = 1 if n <= FEW_COLUMNS else n // FINEST_SHARE
        while size >= max(1, finest):
            yield size
            size //= 2
