"""What a campaign reached, as tables: rows and cases by path, boundary and family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ..campaign.coverage import Coverage
from ..campaign.outcome import TargetOutcome
from ..cases.asking import ARGUMENTS, NARROW_DTYPES, WORDS
from ..cases.families import FAMILIES
from .view import Cell, Column, Table

OTHER_FAMILIES = {"recipe": "Recipes that Hypothesis draws", "captured": "Captured scores"}


def _bar(count: int, most: int) -> Cell:
    """A count with its share on the square root of it, by which small ones stay visible."""
    return Cell(str(count), share=(count / max(1, most)) ** 0.5)


def _most(counts: Counter[str]) -> int:
    return max(counts.values(), default=1)


def path_table(coverage: Coverage) -> Table:
    """Rows and cases by path, and the rows among them under the shipped policies."""
    most = _most(coverage.paths)
    headings = ("rows", "cases", "rows under a shipped policy")
    return Table(
        "Rows by path",
        (Column("path"), *(Column(name, number=True) for name in headings)),
        tuple(
            (
                Cell(name),
                _bar(coverage.paths[name], most),
                Cell(str(coverage.path_cases[name])),
                Cell(str(coverage.shipped_paths[name])),
            )
            for name in coverage.told_paths()
        ),
    )


def boundary_table(coverage: Coverage) -> Table:
    """Rows (cases) one before, at, and one after each boundary."""
    names = {name.removesuffix("-1").removesuffix("+1") for name in coverage.boundaries}

    def count(place: str) -> Cell:
        return Cell(f"{coverage.boundaries[place]} ({coverage.boundary_cases[place]})")

    headings = ("one less", "at", "one more")
    return Table(
        "Rows (cases) at the boundaries",
        (Column("boundary"), *(Column(name, number=True) for name in headings)),
        tuple((Cell(name), *(count(f"{name}{step}") for step in ("-1", "", "+1"))) for name in sorted(names)),
    )


def extent_table(coverage: Coverage) -> Table:
    """By the rows of a call: cases, and the most columns and k that such calls had, each in powers of two."""
    reached: dict[int, list[tuple[int, int, int]]] = {}
    for extent, cases in coverage.extents.items():
        rows, columns, k = map(int, extent.split(" x "))
        reached.setdefault(rows, []).append((columns, k, cases))
    names = ("rows, at least", "columns, up to", "k, up to", "cases")
    return Table(
        "Extents reached",
        tuple(Column(name, number=True) for name in names),
        tuple(
            (
                Cell(str(rows)),
                Cell(str(max(columns for columns, _, _ in found))),
                Cell(str(max(k for _, k, _ in found))),
                Cell(str(sum(cases for _, _, cases in found))),
            )
            for rows, found in sorted(reached.items())
        ),
    )


def family_table(coverage: Coverage) -> tuple[Table, tuple[str, ...]]:
    """Cases by family, the most first; and the names of families that had none."""
    summaries = {**{name: family.summary for name, family in FAMILIES.items()}, **OTHER_FAMILIES}
    most = _most(coverage.families)
    table = Table(
        "Cases by family",
        (Column("family"), Column("cases", number=True)),
        tuple(
            (Cell(name, note=summaries.get(name, "")), _bar(count, most))
            for name, count in coverage.families.most_common()
        ),
    )
    whole = any(FAMILIES[name].asks for name in coverage.families if name in FAMILIES)
    due = (name for name, family in FAMILIES.items() if whole or not family.asks)
    return table, tuple(name for name in due if not coverage.families[name])


def argument_table(targets: Mapping[str, TargetOutcome]) -> Table:
    """By what calls ask for beside the plain selection: how many of its cases were put to each target. No row
    where there were none."""
    names = [
        name for name in (*NARROW_DTYPES, *ARGUMENTS) if any(item.asked[name] for item in targets.values())
    ]
    return Table(
        "Cases by argument",
        (Column("argument", whole=True), *(Column(target, number=True) for target in targets)),
        tuple(
            (Cell(WORDS.get(name, name)), *(Cell(str(item.asked[name])) for item in targets.values()))
            for name in names
        ),
    )
