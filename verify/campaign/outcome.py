"""What a campaign found, and the verdict that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ...exit_code import ExitCode
from ..judging.measurement import NO_EVIDENCE, Evidence, Measurement, order_of, same_cause
from ..judging.trace_difference import TraceDifference
from ..judging.wrong_columns import WrongColumns
from ..properties import measured_on
from ..targets.target import Target
from .coverage import Coverage

SCHEMA = 2
NEEDS_GPU = ("graph-replay",)


@dataclass(frozen=True)
class Missing:
    """What a campaign did not judge, and why."""

    what: str
    why: str


@dataclass
class PropertyOutcome:
    """One property of one target over a campaign."""

    claimed: bool
    cases: int = 0
    rows: int = 0
    failures: int = 0
    summary: str = ""
    replay: Path | None = None
    difference: TraceDifference | None = None
    lacking: str | None = None  # the hardware that it was not run for
    story: str = ""  # the smallest failing case, in words
    wrong: WrongColumns | None = None  # which columns of it
    fatal: int = 0  # failures that cost the target's process, in this run
    cause: str = ""  # of the smallest failing case
    again: str = ""  # what a fresh process shows of it, where that is not the same
    evidence: Evidence = NO_EVIDENCE

    @property
    def verdict(self) -> str:
        if self.failures:
            return "fails"
        return "holds" if self.rows else "not-run"


@dataclass(frozen=True)
class Root:
    """A broken property that tells a cause. also: what breaks of the same cause, by the same case or
    others."""

    promise: str
    also: tuple[str, ...] = ()


@dataclass
class TargetOutcome:
    """name, claims and each property's outcome, in the order of reports. refused: cases that it does not
    take, the last for `refusal`. unfinished: what ended its campaign early, if anything did. asked: cases
    that were put to it, by what they ask for beside the plain selection."""

    name: str
    own: bool
    properties: dict[str, PropertyOutcome]
    refused: int = 0
    refusal: str = ""
    notes: tuple[str, ...] = ()
    unfinished: str = ""
    asked: Counter[str] = field(default_factory=Counter)

    def record(self, measurement: Measurement) -> PropertyOutcome:
        """Counts a measurement; measurements that judged no row count for nothing."""
        outcome = self.properties[measurement.promise]
        outcome.cases += bool(measurement.rows or measurement.broken)  # a call of no rows may fail too
        outcome.rows += measurement.rows
        outcome.failures += measurement.broken is not None
        outcome.fatal += measurement.fatal
        return outcome

    def failing(self) -> list[str]:
        return [name for name, item in self.properties.items() if item.claimed and item.failures]

    def roots(self) -> list[Root]:
        """What is broken, one property a cause: claimed ones first, and those of which others may follow."""
        broken = [name for name, item in self.properties.items() if item.failures]
        broken.sort(
            key=lambda name: order_of(name, self.properties[name].cause, self.properties[name].claimed)
        )
        found: dict[str, list[str]] = {}
        for name in broken:
            cause = self.properties[name].cause
            root = next((each for each in found if same_cause(self.properties[each].cause, cause)), None)
            found.setdefault(root or name, []).extend([name] if root else [])
        return [Root(promise, tuple(also)) for promise, also in found.items()]

    def missing(self) -> list[Missing]:
        """What ended its campaign early, and the claims that no case judged, less those that the hardware
        lacks."""
        early = [Missing(self.name, self.unfinished)] if self.unfinished else []
        why = "no case judged it"
        if self.refused:
            why += f"; the target does not take {self.refused} cases: {self.refusal}"
        return early + [
            Missing(f"{name} of {self.name}", why)
            for name, item in self.properties.items()
            if item.claimed and item.verdict == "not-run" and not item.lacking
        ]


def new_outcome(
    name: str,
    claims: frozenset[str],
    own: bool,
    on_gpu: bool,
    takes_shards: bool = False,
    takes: Sequence[str] = (),
) -> TargetOutcome:
    """An outcome with every property still to be run. takes: what of a whole call the target takes."""
    names = measured_on(takes, takes_shards, own)
    lacking = {} if on_gpu else dict.fromkeys(NEEDS_GPU, "needs a GPU")
    return TargetOutcome(
        name, own, {prop: PropertyOutcome(prop in claims, lacking=lacking.get(prop)) for prop in names}
    )


def outcome_of(target: Target) -> TargetOutcome:
    """The same of a prepared target."""
    takes = target.limits.takes or ()
    return new_outcome(target.name, target.claims, target.own, target.on_gpu, target.takes_shards, takes)


@dataclass
class Outcome:
    """A campaign's result. seed: of its random choices. targets: what each one broke and kept. coverage: what
    was put to them, in so many seconds. interrupted: whether it was ended early. unavailable: targets that
    could not run, and why. gaps: what this run should have judged beside the claims, and did
    not."""

    seed: int
    targets: dict[str, TargetOutcome]
    coverage: Coverage = field(default_factory=Coverage)
    seconds: float = 0.0
    interrupted: bool = False
    unavailable: dict[str, str] = field(default_factory=dict)
    gaps: tuple[Missing, ...] = ()

    @property
    def verdict(self) -> str:
        if any(target.failing() for target in self.targets.values()):
            return "mismatch"
        return "incomplete" if self.missing() else "agree"

    def missing(self) -> list[Missing]:
        """What keeps the verdict from being `agree` though nothing failed."""
        if not self.coverage.cases or not self.targets:
            return [Missing("all claims", "no case was run"), *self.gaps]
        own = any(target.own for target in self.targets.values())
        paths = self.coverage.missing_paths() if own else []
        return [
            *self.gaps,
            *(Missing(f"path {name}", "no row under a shipped policy took it") for name in paths),
            *(item for target in self.targets.values() for item in target.missing()),
        ]

    def missing_in_words(self) -> str:
        """What was not judged, each reason told once."""
        by_reason: dict[str, list[str]] = {}
        for item in self.missing():
            by_reason.setdefault(item.why, []).append(item.what)
        return "; ".join(f"{', '.join(things)}: {why}" for why, things in by_reason.items())

    @property
    def exit_code(self) -> ExitCode:
        if self.verdict == "mismatch":
            return ExitCode.MISMATCH
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.AGREE if self.verdict == "agree" else ExitCode.INCOMPLETE

    def as_json(self) -> dict[str, object]:
        """The document of --json."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "missing": [asdict(item) for item in self.missing()],
            "seed": self.seed,
            "seconds": round(self.seconds, 3),
            "cases": self.coverage.cases,
            "rows": self.coverage.rows,
            "interrupted": self.interrupted,
            "paths": {name: self.coverage.paths[name] for name in self.coverage.paths},
            "shipped_paths": dict(self.coverage.shipped_paths),
            "boundaries": dict(sorted(self.coverage.boundaries.items())),
            "families": dict(self.coverage.families),
            "unavailable": self.unavailable,
            "targets": {
                name: {
                    "notes": list(target.notes),
                    "arguments": dict(target.asked),
                    "properties": {
                        prop: {
                            "claimed": item.claimed,
                            "verdict": item.verdict,
                            "cases": item.cases,
                            "summary": item.summary or item.lacking or "",
                            "replay": str(item.replay) if item.replay else None,
                        }
                        for prop, item in target.properties.items()
                    },
                }
                for name, target in self.targets.items()
            },
        }
