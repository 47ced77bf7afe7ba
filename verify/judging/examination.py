"""One case put to one target, promise by promise.

Source: differential testing (McKeeman, "Differential testing for software", 1998), the oracle being
reference/oracle.py, and metamorphic testing (Chen, Cheung and Yiu, 1998) where a promise compares two calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from ..cases.case import Case
from ..cases.variants import (
    EVERY_FORM,
    VARIANTS,
    Variant,
    has_heads,
    has_short_lengths,
    is_packed,
    packed,
)
from ..properties import TRACE_AGREEMENT
from ..targets.target import CHANGED, POISONS, Answer, NotTaken, Schedule, Target, TargetFailure
from .describe import order_in_words, row_in_words
from .faults import Fault, faults_of
from .judge import JUDGES, Expected, Slots, is_correct_selection
from .measurement import Measurement, failed
from .reading import slots_of
from .subject import Subject as Subject
from .told_apart import Difference, told_apart
from .trace_difference import first_difference
from .wrong_columns import against_contract

# What a call beyond the first is for, in the order in which they are made.
AGAIN, SHORT, GRAPH = "repeatable-bytes", "short-lengths", "graph-replay"
STEPS = (AGAIN, SHORT, *VARIANTS, GRAPH)
UNTOUCHED, WRITTEN = "inputs-untouched", "fully-written"
# The step that measures a property; the base call measures the others.
STEP_OF = {
    "repeatable-set": AGAIN,
    "repeatable-bytes": AGAIN,
    WRITTEN: AGAIN,
    UNTOUCHED: SHORT,  # beside the base call
    **{name: name for name in (SHORT, *VARIANTS, GRAPH)},
}


@dataclass
class Examination:
    """Puts one case to one target. schedules: one a call, in turn; the last serves any more calls."""

    target: Target
    subject: Subject
    schedules: Sequence[Schedule] = ("",)
    calls: int = 0
    base: Answer | None = None
    _printed: str = ""
    _slots: Slots | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.target.own:
            self.subject = self.subject.with_legal_lengths()
        adapted = self.target.adapt(self.subject.case)
        if adapted is not self.subject.case:
            self.subject = Subject(adapted)

    def run(self, steps: Sequence[str] = STEPS, short: Case | None = None) -> list[Measurement]:
        """All that the base call and `steps` measure. short: the case as it was before its lengths
        were made legal. A base call without an answer leaves nothing to compare; NotTaken where the target
        does not take it. A later call that is not taken measures nothing."""
        measured = list(self._told(self._base(), self.subject.case))
        for step in STEPS if self.base is not None else ():
            if step in steps:
                called = short if step == SHORT else self.subject.case
                with suppress(NotTaken):
                    measured += self._told(self._step(step, short), called)
        return measured

    def _told(self, measured: Iterator[Measurement], called: Case | None) -> Iterator[Measurement]:
        """With what a broken one needs to be told: what was called, and what the target printed then. Ours
        see the case as it is."""
        for item in measured:
            if item.broken and item.evidence.printed == "":
                item = replace(item, evidence=replace(item.evidence, printed=self._printed))
            yield item if self.target.own or not item.broken else replace(item, case=called)

    def _step(self, step: str, short: Case | None) -> Iterator[Measurement]:
        if step == AGAIN:
            return self._again()
        if step == SHORT:
            return self._short(self.subject.case if self.target.own or short is None else short)
        return self._graph() if step == GRAPH else self._variant(step)

    def _call(self, case: Case, poison: int = POISONS[0], tracing: bool = False) -> Answer:
        """One call on a copy of the case, so that a target that writes to its inputs harms nothing else."""
        schedule = self.schedules[min(self.calls, len(self.schedules) - 1)]
        self.calls += 1
        given = case.copy()
        answer = self.target.call(given, poison, schedule, tracing)
        self._printed = answer.printed
        if not answer.damage and not given.has_same_memory(case):
            return replace(answer, damage=CHANGED)
        return answer

    def _read(self, case: Case, expected: Expected, answer: Answer) -> Slots:
        return slots_of(case, expected, answer, self.target.padding, self.target.claims)

    def _base(self) -> Iterator[Measurement]:
        case, expected = self.subject.case, self.subject.expected
        tracing = TRACE_AGREEMENT.name in self.target.claims
        try:
            self.base = self._call(case, tracing=tracing)
        except TargetFailure as failure:
            yield failed(failure, "exact-set" if failure.promise else self._blamed(), case)
            return
        yield _untouched(case, self.base)
        self._slots = slots = self._read(case, expected, self.base)
        unwritten = (slots.unwritten.any(1)).nonzero().flatten().tolist()
        if unwritten:
            yield _row(WRITTEN, case.rows, slots, unwritten[0])
        for promise in filter(self.target.promises.__contains__, JUDGES):
            verdict = JUDGES[promise](slots)
            broken, judged = verdict.broken.tolist(), int(verdict.applies.sum())
            if not broken:
                yield Measurement(promise, judged)
            elif promise == "ascending-order":
                wrong = against_contract(slots, broken[0])
                yield Measurement(promise, judged, order_in_words(slots), Fault.ORDER.value, wrong=wrong)
            else:  # a row that tells the cause, where there is one
                yield _row(promise, judged, slots, min(broken, key=lambda row: row not in unwritten))
        if tracing and self.base.trace is not None and not has_heads(case):
            yield self._trace(self.base.trace)

    def _blamed(self) -> str:
        """What a base call without an answer breaks: another promise, if the rows get one end to end."""
        if not self.subject.case.columns:
            return SHORT  # no length is 1 to S
        other = packed(self.subject.case)
        if self.target.own or is_packed(self.subject.case) or self.target.refuses(other) is not None:
            return "exact-set"
        try:
            self._call(other)
        except (TargetFailure, NotTaken):
            return "exact-set"
        return "layout-independent"

    def _trace(self, trace: np.ndarray) -> Measurement:
        difference = first_difference(trace, self.subject.model[1])
        words = difference.told(self.target.name) if difference else None
        return Measurement(TRACE_AGREEMENT.name, self.subject.case.rows, words, difference=difference)

    def _again(self) -> Iterator[Measurement]:
        """The same call once more, into memory that held something else, under another schedule."""
        assert self.base is not None and self._slots is not None
        case, expected = self.subject.case, self.subject.expected
        try:
            answer = self._call(case, POISONS[1])
        except TargetFailure as failure:
            yield failed(failure, AGAIN, case, "the second call: ")
            return
        slots = self._read(case, expected, answer)
        unwritten = slots.unwritten
        if not bool(self._slots.unwritten.any()):  # which the base call has told
            rows = unwritten.any(1).nonzero().flatten().tolist()
            yield _row(WRITTEN, case.rows, slots, rows[0]) if rows else Measurement(WRITTEN, case.rows)
        both = (self._slots.unwritten & unwritten).numpy()
        same_set = (self._slots.columns == slots.columns).all(1).numpy()
        same_bytes = ((self.base.indices == answer.indices) | both).all(axis=1)
        same_bytes &= self.base.same_beside(answer)
        for promise, same in (("repeatable-set", same_set), ("repeatable-bytes", same_bytes)):
            yield _apart(promise, case.rows, told_apart(same, self._slots, slots, "in the second call"))

    def _short(self, case: Case) -> Iterator[Measurement]:
        """Lengths as given, negative, zero or over the columns; our own targets saw them at once. Of others
        a row that was wrong with its length made legal, too, has another cause."""
        if not has_short_lengths(case):
            return
        assert self._slots is not None
        slots, lengths = self._slots, case.row_lengths.numpy()
        judged = (lengths < 1) | (lengths > case.room)
        if case is not self.subject.case:
            try:
                answer = self._call(case)
            except TargetFailure as failure:
                yield failed(failure, SHORT, case)
                return
            if answer.damage:  # such as lengths that were clamped where they lie
                yield _untouched(case, answer)
            slots = self._read(case, Expected.of(case), answer)
            judged = is_correct_selection(self._slots).numpy()
        wrong = np.flatnonzero(judged & ~is_correct_selection(slots).numpy())
        yield _row(SHORT, case.rows, slots, int(wrong[0])) if len(wrong) else Measurement(SHORT, case.rows)

    def _graph(self) -> Iterator[Measurement]:
        """A graph's replay beside the plain call: the bytes, or the set where no more is promised."""
        if not self.target.on_gpu or not self.subject.case.rows:  # of no rows there is nothing to replay
            return
        assert self.base is not None and self._slots is not None
        case = self.subject.case
        try:
            answer = self.target.replay_graph(case)
        except TargetFailure as failure:
            yield failed(failure, GRAPH, case)
            return
        slots = self._read(case, self.subject.expected, answer)
        if "repeatable-bytes" in self.target.claims:
            same = (answer.indices == self.base.indices).all(axis=1) & self.base.same_beside(answer)
        else:
            same = (is_correct_selection(slots) == is_correct_selection(self._slots)).numpy()
        yield _apart(GRAPH, case.rows, told_apart(same, self._slots, slots, "in a graph's replay"))

    def _variant(self, step: str) -> Iterator[Measurement]:
        forms = (form for form in VARIANTS[step](self.subject.case) if self.target.takes(form.case))
        told: list[Measurement] = []
        for variant in islice(forms, None if step in EVERY_FORM else 1):
            told.append(self._form(step, variant))
            if told[-1].broken:
                break
        yield from told[-1:]

    def _form(self, step: str, variant: Variant) -> Measurement:
        assert self.base is not None and self._slots is not None
        try:
            answer = self._call(variant.case)
        except TargetFailure as failure:
            return failed(failure, step, variant.case, f"{variant.form}: ")
        slots = self._read(variant.case, Expected.of(variant.case), answer)
        right_before = is_correct_selection(self._slots)[variant.source]
        same = (is_correct_selection(slots) == right_before).numpy()
        if "repeatable-set" in self.target.claims:
            same &= (slots.columns == self._slots.columns[variant.source]).all(1).numpy()
        if "repeatable-bytes" in self.target.claims:
            same &= (answer.indices == self.base.indices[variant.source]).all(axis=1)
            same &= self.base.same_beside(answer, variant.source)
        difference = told_apart(same, self._slots, slots, variant.form, variant.source)
        return _apart(step, variant.case.rows, difference)


