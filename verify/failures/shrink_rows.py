"""Fewer rows, fewer columns of all of them at once, and rows that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..cases.case import Case, rebuild
from .attempts import FEW_COLUMNS, Attempts

FEW_ROWS = 16  # are worked on one by one, and as many of more rows are tried alone


class RowShrinker(Attempts):
    """What makes a case of several rows smaller."""

    def _some_rows(self) -> range:
        """Those that are worked on one by one: of many rows, none."""
        return range(self.case.rows if self.case.rows <= FEW_ROWS else 0)

    def _of_rows(self, kept: Sequence[int]) -> Case:
        bits, lengths = self._bits(), self.case.lengths.numpy()
        return rebuild(self.case, [bits[row] for row in kept], lengths=lengths[list(kept)])

    def _rows(self) -> None:
        """One row alone; else the fewest first rows that fail, as if more of them all did, less what can
        go."""
        if self.case.rows < 2:
            return
        first = min(self._row, self.case.rows - 1)
        step = -(-self.case.rows // FEW_ROWS)
        for row in dict.fromkeys((first, *range(0, self.case.rows, step))):
            if self._try(self._of_rows([row])):
                return
        self._least(1, self.case.rows, lambda count: self._of_rows(range(count)))
        for size in self._blocks(self.case.rows):
            start = 0
            while start < self.case.rows > 1 and not self._over():
                rest = [row for row in range(self.case.rows) if not start <= row < start + size]
                if not rest or not self._try(self._of_rows(rest)):
                    start += size

    def _widths(self) -> None:
        """Of several rows at once: the fewest first columns that fail, less single ones that can go."""
        if self.case.rows < 2:
            return
        self._least(1, self.case.columns, lambda count: self._of_columns(range(count)))
        column = 0
        while 1 < self.case.columns <= FEW_COLUMNS and column < self.case.columns:
            fewer = self._of_columns([other for other in range(self.case.columns) if other != column])
            with_k = replace(fewer, k=max(1, self.case.k - 1))  # they may only shrink together
            if self._over() or not (self._try(fewer) or self._try(with_k)):
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
