"""The story of a broken promise: what was promised, what was found instead, and how to see it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..campaign.outcome import PropertyOutcome, TargetOutcome
from ..judging.measurement import NO_EVIDENCE, Evidence
from ..judging.wrong_columns import WrongColumns
from ..properties import promise_of


@dataclass(frozen=True)
class Story:
    """One broken promise of one target.

    promise: the property's name. found: what the judge found in the smallest failing case. case: that case in
    words. often: in how many cases. stage: the first stage that differs from the model's, or "". file: the
    saved failure. wrong: the columns and slots of the case that are wrong. again: what it takes to see it
    again, where the case alone does not show it. also: further properties that break of the same cause.
    evidence: what the target printed, and an exception's traceback.
    """

    target: str
    promise: str
    claimed: bool
    found: str
    case: str
    often: str
    stage: str
    file: Path | None
    wrong: WrongColumns | None
    again: str = ""
    also: tuple[str, ...] = ()
    evidence: Evidence = NO_EVIDENCE

    @property
    def title(self) -> str:
        return f"{self.target} breaks {self.promise}"

    @property
    def replay(self) -> str:
        """The command that runs the failure again, ready for a shell; "" where none was saved."""
        return f"persistent-topk replay {shlex.quote(str(self.file))}" if self.file else ""

    def lines(self) -> list[str]:
        """The story in short, for forms of plain text."""
        parts = (
            ("", self.found),
            ("case: ", self.case),
            ("first stage that differs: ", self.stage),
            ("again: ", self.again),
            ("also breaks: ", ", ".join(self.also)),
            ("replay: ", self.replay),
        )
        return [f"{name}{text}" for name, text in parts if text]

    def facts(self) -> list[tuple[str, str]]:
        """(heading, text) of the story in full, without the command."""
        facts = [
            ("promised", promise_of(self.promise)),
            ("found", self.found),
            ("first stage", self.stage),
            ("smallest case", self.case),
            ("how often", self.often),
            ("again", self.again),
            ("also breaks", ", ".join(self.also)),
            ("printed", self.evidence.printed),
        ]
        return [fact for fact in facts if fact[1]]


def story_of(target: str, promise: str, item: PropertyOutcome, also: tuple[str, ...] = ()) -> Story:
    """The story of a property that fails. also: those that break of the same cause."""
    difference = item.difference
    return Story(
        target,
        promise,
        item.claimed,
        found=item.summary,
        case=item.story,
        often=f"{item.failures} of {item.cases} cases that judge it",
        stage=f"{difference.path}, {difference.stage}" if difference else "",
        file=item.replay,
        wrong=item.wrong,
        again=item.again,
        also=also,
        evidence=item.evidence,
    )


def stories_of(target: TargetOutcome, claimed_only: bool = True) -> list[Story]:
    """One story a cause, those of which others may follow first; claimed properties before others."""
    return [
        story_of(target.name, root.promise, target.properties[root.promise], root.also)
        for root in target.roots()
        if target.properties[root.promise].claimed or not claimed_only
    ]
