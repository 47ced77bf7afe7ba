"""A campaign's outcome as its reports show it: the verdict, tables, and the story of each broken promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..campaign.coverage import LONG_ROW
from ..campaign.outcome import Outcome, PropertyOutcome, TargetOutcome
from ..properties import TRACE_AGREEMENT, promise_of
from .coverage_tables import argument_table, boundary_table, extent_table, family_table, path_table
from .story import Story, stories_of, story_of
from .view import Cell, Column, Line, Table, Tone

TONES = {"holds": Tone.GOOD, "fails": Tone.BAD, "not-run": Tone.DIM}
VERDICT_TONES = {"agree": Tone.GOOD, "mismatch": Tone.BAD, "incomplete": Tone.WARNING}


@dataclass(frozen=True)
class Judgement:
    """What became of one property of one target.

    verdict: holds, fails or not-run. cell: that and its counts, for a table. lacking: what it needs that is
    not here, or "". story: of its failures, if there are any.
    """

    promise: str
    claimed: bool
    verdict: str
    cell: Cell
    lacking: str
    story: Story | None


@dataclass(frozen=True)
class CampaignView:
    """All that reports show of a campaign."""

    verdict: str
    tone: Tone
    why: str  # what is missing, where the verdict is incomplete
    sums: str  # rows, cases, time and seed, in words
    long_rows: str  # how many of the rows are long, in words
    interrupted: bool
    seconds: float
    notices: Line  # what was not run or not taken
    paths: Table
    boundaries: Table
    extents: Table  # of the calls
    families: Table
    idle_families: tuple[str, ...]  # those without a case
    arguments: Table  # of whole calls
    conformance: Table
    judgements: dict[str, tuple[Judgement, ...]]  # by target
    causes: dict[str, tuple[Story, ...]]  # by target, one a cause; claimed ones first
    own: bool  # whether a target is ours: the paths are those of our own kernel

    @property
    def verdict_line(self) -> Line:
        """The verdict, what it rests on, and the seed, in one line."""
        reason = f" ({self.why})" if self.why else ""
        interrupted = " (interrupted)" if self.interrupted else ""
        return Cell(self.verdict, self.tone, strong=True), Cell(f": {self.sums}{reason}{interrupted}")

    def stories(self, claimed_only: bool = False) -> list[Story]:
        """The causes, target by target, claimed ones first."""
        stories = (story for found in self.causes.values() for story in found)
        return [story for story in stories if story.claimed or not claimed_only]


def _cell(promise: str, item: PropertyOutcome) -> Cell:
    if promise == TRACE_AGREEMENT.name and not item.claimed:
        return Cell("the reference", Tone.DIM)
    if item.verdict == "not-run":
        return Cell(item.lacking or "not run", Tone.DIM)
    counts = f"{item.failures} of {item.cases} cases" if item.failures else f"{item.cases} cases"
    claim = "" if item.claimed else " (not claimed)"
    return Cell(f"{item.verdict}, {counts}{claim}", TONES[item.verdict], faint=not item.claimed)


def _judgement(target: str, promise: str, item: PropertyOutcome) -> Judgement:
    story = story_of(target, promise, item) if item.failures else None
    return Judgement(promise, item.claimed, item.verdict, _cell(promise, item), item.lacking or "", story)


def conformance_table(judgements: dict[str, tuple[Judgement, ...]]) -> Table:
    """One row a property, one column a target."""
    cells = {(target, item.promise): item.cell for target, items in judgements.items() for item in items}
    names = dict.fromkeys(promise for _, promise in cells)
    return Table(
        "Conformance",
        (Column("property", whole=True), *(Column(target) for target in judgements)),
        tuple(
            (
                Cell(name, note=promise_of(name)),
                *(cells.get((target, name), Cell("")) for target in judgements),
            )
            for name in names
        ),
    )


def _notices(outcome: Outcome) -> Iterator[Cell]:
    for name, why in outcome.unavailable.items():
        yield Cell(f"{name} was not run: {why}", Tone.WARNING)
    for target in outcome.targets.values():
        if target.refused:
            yield Cell(f"{target.name} does not take {target.refused} cases: {target.refusal}")
        for note in target.notes:
            yield Cell(f"{target.name}: {note}", Tone.WARNING)


def judgements_of(target: TargetOutcome) -> tuple[Judgement, ...]:
    """A target's properties, in the order of reports."""
    return tuple(_judgement(target.name, name, item) for name, item in target.properties.items())


def view_of(outcome: Outcome) -> CampaignView:
    """The outcome, ready to be shown."""
    verdict, coverage = outcome.verdict, outcome.coverage
    judgements = {name: judgements_of(target) for name, target in outcome.targets.items()}
    families, idle = family_table(coverage)
    return CampaignView(
        verdict,
        VERDICT_TONES[verdict],
        why=outcome.missing_in_words() if verdict == "incomplete" else "",
        sums=f"{coverage.rows} rows in {coverage.cases} cases, {outcome.seconds:.1f} s, seed {outcome.seed}",
        interrupted=outcome.interrupted,
        long_rows=f"{coverage.long_rows} rows over {LONG_ROW} columns",
        seconds=outcome.seconds,
        notices=tuple(_notices(outcome)),
        paths=path_table(coverage),
        boundaries=boundary_table(coverage),
        extents=extent_table(coverage),
        families=families,
        idle_families=idle,
        arguments=argument_table(outcome.targets),
        conformance=conformance_table(judgements),
        judgements=judgements,
        causes={name: tuple(stories_of(target, False)) for name, target in outcome.targets.items()},
        own=any(target.own for target in outcome.targets.values()),
    )
