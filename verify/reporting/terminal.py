"""Views in a terminal: tables, lines, and a campaign's result with its verdict first and last."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from ..printable import printable
from .campaign_view import CampaignView
from .story import Story
from .view import Cell, Table, Tone

MOST_LINES = 20  # of a traceback, or of what a target printed
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


def on_a_line(text: Text) -> Text:
    """Text that is not broken into lines, however narrow the terminal: it is there to be copied, or read by a
    script."""
    text.no_wrap, text.overflow = True, "ignore"
    return text


def _story(story: Story, traceback: bool) -> Iterator[Text]:
    yield on_a_line(styled(Cell(story.title, Tone.BAD, strong=True)))
    for line in story.lines():
        yield on_a_line(Text(f"  {line}"))
    told = (("printed", story.evidence.printed), ("", story.evidence.traceback if traceback else ""))
    for name, lines in told:
        if lines and name:
            yield Text(f"  {name}:")
        for line in printable(lines).splitlines()[-MOST_LINES:]:
            yield on_a_line(Text(f"    {line}", style=STYLES[Tone.DIM]))
    if story.evidence.traceback and not traceback:
        yield Text("  --traceback shows the whole of the exception")
    yield Text()


def verdict_on_a_line(view: CampaignView) -> Text:
    """The verdict on one line however long it is: scripts read the last one."""
    return on_a_line(styled(*view.verdict_line))


def print_line(console: Console, line: Text) -> None:
    """Prints it unbroken."""
    console.print(line, no_wrap=True, overflow="ignore", crop=False)


def print_campaign(
    console: Console, view: CampaignView, details: bool = False, traceback: bool = False
) -> None:
    """Everything that a campaign found: the verdict and the stories, then tables, and below these the verdict
    again.

    details: the tables of our own kernel's paths, whoever was examined. traceback: of exceptions, the
    whole."""
    parts: list[RenderableType] = [verdict_on_a_line(view), Text()]
    for story in view.stories(claimed_only=True):
        parts += _story(story, traceback)
    tables = [view.arguments, view.conformance]
    if details or view.own:
        reached = [view.extents, view.families] if details else []
        tables = [view.paths, view.boundaries, *reached, *tables]
    parts += [drawn(table) for table in tables if table.rows]
    parts += [on_a_line(styled(notice)) for notice in view.notices]
    parts.append(verdict_on_a_line(view))
    console.print(Group(*parts), crop=False)
