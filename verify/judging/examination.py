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
import torch

from ..cases.case import Case
from ..cases.variants import (
    EVERY_FORM,
    VARIANTS,
    Variant,
    has_short_lengths,
    is_packed,
    packed,
    with_legal_lengths,
)
from ..properties import TRACE_AGREEMENT
from ..targets.model import model_trace
from ..targets.target import POISONS, Answer, NotTaken, Schedule, Target, TargetFailure
from .batch import with_oracle
from .describe import order_in_words, row_in_words
from .judge import JUDGES, Expected, Slots, is_correct_selection
from .trace_difference import TraceDifference, first_difference
from .wrong_columns import WrongColumns, against_contract, told_apart


@dataclass(frozen=True)
class Measurement:
    """What one case told of one property. rows: how many it judged. broken: in words, or None. wrong: the
    columns of a row that it is broken in, where there are such. fatal: it cost the target's process."""

    promise: str
    rows: int
    broken: str | None = None
    difference: TraceDifference | None = None
    wrong: WrongColumns | None = None
    fatal: bool = False


@dataclass
class Subject:
    """A case and what is known of it, computed once and shared by all targets."""

    case: Case
    _expected: Expected | None = None
    _model: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def expected(self) -> Expected:
        if self._expected is None:
            self._expected = with_oracle(self.case.logits, self.case.lengths, self.case.k)
        return self._expected

    @property
    def model(self) -> tuple[np.ndarray, np.ndarray]:
        if self._model is None:
            self._model = model_trace(self.case)
        return self._model


