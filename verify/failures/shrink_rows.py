"""Fewer rows, fewer columns of all of them at once, and rows that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..cases.asking import BATCH_LENGTHS
from ..cases.case import Case, rebuild
from .attempts import FEW_COLUMNS, Attempts

IN_TOKENS = ("queries", "compress_ratio")
TOLD_IN_TOKENS = (*IN_TOKENS, BATCH_LENGTHS)
FEW_ROWS = 16  # are worked on one by one, and as many of more rows are tried alone


class RowShrinker(Attempts):
    """What makes a case of several rows smaller."""

    def _some_rows(self) -> range:
        """Those that are worked on one by one: of many rows, none."""
        return range(self.case.rows if self.case.rows <= FEW_ROWS else 0)

    def _of_rows(self, kept: Sequence[int]) -> Case:
        bits, lengths = self._bits(), self.case.row_lengths.numpy()
        return rebuild(self.case, [bits[row] for row in kept], lengths=lengths[list(kept)], source=kept)

    def _sequences(self) -> None:
        """Of several sequences with a few queries each, one alone."""
        given = self.case.lengths
        if given is None or len(given) < 2 or len(given) == self.case.rows:
            return
        for number in self._while_any_left(range(min(len(given), FEW_ROWS))):
            if self._try(self._of_sequence(number)):
                return

    def _of_sequence(self, number: int) -> Case:
        assert self.case.lengths is not None
        lengths = self.case.lengths[number : number + 1]
        queries = self.case.rows // len(self.case.lengths)
        cut = self._of_rows(range(number * queries, (number + 1) * queries))
        said = {name: value for name, value in self.case.options.items() if name in IN_TOKENS}
        return replace(cut, lengths=lengths, options={**cut.options, **said})

    def _tokens(self) -> None:
        """Sequences of fewer tokens, where rows have several queries or columns several tokens."""
        given = self.case.lengths
        if given is not None and given.numel() and any(name in self.case.asks for name in TOLD_IN_TOKENS):
            self._least(0, int(given.max()), self._of_tokens)

    def _of_tokens(self, most: int) -> Case:
        assert self.case.lengths is not None
        fewer = replace(self.case, lengths=self.case.lengths.clamp(max=most))
        before, after = self.case.clamped, fewer.clamped
        rows = [
            np.concatenate([row[: after[number]], row[before[number] :]])
            for number, row in enumerate(self._bits())
        ]
        cut = rebuild(self.case, rows, lengths=after)
        return replace(cut, lengths=fewer.lengths, options=fewer.options)

    def _table(self) -> None:
        """The fewest first pages of a table that fail, as if more of them all did."""
        table = self.case.options.get("page_table")
        if table is not None:
            self._least(0, table.shape[1], self._of_pages)

    def _of_pages(self, count: int) -> Case:
        options = dict(self.case.options)
        options["page_table"] = options["page_table"][:, :count].contiguous()
        return replace(self.case, options=options)

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
        given = self.case.row_lengths.numpy()
        lengths = np.where(given == n, lengths, np.where(given > n, len(left) + 1, given))
        columns = len(left) + int(self.case.starts.max(initial=0))
        return rebuild(self.case, self.case.bits()[:, left], lengths=lengths, columns=columns)

    def _likeness(self) -> None:
        """Blocks of rows like the first: what is left differs because it has to."""
        rows = self.case.rows
        for size in (rows, *self._blocks(rows)) if rows > 2 else ():
            for start in self._while_any_left(range(0, rows, size)):
                bits, lengths = self.case.bits(), self.case.row_lengths.numpy().copy()
                block = slice(start, start + size)
                alike = bool((bits[block] == bits[0]).all()) and bool((lengths[block] == lengths[0]).all())
                if not alike:
                    bits[block], lengths[block] = bits[0], lengths[0]
                    self._try(rebuild(self.case, bits, lengths=lengths))
