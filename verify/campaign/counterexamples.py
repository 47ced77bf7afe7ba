"""The smallest failing case of each broken promise: kept while a campaign runs, shrunk at its end."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..cases.case import Case, rebuild
from ..cases.simpler import plainer
from ..failures.attempts import MOST_ATTEMPTS
from ..failures.replay import Failure, file_name, save
from ..failures.shrink import shrink
from ..judging.describe import case_in_words
from ..judging.examination import answer_before, check_one
from ..judging.faults import rank_of
from ..judging.measurement import Measurement, order_of, same_cause
from ..targets.target import Schedule, Target
from .outcome import PropertyOutcome

MUCH_SMALLER = 2  # a later failing case takes the place of one so many times its size
TRIES = 3  # a failure that comes and goes is asked for so often
FEW_ATTEMPTS = 150  # to shrink what follows from a cause that is shrunk by itself
HANG = "hang"  # the cause of a call that has no answer in time
MOST_CALLS_TOLD = 3
CALL_SHARE = 0.3  # of the time that is left, for an earlier call
ROOT_SHARE = 0.7  # of the time that is left, for each cause in turn


@dataclass(eq=False)
class Counterexample:
    """A case that breaks a promise of a target, under the schedules that showed it. earlier: calls that its
    process had answered, as far as they are kept; once settled, those without which a fresh process does not
    fail. fresh: whether a fresh process was seen to fail, where there are such."""

    target: Target
    case: Case
    schedules: tuple[Schedule, ...]
    measurement: Measurement
    outcome: PropertyOutcome
    earlier: tuple[Case, ...] = ()
    cost: float = 0.0  # seconds that examining the case took
    fresh: bool = True
    settled: bool = False
    _last: Measurement | None = None  # of the latest case that failed alike

    @property
    def size(self) -> int:
        return self.case.storage.numel()

    @property
    def is_empty(self) -> bool:
        """Whether its call has no logits, and so little to tell."""
        return not self.case.rows or not self.case.columns

    @property
    def order(self) -> tuple[bool, int, int]:
        """The cause of others comes first."""
        return order_of(self.measurement.promise, self.measurement.cause, self.outcome.claimed)

    def fails(self, case: Case) -> bool:
        """Whether the case breaks the promise for the same reason."""
        found = check_one(self.target, case, self.measurement.promise, self.schedules)
        cause = self.measurement.cause
        if found is None or not found.broken or (cause and found.cause != cause):
            return False
        self._last = found
        return True

    def fails_afresh(self, case: Case, earlier: Sequence[Case] = ()) -> bool:
        """Whether it does in a process that has answered `earlier` and nothing else."""
        self.target.renew()
        answer_before(self.target, earlier)
        return self.fails(case)

    def settle(self, seconds: float, ks: Sequence[int], attempts: int) -> None:
        """Makes the case small, and finds out whether a fresh process shows it, or after which calls. A
        failure that costs the process is asked for once alone where waiting for it takes seconds."""
        deadline, self.settled = time.monotonic() + seconds, True
        history, self.earlier = self.earlier, ()
        if self.measurement.cause == HANG or not self.target.renews:
            self._shrink(self.fails, deadline, ks, attempts)
        elif self.fails_afresh(self.case):
            self._settle_alone(deadline, ks, attempts)
        elif history and self.fails_afresh(self.case, history):
            self._settle_behind(history, deadline, ks, attempts)
        elif self._comes_again():
            self._settle_alone(deadline, ks, attempts)
        else:
            self.fresh = False
            self._shrink(self.fails, deadline, ks, attempts)

    def _comes_again(self) -> bool:
        """Whether a fresh process fails in one of a few attempts."""
        return any(self.fails_afresh(self.case) for _ in range(TRIES))

    def _settle_alone(self, deadline: float, ks: Sequence[int], attempts: int) -> None:
        """Shrinks a case that a fresh process fails: in one process, unless it was the calls of shrinking
        that made it fail."""
        first = self.case, self.measurement
        self._shrink(self.fails, deadline, ks, attempts)
        if not self._comes_again():
            self.case, self.measurement = first
            self._shrink(self.fails_afresh, deadline, ks, attempts)

    def _settle_behind(
        self, history: Sequence[Case], deadline: float, ks: Sequence[int], attempts: int
    ) -> None:
        """Shrinks a case that fails behind the calls of `history`, and these; none is left where the case
        comes and goes by itself."""
        self.earlier = fewest(history, lambda earlier: self.fails_afresh(self.case, earlier))
        for place in range(len(self.earlier)):
            self._shrink_call(place, deadline)
        self._shrink(lambda case: self.fails_afresh(case, self.earlier), deadline, ks, attempts)
        if self._comes_again():
            self.earlier = ()

    def _shrink(
        self, fails: Callable[[Case], bool], deadline: float, ks: Sequence[int], attempts: int
    ) -> None:
        seconds, wrong = deadline - time.monotonic(), self.measurement.wrong
        row = wrong.row if wrong else 0
        smallest = shrink(self.case, fails, seconds, self.cost, ks, attempts, row)
        if smallest is not self.case and ((self._last and self._last.fatal) or fails(smallest)):
            assert self._last is not None
            self.case, self.measurement = smallest, self._last

    def _shrink_call(self, place: int, deadline: float) -> None:
        """Makes an earlier call as small as the failure lets it be: a single logit, if that will do."""
        call, before, behind = self.earlier[place], self.earlier[:place], self.earlier[place + 1 :]

        def fails(call: Case) -> bool:
            return self.fails_afresh(self.case, (*before, call, *behind))

        least = first_logit(call)
        if not fails(least):
            seconds = CALL_SHARE * (deadline - time.monotonic())
            least = shrink(call, fails, seconds, self.cost, attempts=FEW_ATTEMPTS)
        self.earlier = (*before, least, *behind)


def first_logit(call: Case) -> Case:
    """A call of the first logit alone, k 1; of a call without logits, itself."""
    if not call.rows or not call.columns:
        return call
    if call.asks:
        call = plainer(call)
    return rebuild(call, call.bits()[:1, :1], lengths=[1], k=1, offset=0, gap=0)


def fewest(calls: Sequence[Case], fails: Callable[[Sequence[Case]], bool]) -> tuple[Case, ...]:
    """As few of the calls as still fail: one where that is enough, else what is left once no block of them
    can go."""
    for call in (calls[0], calls[-1]):
        if fails([call]):
            return (call,)
    left, size = list(calls), len(calls)
    while size:
        start = 0
        while start < len(left):
            fewer = [*left[:start], *left[start + size :]]
            if fewer and fails(fewer):
                left = fewer
            else:
                start += size
        size //= 2
    return tuple(left)


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

    def offer(self, new: Counterexample, shrinking: bool = False) -> None:
        """Takes a failing case if it is a property's first, if its cause explains more than that of the one
        it has, or if it is smaller: much smaller, unless the case comes from shrinking one."""
        key = (new.target.name, new.measurement.promise)
        known = self.found.get(key)
        if known is not None and not _is_better(new, known, 1 if shrinking else MUCH_SMALLER):
            return
        self.found[key] = new
        self._tell(new)

    def any_claimed(self) -> bool:
        return any(item.outcome.claimed for item in self.found.values())

    def shrink_all(self, deadline: float, roots_alone: bool = False) -> None:
        """Shrinks all, the causes first and most, to `deadline` (monotonic). roots_alone: nothing else."""
        order = sorted(self.found.values(), key=lambda item: (item.order, item.size))
        roots: list[Counterexample] = []
        for item in order:
            known = [root for root in roots if root.target is item.target]
            if not any(same_cause(root.measurement.cause, item.measurement.cause) for root in known):
                roots.append(item)
        claimed = [root for root in roots if root.outcome.claimed] or roots
        if roots_alone:
            order = claimed
        for item in sorted(order, key=lambda item: item not in claimed):
            left = deadline - time.monotonic()
            if left <= 0:
                return
            is_root = item in claimed
            share = ROOT_SHARE if is_root and len(order) > 1 else 1.0
            item.settle(left * share, self.ks, MOST_ATTEMPTS if is_root else FEW_ATTEMPTS)
            self._tell(item)

    def _tell(self, item: Counterexample) -> None:
        """Saves the case, in place of a file that it was told by before, and fills in the outcome."""
        outcome, measurement = item.outcome, item.measurement
        outcome.summary = str(measurement.broken)
        outcome.difference, outcome.wrong = measurement.difference, measurement.wrong
        outcome.cause, outcome.evidence = measurement.cause, measurement.evidence
        outcome.story = case_in_words(item.case, item.target.own)
        outcome.again = _again_in_words(item)
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
            item.earlier if item.settled else (),
            item.fresh,
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


def _is_better(new: Counterexample, known: Counterexample, times: int) -> bool:
    causes = new.measurement.cause, known.measurement.cause
    if causes[1] and causes[0] != causes[1]:
        return rank_of(causes[0]) < rank_of(causes[1])
    if new.is_empty != known.is_empty:
        return known.is_empty
    return new.size * times <= known.size


def _again_in_words(item: Counterexample) -> str:
    """What it takes to see the failure again, where the case alone does not show it."""
    if not item.fresh:
        return "a fresh process does not show it: it needs more of the calls before it, or comes and goes"
    if not item.settled or not item.earlier:
        return ""
    calls = "; ".join(f"{call.rows} x {call.columns}, k {call.k}" for call in item.earlier[:MOST_CALLS_TOLD])
    more = f" and {len(item.earlier) - MOST_CALLS_TOLD} more" if len(item.earlier) > MOST_CALLS_TOLD else ""
    return f"in the same process, before it: {calls}{more}; without that a fresh process does not fail"