def _row(promise: str, rows: int, slots: Slots, row: int) -> Measurement:
    """A promise that a row of one answer breaks."""
    cause = faults_of(slots, row).cause or Fault.ORDER
    words = row_in_words(slots.expected, slots, row)
    return Measurement(promise, rows, words, cause.value, wrong=against_contract(slots, row))


def _apart(promise: str, rows: int, found: Difference | None) -> Measurement:
    """A promise of two calls. found: how they differ, if they do."""
    if found is None:
        return Measurement(promise, rows)
    return Measurement(promise, rows, found.broken, found.cause, wrong=found.wrong)


def _untouched(case: Case, answer: Answer) -> Measurement:
    return Measurement(UNTOUCHED, case.rows, answer.damage, Fault.INPUTS.value if answer.damage else "")


def examine(
    target: Target, subject: Subject, schedules: Sequence[Schedule] = ("",), steps: Sequence[str] = STEPS
) -> list[Measurement]:
    """Every measurement that one case gives of one target. Raises NotTaken where it does not take it."""
    return Examination(target, subject, schedules).run(steps, short=subject.case)


def answer_before(target: Target, calls: Sequence[Case]) -> None:
    """Lets the target answer calls whose answers nobody looks at: for what they leave behind in its
    process."""
    for call in calls:
        with suppress(TargetFailure, NotTaken):
            target.call(call.copy(), POISONS[0], "")


def check_one(
    target: Target, case: Case, promise: str, schedules: Sequence[Schedule] = ("",)
) -> Measurement | None:
    """The measurement of `promise` on `case` that is broken, or the first of it, or None: also where the
    case is beyond what the target takes, where no failure would be one.

    target: prepared. promise: the name of a property. schedules: those that an emulated kernel runs under,
    the empty one being its default.
    """
    if target.refuses(case) is not None:
        return None
    steps = [STEP_OF[promise]] if promise in STEP_OF else []
    try:
        found = [item for item in examine(target, Subject(case), schedules, steps) if item.promise == promise]
    except NotTaken:
        return None
    return next((item for item in found if item.broken), found[0] if found else None)
