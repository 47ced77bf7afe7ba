"""The smallest failing case of each broken promise: kept while a campaign runs, shrunk at its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..cases.case import Case
from ..failures.replay import Failure, file_name, save
from ..failures.shrink import shrink
from ..judging.describe import case_in_words
from ..judging.examination import Measurement, check_one
from ..targets.target import Schedule, Target
from .outcome import PropertyOutcome

MUCH_SMALLER = 2  # a later failing case takes the place of one so many times its size


@dataclass
class Counterexample:
    """A case that breaks a promise of a target, under the schedules that showed it."""

    target: Target
    case: Case
    schedules: tuple[Schedule, ...]
    measurement: Measurement
    outcome: PropertyOutcome
    cost: float = 0.0  # seconds that examining the case took
    _last: Measurement | None = None  # of the latest case that failed alike

    @property
    def size(self) -> int:
        return self.case.storage.numel()

    def fails(self, case: Case) -> bool:
        found = check_one(self.target, case, self.measurement.promise, self.schedules)
        if found and found.broken:
            self._last = found
        return bool(found and found.broken)

    def shrunk(self, seconds: float, ks: Sequence[int] = ()) -> bool:
        """Whether it took a smaller case that fails alike; not if that cannot be repeated. A failure that
        costs the process is not asked for again: waiting for a hang takes seconds."""
        smallest = shrink(self.case, self.fails, seconds, self.cost, ks)
        if smallest is self.case:
            return False
        if not ((self._last and self._last.fatal) or self.fails(smallest)):
            return False
        assert self._last is not None
        self.case, self.measurement = smallest, self._last
        return True


@dataclass
class Counterexamples:
    """folder: where replay files go. found: by target and property. obsolete: files that a better one
    stands for, until clear_away() removes them. ks: those that a case may have, all where there are none.
    unsaved: of properties whose file could not be written, why: what was found is told without it."""

    folder: Path
    ks: Sequence[int] = ()
    found: dict[tuple[str, str], Counterexample] = field(default_factory=dict)
    obsolete: list[Path] = field(default_factory=list)
    unsaved: dict[tuple[str, str], str] = field(default_factory=dict)

    def offer(
        self,
        target: Target,
        case: Case,
        schedules: Sequence[Schedule],
        measurement: Measurement,
        outcome: PropertyOutcome,
        cost: float = 0.0,
        shrinking: bool = False,
    ) -> None:
        """Takes a failing case if it is a property's first, or smaller than the one it has: much smaller,
        unless the case comes from shrinking one."""
        key = (target.name, measurement.promise)
        known = self.found.get(key)
        times = 1 if shrinking else MUCH_SMALLER
        if known is not None and case.storage.numel() * times > known.size:
            return
        self.found[key] = Counterexample(target, case, tuple(schedules), measurement, outcome, cost)
        self._tell(self.found[key])

    def any_claimed(self) -> bool:
        return any(item.outcome.claimed for item in self.found.values())

    def shrink_all(self, deadline: float) -> None:
        """Shrinks all, claimed properties first. What does not end by itself gets an even share of the time
        to `deadline` (monotonic)."""
        order = sorted(self.found.values(), key=lambda item: (not item.outcome.claimed, item.size))
        for number, item in enumerate(order):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            if item.shrunk(left / (len(order) - number), self.ks):
                self._tell(item)

    def _tell(self, item: Counterexample) -> None:
        """Saves the case, in place of a file that it was told by before, and fills in the outcome."""
        outcome, measurement = item.outcome, item.measurement
        outcome.summary = str(measurement.broken)
        outcome.difference, outcome.wrong = measurement.difference, measurement.wrong
        outcome.story = case_in_words(item.case, item.target.own)
        claims = tuple(sorted(item.target.claims))
        row = measurement.wrong.row if measurement.wrong and measurement.wrong.row < item.case.rows else 0
        failure = Failure(
            item.target.name,
            measurement.promise,
            outcome.summary,
            item.case,
            item.schedules,
            claims,
            item.target.limits,
            row,
        )
        before, path = outcome.replay, self.folder / file_name(failure)
        key = item.target.name, measurement.promise
        try:
            outcome.replay = save(failure, path)
        except OSError as error:
            self.unsaved[key] = f"{measurement.promise}: {path} was not written: {error.strerror}"
            return
        self.unsaved.pop(key, None)
        if before is not None and before != outcome.replay:
            self.obsolete.append(before)

    def clear_away(self) -> None:
        """Removes the files of which nothing speaks any more."""
        kept = {item.outcome.replay for item in self.found.values()}
        for path in self.obsolete:
            if path not in kept:
                path.unlink(missing_ok=True)
        self.obsolete.clear()
