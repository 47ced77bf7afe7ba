"""Makes a failing case small enough to read, by changes that keep it failing.

Source: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002),
greedy here: fewer rows, plain layout, fewer columns, smaller k, rows that are alike, longer runs of equal
values; round after round until nothing helps or the attempts are used up, so that a case shrinks to the
same one on a busy machine. A clock only ends what would take too long.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from ...reference.policy import MAX_K
from ..cases.arrangements import ordered_keys
from ..cases.case import Case, rebuild
from ..cases.values import bit_of, bits_of
from ..judging.describe import runs_of

Fails = Callable[[Case], bool]
T = TypeVar("T")
FINEST_SHARE = 64  # blocks of a row are tried down to this part of it,
FEW_ROWS = 16  # are worked on one by one, and as many of more rows are tried alone
FEW_COLUMNS = 128  # and column by column in rows as short as this
FEW_VALUES = 8  # so many distinct ones are told as 1, 2, 3, ... or with these steps from 1 upwards,
PLAIN_STEPS = (1.0, 1 / 16, 1 / 128)  # which share a coarse bin of 8 or of 11 bits
MOST_ROUNDS = 6
MOST_ATTEMPTS = 1000  # of a case; the checker's own mistakes shrink within 450


class Shrinker:
    """fails: whether a case still breaks the same promise. deadline: of time.monotonic(). ks: the values of
    k that a case may have, all where there are none. most: attempts. row: one that is wrong, tried alone first."""

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
        self._deadline = deadline
        self._most = most
        self._ks = ks
        self._cost = cost  # seconds of an attempt: of the case as it is, or of a dearer one that did not fail

    def run(self) -> Case:
        """The smallest failing case found."""
        passes = (
            self._rows,
            self._layout,
            self._widths,
            self._k,
            self._likeness,
            self._values,
            self._columns,
            self._k,
            self._best,
            self._runs,
        )
        for _ in range(MOST_ROUNDS):
            before = self.case
            for step in self._while_any_left(passes):
                step()
            if self.case is before or self._over():
                break
        return self.case

    def _over(self) -> bool:
        """Whether the attempts are used up, or the time is."""
        return self.attempts >= self._most or time.monotonic() + self._cost >= self._deadline

    def _while_any_left(self, items: Iterable[T]) -> Iterator[T]:
        """The items until shrinking is over: a candidate is made of one, which takes time as well."""
        return itertools.takewhile(lambda _: not self._over(), items)

    def _try(self, candidate: Case | None) -> bool:
        if candidate is None or self._over() or (self._ks and candidate.k not in self._ks):
            return False
        self.attempts += 1
        began = time.monotonic()
        failed = self._fails(candidate)
        took = time.monotonic() - began
        self._cost = took if failed else max(self._cost, took)
        if failed:
            self.case = candidate
        return failed

    def _bits(self) -> list[np.ndarray]:
        bits = self.case.bits()
        return [bits[row] for row in range(self.case.rows)]

    def _some_rows(self) -> range:
        """Those that are worked on one by one: of many rows, none."""
        return range(self.case.rows if self.case.rows <= FEW_ROWS else 0)

    def _of_rows(self, kept: Sequence[int]) -> Case:
        bits, lengths = self._bits(), self.case.lengths.numpy()
        return rebuild(self.case, [bits[row] for row in kept], lengths=lengths[list(kept)])

    def _rows(self) -> None:
        """One row alone; else the fewest first rows that fail, as if more of them all did, less what can go."""
        if self.case.rows < 2:
            return
        first = min(self._row, self.case.rows - 1)
        step = -(-self.case.rows // FEW_ROWS)
        for row in dict.fromkeys((first, *range(0, self.case.rows, step))):
            if self._try(self._of_rows([row])):
                return
        low, high = 1, self.case.rows
        while low < high and not self._over():
            middle = (low + high) // 2
            if self._try(self._of_rows(range(middle))):
                high = middle
            else:
                low = middle + 1
        for size in self._blocks(self.case.rows):
            start = 0
            while start < self.case.rows > 1 and not self._over():
                rest = [row for row in range(self.case.rows) if not start <= row < start + size]
                if not rest or not self._try(self._of_rows(rest)):
                    start += size

    def _widths(self) -> None:
        """Of several rows at once: the fewest first columns that fail, less single ones that can go."""
        low, high = 1, self.case.columns
        while self.case.rows > 1 and low < high and not self._over():
            middle = (low + high) // 2
            if self._try(self._of_columns(range(middle))):
                high = middle
            else:
                low = middle + 1
        column = 0
        while self.case.rows > 1 and 1 < self.case.columns <= FEW_COLUMNS and column < self.case.columns:
            kept = [other for other in range(self.case.columns) if other != column]
            if self._over() or not self._try(self._of_columns(kept)):
                column += 1

    def _of_columns(self, kept: Sequence[int]) -> Case:
        """All rows with these columns alone; a length goes on counting those of its own that are left."""
        n, left = self.case.clamped, np.asarray(kept)
        lengths = (left[None, :] < n[:, None]).sum(1)
        given = self.case.lengths.numpy()
        lengths = np.where(given == n, lengths, np.where(given > n, len(left) + 1, given))
        return rebuild(self.case, self.case.bits()[:, left], lengths=lengths)

    def _likeness(self) -> None:
        """Blocks of rows like the first: what is left differs because it has to."""
        rows = self.case.rows
        for size in (rows, *self._blocks(rows)) if rows > 2 else ():
            for start in self._while_any_left(range(0, rows, size)):
                bits, lengths = self.case.bits(), self.case.lengths.numpy().copy()
                block = slice(start, start + size)
                alike = bool((bits[block] == bits[0]).all()) and bool((lengths[block] == lengths[0]).all())
                if not alike:
                    bits[block], lengths[block] = bits[0], lengths[0]
                    self._try(rebuild(self.case, bits, lengths=lengths))

    def _layout(self) -> None:
        lengths = self.case.lengths.numpy()
        if self.case.offset or self.case.row_stride != self.case.columns:
            self._try(rebuild(self.case, self._bits(), lengths=lengths, offset=0, gap=0))
        widest = int(self.case.clamped.max(initial=0))
        for columns in (widest, widest + 1):
            if columns < self.case.columns:
                self._try(rebuild(self.case, [row[:columns] for row in self._bits()], lengths=lengths))

    def _replaced(self, row: int, values: np.ndarray) -> Case:
        """The case with columns 0..n-1 of `row` replaced; its length follows if that changes n."""
        bits, lengths = self._bits(), self.case.lengths.numpy().copy()
        n = int(self.case.clamped[row])
        lengths[row] += len(values) - n
        bits[row] = np.concatenate([values, bits[row][n:]])
        if self.case.rows > 1:  # keep the other rows' columns: fill up with this row's tail
            width = self.case.columns
            fill = bits[row][-1:] if len(bits[row]) else np.zeros(1, np.uint32)
            bits[row] = np.concatenate([bits[row], np.repeat(fill, max(0, width - len(bits[row])))])
        return rebuild(self.case, bits, lengths=lengths)

    def _values(self) -> None:
        """Whole numbers for a few values; three, above, at and below the k-th; or one."""
        for row in self._while_any_left(self._some_rows()):
            for values in self._simple(row):
                if self._try(self._replaced(row, values)):
                    break

    def _simple(self, row: int) -> Iterator[np.ndarray]:
        n = int(self.case.clamped[row])
        values = self._bits()[row][:n]
        keys = ordered_keys(values)
        ranks = np.unique(keys, return_inverse=True)
        if n and len(ranks[0]) <= FEW_VALUES:
            for step in PLAIN_STEPS:
                plain = bits_of(1.0 + step * ranks[1].astype(np.float32))
                if np.array_equal(plain, values):
                    break
                yield plain
        if not n or len(ranks[0]) <= 2:
            return
        threshold = np.sort(keys)[::-1][min(self.case.k, n) - 1]
        low, middle, high = (np.uint32(bit_of(value)) for value in (0.0, 1.0, 2.0))
        yield np.full(n, middle)
        yield np.where(keys > threshold, high, np.where(keys == threshold, middle, low))
        yield np.where(keys > threshold, high, np.where(keys == threshold, values, low))
        if not np.array_equal(values, descending := values[np.argsort(~keys, kind="stable")]):
            yield descending

    def _blocks(self, n: int) -> Iterator[int]:
        """Block sizes from half a row down."""
        size = n // 2
        finest = 1 if n <= FEW_COLUMNS else n // FINEST_SHARE
        while size >= max(1, finest):
            yield size
            size //= 2

    def _columns(self) -> None:
        """Blocks of columns taken out, then single columns off the end by bisection."""
        for row in self._while_any_left(self._some_rows()):
            for size in self._blocks(int(self.case.clamped[row])):
                start = 0
                while start < int(self.case.clamped[row]) and not self._over():
                    values = self._bits()[row][: int(self.case.clamped[row])]
                    shorter = np.concatenate([values[:start], values[start + size :]])
                    if len(shorter) == 0 or not self._try(self._replaced(row, shorter)):
                        start += size
            self._trim(row)
            self._shorten_runs(row)

    def _shorten_runs(self, row: int) -> None:
        """Each of a few runs as short as fails, as if longer ones all failed."""
        for place in range(len(runs_of(self._values_of(row)))):
            runs = runs_of(self._values_of(row))
            if not place < len(runs) <= FEW_VALUES:
                return
            low, high = 0, runs[place][1]
            while low < high and not self._over():
                middle = (low + high) // 2
                counts = [count for _, count in runs]
                counts[place] = middle
                shorter = np.repeat(np.array([bits for bits, _ in runs], np.uint32), counts)
                if len(shorter) and self._try(self._replaced(row, shorter)):
                    high = middle
                else:
                    low = middle + 1

    def _values_of(self, row: int) -> np.ndarray:
        return self._bits()[row][: int(self.case.clamped[row])]

    def _trim(self, row: int) -> None:
        """The shortest failing length, as if longer ones all failed."""
        high = int(self.case.clamped[row])
        low = 1
        while low < high and not self._over():
            middle = (low + high) // 2
            if self._try(self._replaced(row, self._bits()[row][:middle])):
                high = middle
            else:
                low = middle + 1

    def _k(self) -> None:
        low, high = 1, self.case.k
        if high > 2 and self._try(replace(self.case, k=1)):
            return
        while low < high and not self._over():
            middle = (low + high) // 2
            if self._try(replace(self.case, k=middle)):
                high = middle
            else:
                low = middle + 1

    def _best(self) -> None:
        """The best columns, and k less by as many: all but the k-th, or half of them, down to one."""
        dropped = MAX_K
        while self.case.rows == 1 and dropped and not self._over():
            values = self._values_of(0)
            best = np.argsort(~ordered_keys(values), kind="stable")[: self.case.k - 1]
            dropped = min(dropped, len(best))
            while dropped and not self._over():
                shorter = self._replaced(0, np.delete(values, best[:dropped]))
                if self._try(replace(shorter, k=self.case.k - dropped)):
                    break
                dropped //= 2

    def _runs(self) -> None:
        """Blocks flattened to the value at their start."""
        for row in self._some_rows():
            n = int(self.case.clamped[row])
            for size in (n, *self._blocks(n)):
                for start in self._while_any_left(range(0, n, max(1, size))):
                    values = self._bits()[row][:n].copy()
                    block = values[start : start + size]
                    if not len(block) or (block == block[0]).all():
                        continue
                    values[start : start + size] = block[0]
                    self._try(self._replaced(row, values))


def shrink(
    case: Case,
    fails: Fails,
    seconds: float = math.inf,
    cost: float = 0.0,
    ks: Sequence[int] = (),
    attempts: int = MOST_ATTEMPTS,
    row: int = 0,
) -> Case:
    """The smallest case for which `fails` still holds that is found within so many attempts.

    The result is the same on any machine, unless `seconds` pass first. cost: seconds that one attempt is
    likely to take. ks: the values of k that the case may have, all where there are none. row: one that is
    wrong.
    """
    return Shrinker(case, fails, time.monotonic() + seconds, cost, ks, attempts, row).run()
