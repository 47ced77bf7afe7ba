"""Puts case after case to every target, by families and by recipes, until the time or the count is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..cases.case import Case
from ..cases.strategies import PEER_SCOPE, SMALL_SCOPE, Scope, cases
from ..cases.variants import is_packed, packed, variants_for
from ..judging.examination import AGAIN, GRAPH, SHORT, STEPS, Subject, examine
from ..judging.measurement import Measurement, order_of
from ..targets.target import NotTaken, Schedule, Target
from .budget import Budget
from .counterexamples import Counterexample, Counterexamples
from .ladders import ROW_COST, Ladder, make_ladders
from .options import Options as Options
from .outcome import Missing, Outcome, TargetOutcome, outcome_of
from .recipe_search import Promise, RecipeSearch
from .scales import (
    COMMONEST,
    FIRST_SHARE,
    OWN_SHARES,
    SHARES_OF_OTHERS,
    Recipes,
    Scale,
    first_cases,
    make_scales,
)
from .steering import measures
from .threads import one_thread

MANY_ELEMENTS = 1 << 15  # logits of a case that gets one call beside the base instead of all,
MANY_ROWS = 64  # or rows;
HUGE = 1 << 19  # one of so many, a row counting as some more, is put to the target twice at most
CALLS = 6  # schedules drawn for one case
MOST_SCHEDULES = 1 << 62  # their seeds are 64 bits wide
SEARCH_SHARE = 0.6  # of the budget; once a claimed promise is broken, the rest is for shrinking
SHORT_SHRINK_SECONDS = 4.0  # where the first broken claim ends the search
FEWEST_CASES = 20  # that are enough for a verdict, where the clock says how many there are
MOST_FATAL = 3  # a property that has cost a target's process so often is measured no more
BURST_CASES = 100  # recipes that are drawn before the families have their turn again,
BURST_SHARE = 0.1  # or as many as fit into this part of the budget
MOST_BURSTS = 1 << 20  # of one seed


Progress = Callable[[Outcome, float], None]
Tell = Callable[[str, Measurement], None]


class Campaign:
    """targets: prepared ones. progress: told after every case, with the share of the budget used. tell: told
    of each target's broken claim when it is found, once for each cause."""

    def __init__(
        self,
        targets: Sequence[Target],
        options: Options,
        progress: Progress = lambda outcome, share: None,
        tell: Tell = lambda target, measurement: None,
    ) -> None:
        self.targets = targets
        self.options = options
        self.found = Counterexamples(options.failures, options.ks)
        self.outcome = Outcome(options.seed, {target.name: outcome_of(target) for target in targets})
        if options.state is not None:
            self.outcome = options.state.resume(self.outcome, self.found, targets)
        self._cases_before, self._seconds_before = self.outcome.coverage.cases, self.outcome.seconds
        self._progress, self._tell = progress, tell
        self._told: set[tuple[str, str]] = set()
        self._budget = Budget(options.seconds, options.cases, self._waited)
        self._own = own = any(target.own for target in targets)
        self._in_shards = any(target.takes_shards for target in targets)
        shares = OWN_SHARES if own else SHARES_OF_OTHERS
        takes = frozenset().union(*(target.limits.whole for target in targets))
        self._scales = make_scales(options.families, options.ks, shares, own, takes)
        self._recipes, self._ladders = None, []
        if not options.families:
            self._recipes = Recipes(shares.recipes)
            self._ladders = make_ladders(
                targets, options.ks, shares, options.case_bytes, self._budget.seconds
            )
        scope = SMALL_SCOPE if own else PEER_SCOPE
        self._scope = Scope(scope.policies, scope.boundaries, scope.longest_run, options.ks)

    def run(self) -> Outcome:
        """Runs to the end of the budget, or to an interrupt, which it records."""
        with one_thread():
            return self._run()

    def _run(self) -> Outcome:
        self._budget.start()
        database = None if self.options.state is None else self.options.state.recipes
        search = RecipeSearch(cases(self._scope), self._put_recipe, database)
        try:
            self._search(search)
            self.found.shrink_all(self._shrink_deadline(), roots_alone=self.options.first_only)
        except KeyboardInterrupt:
            self.outcome.interrupted = True
        finally:
            search.close()
        self._tell_too_few()
        for target in self.targets:
            told = self.outcome.targets[target.name]
            unsaved = (why for (name, _), why in self.found.unsaved.items() if name == target.name)
            told.notes = (*target.notes(), *_notes_on(_given_up(told)), *unsaved)
            told.unfinished = target.out_of_patience() or ""
        self._keep(now=True)
        return self.outcome

    def _shrink_deadline(self) -> float:
        deadline = self._budget.shrink_deadline()
        short = time.monotonic() + SHORT_SHRINK_SECONDS
        return min(deadline, short) if self.options.first_only else deadline

    def _tell_too_few(self) -> None:
        reached, seconds = self.outcome.coverage.cases, self._budget.seconds
        if seconds is not None and 0 < reached < FEWEST_CASES:
            why = f"{seconds:g} s were too few; expected {FEWEST_CASES} cases or more"
            self.outcome.gaps += (Missing(f"more than {reached} cases", why),)

    def _keep(self, now: bool = False) -> None:
        """Records the time, and keeps the state if there is one and it is due."""
        self.outcome.seconds = self._seconds_before + self._budget.elapsed()
        if self.options.state is None or self.options.state.keep(self.outcome, now):
            self.found.clear_away()

    def _waited(self) -> float:
        """Seconds that targets have spent in first calls."""
        return sum(target.waited() for target in self.targets)

    @property
    def _done(self) -> int:
        """Cases of this run."""
        return self.outcome.coverage.cases - self._cases_before

    def _is_over(self) -> bool:
        if self.options.first_only and self.found.any_claimed():
            return True
        if any(target.out_of_patience() for target in self.targets):
            return True
        return self._budget.used() >= (SEARCH_SHARE if self._searched_enough() else 1.0)

    def _searched_enough(self) -> bool:
        """A budget of cases is used up whatever was found: the same seed and count give the same cases."""
        return self.options.cases is None and self.found.any_claimed()

    def _search(self, search: RecipeSearch) -> None:
        for scale in reversed(self._scales):  # every path first, whatever else there is time for
            for _ in range(scale.at_once):
                self._visit(scale)
        if self._recipes is not None:
            search.replay(self._is_over)
        first = first_cases(self.options.seed, self.options.ks, self._own)
        for case in () if self.options.families else first:
            due = case.origin.family == COMMONEST or self._budget.used() < FIRST_SHARE
            if due and not self._is_over():
                self._put(case)
        self._put_captured()
        while not self._is_over():
            order = sorted(self._parts(), key=self._had)
            fitting = next((item for item in order if self._budget.fits(item.likely_cost())), None)
            if fitting is None:
                return
            if isinstance(fitting, Recipes):
                self._burst(search, fitting)
            else:
                self._visit(fitting)

    def _put_captured(self) -> None:
        """A file adds cases: it takes neither time nor cases from the others, and has a limit of its own."""
        with self._budget.apart():
            limit = Budget(self.options.seconds, self.options.cases)
            for number, case in enumerate(self.options.captured):
                if limit.used() >= 1.0:
                    what = f"captured scores, {len(self.options.captured) - number} cases of them"
                    self.outcome.gaps += (Missing(what, f"no more fitted into {limit.seconds:g} s"),)
                    return
                self._put(case)

    def _parts(self) -> list[Scale | Ladder | Recipes]:
        return [*self._scales, *self._ladders, *([self._recipes] if self._recipes else [])]

    def _visit(self, scale: Scale | Ladder) -> None:
        if not self._is_over():
            began, waited = self._budget.clock(), self._waited()
            case = scale.next_case(self.options.seed)
            self._put(case)
            # A rung's shape is new, as the next one's will be: it costs what its first calls are waited for.
            compiled = self._waited() - waited if isinstance(scale, Ladder) else 0.0
            scale.spend(case, self._budget.clock() - began + compiled)

    def _burst(self, search: RecipeSearch, recipes: Recipes) -> None:
        share = self._budget.used()
        recipes.bursts += 1
        examples = BURST_CASES
        if self.options.cases is not None:
            examples = max(1, int(self.options.cases * BURST_SHARE))

        def is_over() -> bool:
            late = self._budget.used() >= share + BURST_SHARE and self.options.cases is None
            return late or self._is_over() or not self._budget.fits(recipes.cost)

        number = self.options.seed * MOST_BURSTS + recipes.bursts
        search.burst(number, examples, list(self.found.found), is_over)

    def _had(self, scale: Scale | Ladder | Recipes) -> float:
        """What a scale has had for its share: time, or cases where their number is the budget, so that
        the same seed and number give the same cases."""
        return (scale.visits if self.options.cases is not None else scale.spent) / scale.share

    def _steps(self, case: Case) -> Sequence[str]:
        """All steps for small cases; for big ones one call beside the base, for each purpose in turn; for
        huge ones the same call again, but where there are more rows than columns, which may cost a loop."""
        if case.storage.numel() + ROW_COST * case.rows > HUGE:
            return (AGAIN, SHORT) if case.columns > case.rows else (SHORT,)
        if case.storage.numel() <= MANY_ELEMENTS and case.rows <= MANY_ROWS:
            return STEPS
        purposes = (AGAIN, *variants_for(case, self._in_shards), GRAPH)
        return (SHORT, purposes[self._done % len(purposes)])

    def _put_recipe(self, case: Case, shrinking: bool) -> tuple[set[Promise], dict[str, float]]:
        began, subject = self._budget.clock(), Subject(case)
        broken = self._put(case, subject, shrinking)
        assert self._recipes is not None
        self._recipes.spend(self._budget.clock() - began)
        return broken, measures(subject.expected)

    def _put(self, case: Case, subject: Subject | None = None, shrinking: bool = False) -> set[Promise]:
        """Puts a case to all targets; the claimed promises that it broke."""
        subject, steps = subject or Subject(case), self._steps(case)
        broken: set[Promise] = set()
        first = (self.options.seed * 1_000_003 + self._done * CALLS) % MOST_SCHEDULES
        for target in self.targets:
            schedules = tuple(target.schedule(first + call) for call in range(CALLS))
            broken |= self._put_to(target, subject, schedules, steps, shrinking)
        self.outcome.coverage.add(case, subject.model[1] if self._own else None)
        self._budget.count_case()
        self._keep()
        self._progress(self.outcome, self._budget.used())
        return broken

    def _put_to(
        self,
        target: Target,
        subject: Subject,
        schedules: tuple[Schedule, ...],
        steps: Sequence[str],
        shrinking: bool,
    ) -> set[Promise]:
        """Puts a case to one target, less what it was given up on; the claimed promises that it broke."""
        told = self.outcome.targets[target.name]
        gone = _given_up(told)
        if "layout-independent" in gone and not is_packed(subject.case):
            subject = Subject(packed(subject.case))
        fitted = target.limits.fit(subject.case)
        subject = subject if fitted is subject.case else Subject(fitted)
        refusal, began = target.refuses(subject.case), self._budget.clock()
        earlier = target.earlier_calls()
        try:
            left = [step for step in steps if step not in gone]
            measured = [] if refusal else examine(target, subject, schedules, left)
        except NotTaken as error:
            refusal, measured = str(error), []
        told.refused, told.refusal = told.refused + bool(refusal), refusal or told.refusal
        told.asked.update(() if refusal else subject.case.asks)
        cost = self._budget.clock() - began
        broken: list[Measurement] = []
        for measurement in measured:
            outcome = told.record(measurement)
            if measurement.broken:
                case = measurement.case or subject.case
                self.found.offer(
                    Counterexample(target, case, schedules, measurement, outcome, earlier, cost), shrinking
                )
                broken += [measurement] if outcome.claimed else []
        self._tell_of(target.name, broken)
        return {(target.name, measurement.promise) for measurement in broken}

    def _tell_of(self, target: str, broken: list[Measurement]) -> None:
        """Of what a case broke, the cause of the rest, if neither it nor the promise was told before."""
        if not broken:
            return
        root = min(broken, key=lambda item: order_of(item.promise, item.cause, True))
        news = {(target, root.promise), (target, root.cause or root.promise)}
        if not news & self._told:
            self._tell(target, root)
        self._told |= news


def _given_up(told: TargetOutcome) -> list[str]:
    """The properties that have cost the target's process often enough: starting it anew takes seconds,
    which the others need."""
    return [name for name in STEPS if name in told.properties and told.properties[name].fatal >= MOST_FATAL]


def _notes_on(gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{name} cost its process {MOST_FATAL} times and was measured no more" for name in gone)
