"""What a run of the bench shows: its cells, kernels of the same run, and an earlier run, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..verify.reporting.view import Cell, Column, Line, Table, Tone
from .run import COLD, OURS, WARM
from .table import CellFigures

ABSENT = Cell("-")
NAME_WIDTH = 18  # characters of the longest cell's name
# Heading and least width of each figure at one temperature.
FIGURES = (
    ("us", 7),
    ("p10-p90", 12),
    ("floor", 6),
    ("ratio", 5),
    ("fastest", 11),
    ("ours/", 5),
    ("exact", 11),
    ("ours/", 5),
)


def _columns() -> Iterator[Column]:
    yield Column("k x rows x n", width=NAME_WIDTH)
    for heat in (COLD, WARM):
        for place, (name, width) in enumerate(FIGURES):
            heading = f"{heat} {name}" if place == 0 else name
            yield Column(heading, number=True, width=width, ruled=place == 0)
    yield Column("empty", number=True, ruled=True)


COLUMNS = tuple(_columns())


def _figure(value: float, digits: int = 2) -> Cell:
    return Cell(f"{value:.{digits}f}")


def _half(part: CellFigures) -> Iterator[Cell]:
    """One temperature of a cell, as FIGURES names it."""
    yield _figure(part["us"])
    yield Cell(f"{part['low']:.1f}-{part['high']:.1f}")
    yield _figure(part["floor"])
    yield _figure(part["ratio"])
    page = part["page"]
    for kind, versus in (("fastest", "versus"), ("exact", "versus_exact")):
        yield Cell(f"{page[kind]:.2f} {page[f'{kind}_name']}") if page else ABSENT
        yield _figure(part[versus]) if page else ABSENT


def _wrong(words: str, columns: int) -> Line:
    return Cell(words, Tone.BAD, strong=True), *(Cell("") for _ in range(columns - 1))


def _row(cell: CellFigures) -> Line:
    name = Cell(cell["name"])
    if cell["wrong_rows"]:
        return name, *_wrong(f"WRONG: {cell['wrong_rows']} rows", len(COLUMNS) - 1)
    return name, *_half(cell[COLD]), *_half(cell[WARM]), _figure(cell[COLD]["empty"])


def cell_table(cells: Sequence[CellFigures]) -> Table:
    """One row a cell: our kernel at both temperatures, beside the page's; a cell with a wrong row has no
    time."""
    return Table("", COLUMNS, tuple(map(_row, cells)))


def _in_the_same_run(cell: CellFigures, name: str) -> Line:
    """Cold and warm microseconds of a kernel, and its cold ratio to the floor between them."""
    wrong = cell["wrong_rows"] if name == OURS else cell["wrong_peers"].get(name)
    if wrong:
        return _wrong(f"WRONG {wrong} rows", 3)
    cold, warm = (cell[heat] if name == OURS else cell[heat]["peers"].get(name) for heat in (COLD, WARM))
    if cold is None:
        return ABSENT, ABSENT, ABSENT
    return _figure(cold["us"]), _figure(cold["ratio"], 1), _figure(warm["us"])


def peer_table(cells: Sequence[CellFigures]) -> Table:
    """The kernels of the same run: microseconds and ratio to the floor, ours in front. Without peers it has
    no rows."""
    peers = dict.fromkeys(name for cell in cells for name in cell[COLD]["peers"])
    names = (OURS, *peers)
    columns = [Column("in the same run", width=NAME_WIDTH)]
    for name in names:
        columns.append(Column(f"{name} cold us", number=True, ruled=True))
        columns += [Column("x", number=True, width=4), Column("warm", number=True, width=7)]
    rows = [
        (Cell(cell["name"]), *(part for name in names for part in _in_the_same_run(cell, name)))
        for cell in (cells if peers else ())
    ]
    return Table("", tuple(columns), tuple(rows))


def form_table(cells: Sequence[CellFigures]) -> Table:
    """Other forms of the call, in the same run: microseconds, and over the plain call's, cold and warm.
    Without forms it has no rows."""
    names = dict.fromkeys(name for cell in cells for name in cell[COLD]["forms"])
    columns = [Column("forms of the call", width=NAME_WIDTH)]
    for name in names:
        columns.append(Column(f"{name} cold us", number=True, ruled=True))
        columns += [Column("/plain", number=True, width=6), Column("warm", number=True, width=7)]
        columns.append(Column("/plain", number=True, width=6))

    def timed(cell: CellFigures, name: str) -> Line:
        if name in cell["wrong_forms"]:
            return _wrong(f"WRONG {cell['wrong_forms'][name]} rows", 4)
        found = [cell[heat]["forms"].get(name) for heat in (COLD, WARM)]
        if None in found:
            return (ABSENT,) * 4
        return tuple(part for each in found for part in (_figure(each["us"]), _figure(each["to_plain"], 3)))

    rows = [(Cell(cell["name"]), *(part for name in names for part in timed(cell, name))) for cell in cells]
    return Table("", tuple(columns), tuple(rows) if names else ())


def against_table(cells: Sequence[CellFigures], before: Sequence[CellFigures]) -> Table:
    """Cell by cell, now over before: the median, cold and warm, and that over the floors of each run."""
    earlier = {cell["name"]: cell for cell in before}
    columns = [Column("k x rows x n", width=NAME_WIDTH)]
    for heat in (COLD, WARM):
        columns.append(Column(heat, number=True, ruled=True))
        columns += [Column("now/was", number=True), Column("of ratio", number=True)]

    def compared(now: CellFigures, then: CellFigures) -> Line:
        return (
            Cell(f"{then['us']:.2f}>{now['us']:.2f}"),
            _figure(now["us"] / then["us"], 3),
            _figure(now["ratio"] / then["ratio"], 3),
        )

    rows = []
    for cell in cells:
        was = earlier.get(cell["name"])
        if was is not None and not cell["wrong_rows"] and not was["wrong_rows"]:
            parts = (compared(cell[heat], was[heat]) for heat in (COLD, WARM))
            rows.append((Cell(cell["name"]), *(part for half in parts for part in half)))
    return Table("", tuple(columns), tuple(rows))
