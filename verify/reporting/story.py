"""The story of a broken promise: what was promised, what was found instead, and how to see it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..campaign.outcome import PropertyOutcome
from ..judging.wrong_columns import WrongColumns
from ..properties import promise_of


@dataclass(frozen=True)
class Story:
    """One broken promise of one target.

    promise: the property's name. found: what the judge found in the smallest failing case. case: that case in
    words. often: in how many cases. stage: the first stage that differs from the model's, or "". file: the
    saved failure. wrong: the columns and slots of the case that are wrong.
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

    @property
    def title(self) -> str:
        return f"{self.target} breaks {self.promise}"

    @property
    def replay(self) -> str:
        """The command that runs the failure again, ready for a shell; "" where none was saved."""
        return f"persistent-topk replay {shlex.quote(str(self.file))}" if self.file else ""

    def lines(self) -> list[str]:
        """The story in short, for forms of plain text."""
        parts = (("", self.found), ("case: ", self.case), ("first stage that differs: ", self.stage))
        return [f"{name}{text}" for name, text in (*parts, ("replay: ", self.replay)) if text]

    def facts(self) -> list[tuple[str, str]]:
        """(heading, text) of the story in full, without the command."""
        facts = [
            ("promised", promise_of(self.promise)),
            ("found", self.found),
            ("first stage", self.stage),
            ("smallest case", self.case),
            ("how often", self.often),
        ]
        return [fact for fact in facts if fact[1]]


def story_of(target: str, promise: str, item: PropertyOutcome) -> Story:
    """The story of a property that fails."""
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
    )
