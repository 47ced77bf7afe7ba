"""A table of a view as Markdown, in GitHub's form."""

from __future__ import annotations

from collections.abc import Iterable

from .view import Cell, Table


def markdown_lines(table: Table) -> list[str]:
    """The table without its title; strong cells are bold."""
    rules = ["---:" if column.number else "---" for column in table.columns]
    rows = [map(_shown, row) for row in table.rows]
    return [_row(column.heading for column in table.columns), _row(rules), *map(_row, rows)]


def _row(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _shown(cell: Cell) -> str:
    text = cell.text.replace("|", "\\|").replace("\n", " ")
    return f"**{text}**" if cell.strong and text else text