# What a call beyond the first is for, in the order in which they are made.
AGAIN, SHORT, GRAPH = "repeatable-bytes", "short-lengths", "graph-replay"
STEPS = (AGAIN, SHORT, *VARIANTS, GRAPH)
UNTOUCHED = "inputs-untouched"
# The step that measures a property; the base call measures the others.
STEP_OF = {
    "repeatable-set": AGAIN,
    "repeatable-bytes": AGAIN,
    "fully-written": AGAIN,
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
    _slots: Slots | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not self.target.own:
            self.subject = _legal(self.subject)
        adapted = self.target.adapt(self.subject.case)
        if adapted is not self.subject.case:
            self.subject = Subject(adapted)

    def run(self, steps: Sequence[str] = STEPS, short: Case | None = None) -> list[Measurement]:
        """All that the base call and `steps` measure. short: the case as it was before its lengths
        were made legal. A base call without an answer leaves nothing to compare; NotTaken where the target
        does not take it. A later call that is not taken measures nothing."""
        measured = list(self._base())
        for step in STEPS if self.base is not None else ():
            if step in steps:
                with suppress(NotTaken):
                    measured += self._step(step, short)
        return measured

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
        if not answer.damage and not given.has_same_memory(case):
            return replace(answer, damage="logits or lengths were changed")
        return answer

    def _read(self, expected: Expected, answer: Answer) -> Slots:
        indices = torch.from_numpy(answer.indices)
        return Slots(expected, indices, self.target.padding, self.target.claims)

    def _base(self) -> Iterator[Measurement]:
        case, expected = self.subject.case, self.subject.expected
        tracing = TRACE_AGREEMENT.name in self.target.claims
        try:
            self.base = self._call(case, tracing=tracing)
        except TargetFailure as failure:
            yield _failed(failure, "exact-set" if failure.promise else self._blamed(), case)
            return
        yield Measurement(UNTOUCHED, case.rows, self.base.damage)
        self._slots = slots = self._read(expected, self.base)
        for promise, judge in JUDGES.items():
            verdict = judge(slots)
            broken = verdict.broken
            words, wrong = None, None
            if broken.numel():
                row, in_order = int(broken[0]), promise == "ascending-order"
                words = order_in_words(slots) if in_order else row_in_words(expected, slots, row)
                wrong = against_contract(slots, row)
            yield Measurement(promise, int(verdict.applies.sum()), words, wrong=wrong)
        if tracing and self.base.trace is not None:
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
        return Measurement(TRACE_AGREEMENT.name, self.subject.case.rows, words, difference)

    def _again(self) -> Iterator[Measurement]:
        """The same call once more, into memory that held something else, under another schedule."""
        assert self.base is not None and self._slots is not None
        case, expected, first = self.subject.case, self.subject.expected, self.base.indices
        try:
            answer = self._call(case, POISONS[1])
        except TargetFailure as failure:
            yield _failed(failure, AGAIN, case, "the second call: ")
            return
        second = answer.indices
        stale = (first == POISONS[0]) & (second == POISONS[1])
        rows = np.flatnonzero(stale.any(axis=1))
        words = f"row {rows[0]}: {int(stale[rows[0]].sum())} slots were not written" if len(rows) else None
        yield Measurement("fully-written", case.rows, words)
        pair = self._read(expected, self.base), self._read(expected, answer)
        same_set = (pair[0].columns == pair[1].columns).all(1).numpy()
        same_bytes = ((first == second) | stale).all(axis=1)
        for promise, same in (("repeatable-set", same_set), ("repeatable-bytes", same_bytes)):
            words, wrong = told_apart(same, self._slots, second, "in the second call")
            yield Measurement(promise, case.rows, words, wrong=wrong)

    def _short(self, case: Case) -> Iterator[Measurement]:
        """Lengths as given, negative, zero or over the columns; our own targets saw them at once. Of others
        a row that was wrong with its length made legal, too, has another cause."""
        if not has_short_lengths(case):
            return
        assert self._slots is not None
        slots, lengths = self._slots, case.lengths.numpy()
        judged = (lengths < 1) | (lengths > case.columns)
        if case is not self.subject.case:
            try:
                answer = self._call(case)
            except TargetFailure as failure:
                yield _failed(failure, SHORT, case)
                return
            if answer.damage:  # such as lengths that were clamped where they lie
                yield Measurement(UNTOUCHED, case.rows, answer.damage)
            slots = self._read(Expected.of(case), answer)
            judged = is_correct_selection(self._slots).numpy()
        wrong = np.flatnonzero(judged & ~is_correct_selection(slots).numpy())
        if not len(wrong):
            yield Measurement(SHORT, case.rows)
            return
        row = int(wrong[0])
        words = row_in_words(slots.expected, slots, row)
        yield Measurement(SHORT, case.rows, words, wrong=against_contract(slots, row))

    def _graph(self) -> Iterator[Measurement]:
        """A graph's replay beside the plain call: the bytes, or the set where no more is promised."""
        if not self.target.on_gpu or not self.subject.case.rows:  # of no rows there is nothing to replay
            return
        assert self.base is not None and self._slots is not None
        case = self.subject.case
        try:
            answer = self.target.replay_graph(case)
        except TargetFailure as failure:
            yield _failed(failure, GRAPH, case)
            return
        if "repeatable-bytes" in self.target.claims:
            same = (answer.indices == self.base.indices).all(axis=1)
        else:
            slots = self._read(self.subject.expected, answer)
            same = (is_correct_selection(slots) == is_correct_selection(self._slots)).numpy()
        words, wrong = told_apart(same, self._slots, answer.indices, "in a graph's replay")
        yield Measurement(GRAPH, case.rows, words, wrong=wrong)

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
            return _failed(failure, step, variant.case, f"{variant.form}: ")
        slots = self._read(Expected.of(variant.case), answer)
        right_before = is_correct_selection(self._slots)[variant.source]
        same = (is_correct_selection(slots) == right_before).numpy()
        if "repeatable-set" in self.target.claims:
            same &= (slots.columns == self._slots.columns[variant.source]).all(1).numpy()
        if "repeatable-bytes" in self.target.claims:
            same &= (answer.indices == self.base.indices[variant.source]).all(axis=1)
        words, wrong = told_apart(same, self._slots, answer.indices, variant.form, variant.source)
        return Measurement(step, variant.case.rows, words, wrong=wrong)


def _failed(failure: TargetFailure, promise: str, case: Case, when: str = "") -> Measurement:
    return Measurement(failure.promise or promise, case.rows, f"{when}{failure}", fatal=failure.fatal)


def _legal(subject: Subject) -> Subject:
    legal = with_legal_lengths(subject.case)
    return subject if legal is subject.case else Subject(legal)


def examine(
    target: Target, subject: Subject, schedules: Sequence[Schedule] = ("",), steps: Sequence[str] = STEPS
) -> list[Measurement]:
    """Every measurement that one case gives of one target. Raises NotTaken where it does not take it."""
    return Examination(target, subject, schedules).run(steps, short=subject.case)


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
