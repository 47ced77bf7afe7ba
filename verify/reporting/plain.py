"""A table of a view as lines of plain text, for tables that are wider than a terminal's frame."""

from __future__ import annotations

from collections.abc import Iterable

from .view import Table


def plain_lines(table: Table) -> list[str]:
    """The headings, then a line for each row, aligned; without the title.

    A column is as wide as its longest text and at least its `width`, so that the lines of one row each, which
    are printed while others are still to come, stand below each other.
    """
    headings = [column.heading for column in table.columns]
    texts = [headings, *([cell.text for cell in row] for row in table.rows)]
    widths = [
        max(column.width, *map(len, each))
        for column, each in zip(table.columns, zip(*texts, strict=True), strict=True)
    ]

    def line(row: Iterable[str]) -> str:
        parts = []
        for column, width, text in zip(table.columns, widths, row, strict=True):
            rule = "| " if column.ruled else ""
            parts.append(rule + (text.rjust(width) if column.number else text.ljust(width)))
        return " ".join(parts).rstrip()

    return [line(row) for row in texts]
