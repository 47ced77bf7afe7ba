"""Views in a terminal: tables, lines, and a campaign's result with its verdict last."""

from __future__ import annotations

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from .campaign_view import CampaignView
from .story import Story
from .view import Cell, Table, Tone

WIDTH = 100  # columns that every table fits into
STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.BAD: "red", Tone.WARNING: "yellow", Tone.DIM: "dim"}


def terminal() -> Console:
    """A console for results on stdout, of a steady width where the output is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=WIDTH)


def styled(*cells: Cell) -> Text:
    """The cells' texts, one behind the other."""
    return Text.assemble(*((cell.text, _style(cell)) for cell in cells))


def _style(cell: Cell) -> str:
    words = ("bold" if cell.strong else "", "dim" if cell.faint else "", STYLES[cell.tone])
    return " ".join(filter(None, words)) or "none"


def drawn(table: Table) -> RichTable:
    """The table, in a frame below its title; without a title it stands free, as a list does."""
    frame = box.HEAVY_HEAD if table.title else None
    found = RichTable(title=table.title or None, title_justify="left", box=frame)
    for column in table.columns:
        found.add_column(
            column.heading,
            justify="right" if column.number else "left",
            no_wrap=column.whole,
            overflow="fold",
        )
    for row in table.rows:
        found.add_row(*map(styled, row))
    return found


def _story(story: Story) -> list[Text]:
    """The replay command is on one line however long it is: it is there to be copied."""
    *lines, last = story.lines()
    title = styled(Cell(story.title, Tone.BAD, strong=True))
    return [
        title,
        *(Text(f"  {line}") for line in lines),
        Text(f"  {last}\n", no_wrap=True, overflow="ignore"),
    ]


def verdict_on_a_line(view: CampaignView) -> Text:
    """The verdict on one line however long it is: scripts read the last one."""
    line = styled(*view.verdict_line)
    line.no_wrap, line.overflow = True, "ignore"
    return line


def print_campaign(console: Console, view: CampaignView) -> None:
    """Everything that a campaign found, the verdict last."""
    tables = [view.paths, view.boundaries, view.extents, view.conformance]
    parts: list[RenderableType] = [drawn(table) for table in tables if table.rows]
    parts += [styled(notice) for notice in view.notices]
    for story in view.stories(claimed_only=True):
        parts += _story(story)
    parts.append(verdict_on_a_line(view))
    console.print(Group(*parts), crop=False)
