"""Tables of a view in each of their forms: terminal, plain text, Markdown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from persistent_topk.verify.reporting.markdown import markdown_lines
from persistent_topk.verify.reporting.plain import plain_lines
from persistent_topk.verify.reporting.terminal import drawn, styled
from persistent_topk.verify.reporting.view import Cell, Column, Table, Tone

TABLE = Table(
    "Kernels",
    (Column("name", width=6), Column("us", number=True, ruled=True)),
    (
        (Cell("a|b", note="beside"), Cell("1.50", share=0.5)),
        (Cell("[red]"), Cell("WRONG: 2 rows", Tone.BAD, strong=True)),
    ),
)


def shown(what: object, colours: bool = False) -> str:
    file = io.StringIO()
    system = "standard" if colours else None
    Console(file=file, width=60, force_terminal=colours, color_system=system).print(what)  # type: ignore[arg-type]
    return file.getvalue()


def test_a_row_has_a_cell_for_each_column() -> None:
    with pytest.raises(ValueError, match="a row of table 'Kernels' has 1 cells; expected 2"):
        Table(TABLE.title, TABLE.columns, ((Cell("alone"),),))


def test_only_a_table_with_a_share_has_bars() -> None:
    assert TABLE.has_bars
    assert not Table(TABLE.title, TABLE.columns, TABLE.rows[1:]).has_bars


def test_plain_lines_stand_below_each_other() -> None:
    assert plain_lines(TABLE) == [
        "name   |            us",
        "a|b    |          1.50",
        "[red]  | WRONG: 2 rows",
    ]


def test_a_row_alone_stands_below_its_headings() -> None:
    heading, row = plain_lines(Table("", TABLE.columns, TABLE.rows[:1]))
    assert heading.index("|") == row.index("|", len("a|b"))


def test_markdown_escapes_what_would_end_a_cell() -> None:
    assert markdown_lines(TABLE) == [
        "| name | us |",
        "| --- | ---: |",
        "| a\\|b | 1.50 |",
        "| [red] | **WRONG: 2 rows** |",
    ]


def test_the_terminal_shows_titles_texts_and_no_notes() -> None:
    text = shown(drawn(TABLE))
    assert text.split()[0] == "Kernels" and "┏" in text
    for words in ("a|b", "[red]", "WRONG: 2 rows"):
        assert words in text
    assert "beside" not in text


def test_a_table_without_a_title_has_no_frame() -> None:
    text = shown(drawn(Table("", TABLE.columns, TABLE.rows)))
    assert text.split()[:2] == ["name", "us"] and "┏" not in text


def test_tones_are_colours() -> None:
    assert "\x1b[1;31mbad\x1b[0m" in shown(styled(Cell("bad", Tone.BAD, strong=True)), colours=True)
    assert "\x1b[2;32mgood\x1b[0m" in shown(styled(Cell("good", Tone.GOOD, faint=True)), colours=True)
    assert shown(styled(Cell("plain")), colours=True) == "plain\n"
