"""Makes a failing case small enough to read, by changes that keep it failing.

Source: delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002),
greedy here: fewer arguments, fewer rows, plain layout, fewer columns, smaller k, rows that are alike,
longer runs of equal values; round after round until nothing helps or the attempts are used up, so that a
case shrinks to the same one on a busy machine. A clock only ends what would take too long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch

from ...reference.policy import MAX_K
from ..cases.arrangements import ordered_keys
from ..cases.case import Case, rebuild
from ..cases.simpler import simpler
from ..cases.values import bit_of, bits_of
from ..judging.describe import runs_of
from .attempts import MOST_ATTEMPTS, Fails
from .shrink_rows import RowShrinker

FEW_VALUES = 8  # so many distinct ones are told as 1, 2, 3, ... or with these steps from 1 upwards,
PLAIN_STEPS = (1.0, 1 / 16, 1 / 128)  # which share a coarse bin of 8 or of 11 bits
PLAIN_NAN = np.uint32(bit_of(math.nan))
MOST_ROUNDS = 6


class Shrinker(RowShrinker):
    """Every way to make a case smaller, round after round."""

    def run(self) -> Case:
        """The smallest failing case found."""
        passes = (
            self._asked,
            self._sequences,
            self._tokens,
            self._rows,
            self._tiny,
            self._starts,
            self._layout,
            self._widths,
            self._k,
            self._likeness,
            self._values,
            self._columns,
            self._k,
            self._best,
            self._runs,
            self._table,
        )
        for _ in range(MOST_ROUNDS):
            before = self.case
            for step in self._while_any_left(passes):
                step()
            if self.case is before or self._over():
                break
        return self.case

    def _asked(self) -> None:
        """Less than what the call asks for, as long as one thing less still fails."""
        while any(self._try(case) for case in simpler(self.case)) and not self._over():
            pass

    def _starts(self) -> None:
        """Windows that begin as early as fails."""
        for row in self._while_any_left(self._some_rows()):
            self._least(0, int(self.case.starts[row]), partial(self._from_start, row))

    def _from_start(self, row: int, start: int) -> Case:
        starts = self.case.starts
        starts[row] = start
        moved = torch.from_numpy(starts.astype(np.int32))
        options = {**self.case.options, "starts": moved}
        return rebuild(self.case, self._bits(), lengths=self.case.row_lengths.numpy(), options=options)

    def _tiny(self) -> None:
        """Of one row the first few columns, from one upwards: where they fail, nothing long was tried."""
        count = 1
        while self.case.rows == 1 and count < int(self.case.clamped[0]) and not self._over():
            shorter = self._replaced(0, self._values_of(0)[:count])
            if self._try(replace(shorter, k=min(self.case.k, count))) or self._try(shorter):
                return
            count *= 2

    def _layout(self) -> None:
        lengths = self.case.row_lengths.numpy()
        if self.case.offset or self.case.row_stride != self.case.columns:
            self._try(rebuild(self.case, self._bits(), lengths=lengths, offset=0, gap=0))
        if not self.case.rows:
            self._least(
                0, self.case.columns, lambda columns: rebuild(self.case, [], lengths=[], columns=columns)
            )
            return
        widest = int(self.case.clamped.max(initial=0))
        for columns in (widest, widest + 1):
            if columns < self.case.columns:
                self._try(rebuild(self.case, [row[:columns] for row in self._bits()], lengths=lengths))

    def _replaced(self, row: int, values: np.ndarray) -> Case:
        """The case with columns 0..n-1 of `row` replaced; its length follows if that changes n."""
        bits, lengths = self._bits(), self.case.row_lengths.numpy().copy()
        n = int(self.case.clamped[row])
        lengths[row] += len(values) - n
        bits[row] = np.concatenate([values, bits[row][n:]])
        if self.case.rows > 1:  # keep the other rows' columns: fill up with this row's tail
            width = int(self.case.room[row])
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
        is_nan = np.isnan(values.view(np.float32))
        if (values[is_nan] != PLAIN_NAN).any():
            yield np.where(is_nan, PLAIN_NAN, values)
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
            values, counts = (np.array(part) for part in zip(*runs, strict=True))
            self._least(0, int(counts[place]), partial(self._with_run, row, place, values, counts))

    def _with_run(
        self, row: int, place: int, values: np.ndarray, counts: np.ndarray, count: int
    ) -> Case | None:
        shorter = np.repeat(
            values.astype(np.uint32), np.where(np.arange(len(counts)) == place, count, counts)
        )
        return self._replaced(row, shorter) if len(shorter) else None

    def _values_of(self, row: int) -> np.ndarray:
        return self._bits()[row][: int(self.case.clamped[row])]

    def _trim(self, row: int) -> None:
        """The shortest failing length, as if longer ones all failed."""
        bits = self._bits()[row]
        self._least(1, int(self.case.clamped[row]), lambda count: self._replaced(row, bits[:count]))

    def _k(self) -> None:
        if self.case.k > 2 and self._try(replace(self.case, k=1)):
            return
        self._least(1, self.case.k, lambda k: replace(self.case, k=k))

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
