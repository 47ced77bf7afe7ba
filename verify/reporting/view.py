"""What a report shows, whatever shows it: cells with a meaning in place of a colour, and tables of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Tone(Enum):
    """What a text means: a colour in a terminal, a class of the HTML page's style."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WARNING = "warning"
    DIM = "dim"


@dataclass(frozen=True)
class Cell:
    """One place of a table, or one part of a line.

    text: what it says. tone: what that means. strong: it stands out. faint: it counts for less than its tone
    says. note: a further sentence, for a form with room for it. share: the count over the greatest of its
    column, 0 to 1, which a page draws as a bar.
    """

    text: str
    tone: Tone = Tone.PLAIN
    strong: bool = False
    faint: bool = False
    note: str = ""
    share: float | None = None


Line = tuple[Cell, ...]


@dataclass(frozen=True)
class Column:
    """heading: the name above it. number: aligned to the right. whole: its texts stay on one line.

    In plain text, width: the characters that it takes at least; ruled: a rule stands before it.
    """

    heading: str
    number: bool = False
    whole: bool = False
    width: int = 0
    ruled: bool = False


@dataclass(frozen=True)
class Table:
    """title: the line above it, if there is one. rows: one cell for each of the columns.

    Raises ValueError for a row of another length.
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Line, ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"a row of table {self.title!r} has {len(row)} cells; expected {len(self.columns)}, "
                    "one for each column"
                )

    @property
    def has_bars(self) -> bool:
        """Whether a cell has a share, so that a page draws a column of bars."""
        return any(cell.share is not None for row in self.rows for cell in row)
