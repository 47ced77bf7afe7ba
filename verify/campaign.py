"""Puts case after case to every target, family by family, until the time or the count is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch

from .cases import Case
from .counterexamples import Counterexamples
from .examination import AGAIN, GRAPH, SHORT, STEPS, Subject, examine
from .families import FAMILIES, Family, Setting
from .outcome import Outcome, new_outcome
from .targets.target import Target
from .variants import VARIANTS

# Shipped policies have boundaries of 256 to 65536 columns, the small ones the same within a thousand.
SHIPPED_SETTINGS = (
    Setting("latency", 2048, "h100"),
    Setting("throughput", 2048, "h100"),
    Setting(None, 512, "h100"),
    Setting("latency", 1024, "single"),
    Setting("throughput", 31, "h100"),
    Setting("latency", 4096, "h100"),
    Setting("latency", 1, "h100"),
)
SMALL_SETTINGS = (
    Setting("small", 32, "small"),
    Setting("tiny", 8, "pair"),
    Setting("small", 100, "single"),
    Setting("tiny", 1, "single"),
    Setting("small", 5, "pair"),
    Setting("tiny", 40, "small"),
    Setting("small", 1, "small"),
    Setting("small", 300, "small"),
    Setting("tiny", 3, "small"),
)
# Of the time, for cases of the shipped policies' size: dear where they are emulated, and what matters
# to others.
SHIPPED_SHARE, SHIPPED_SHARE_OF_OTHERS = 0.5, 0.75
MANY_ELEMENTS = 1 << 15  # logits of a case that gets one call beside the base instead of all
CALLS = 6  # schedules drawn for one case
SEARCH_SHARE = 0.6  # of the budget; once a claimed promise is broken, the rest is for shrinking
SHRINK_SECONDS = 15.0  # for shrinking, where the budget is a number of cases
OVERTIME = 1.05  # a case that would end later than this part of the budget is not started


@dataclass
class Options:
    """seconds or cases bounds the campaign. ks: values of k in place of the settings' own. captured:
    (name, cases) of files of logits, which come first. failures: the folder for replay files."""

    seed: int = 0
    seconds: float | None = 60.0
    cases: int | None = None
    ks: tuple[int, ...] = ()
    captured: Sequence[Case] = ()
    failures: Path = Path("topk-failures")
    families: tuple[str, ...] = ()


@dataclass
class Scale:
    """One size of cases, walked family by family; `spent` decides which scale is next."""

    name: str
    settings: tuple[Setting, ...]
    families: tuple[Family, ...]
    share: float
    visits: int = 0
    spent: float = 0.0
    cost: dict[str, float] = field(default_factory=dict)  # seconds of each family's last case

    def next_family(self) -> Family:
        return self.families[self.visits % len(self.families)]

    def next_case(self, seed: int) -> Case:
        """The next family's next grid point, under settings that shift by one each round."""
        kind, lap = self.next_family(), self.visits // len(self.families)
        setting = self.settings[(self.visits + lap) % len(self.settings)] if self.visits else self.settings[0]
        self.visits += 1
        return kind.make(setting, kind.parameters(lap, seed), seed + lap)


def _scales(options: Options, share: float) -> list[Scale]:
    chosen = [FAMILIES[name] for name in options.families] or list(FAMILIES.values())
    chosen.sort(key=lambda kind: kind.name != "tour")  # every path, in the first case of each scale

    def settings(defaults: tuple[Setting, ...]) -> tuple[Setting, ...]:
        if not options.ks:
            return defaults
        return tuple(
            Setting(setting.policy, options.ks[index % len(options.ks)], setting.device)
            for index, setting in enumerate(defaults * len(options.ks))
        )

    scales = [Scale("shipped", settings(SHIPPED_SETTINGS), tuple(chosen), share)]
    short = tuple(kind for kind in chosen if not kind.long_rows)
    if short:
        scales.append(Scale("small", settings(SMALL_SETTINGS), short, 1 - share))
    return scales


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread: over rows of this size two that wait for each other are slower, at times by far."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


Progress = Callable[[Outcome, float], None]


class Campaign:
    """targets: prepared ones. progress: told after every case, with the share of the budget used."""

    def __init__(
        self, targets: Sequence[Target], options: Options, progress: Progress = lambda outcome, share: None
    ) -> None:
        self.targets = targets
        self.options = options
        self.outcome = Outcome(
            options.seed,
            {t.name: new_outcome(t.name, t.claims, t.own, t.on_gpu) for t in targets},
        )
        self.found = Counterexamples(options.failures)
        self._progress = progress
        self._started = time.monotonic()
        own = any(target.own for target in targets)
        self._scales = _scales(options, SHIPPED_SHARE if own else SHIPPED_SHARE_OF_OTHERS)

    def run(self) -> Outcome:
        """Runs to the end of the budget, or to an interrupt, which it records."""
        with one_thread():
            return self._run()

    def _run(self) -> Outcome:
        self._started = time.monotonic()
        try:
            for scale, case in self._cases():
                began = time.monotonic()
                self._put(case)
                spent = time.monotonic() - began
                if scale is not None:
                    scale.spent += spent
                    scale.cost[case.origin.family] = spent
                self._progress(self.outcome, self._used())
            self.found.shrink_all(self._shrink_deadline())
        except KeyboardInterrupt:
            self.outcome.interrupted = True
        self.outcome.seconds = self._elapsed()
        return self.outcome

    def _elapsed(self) -> float:
        return time.monotonic() - self._started

    def _used(self) -> float:
        """The share of the budget that is used, 1 at its end."""
        done = self.outcome.coverage.cases
        if self.options.cases is not None:
            return done / max(1, self.options.cases)
        return self._elapsed() / (self.options.seconds or 1.0)

    def _is_over(self) -> bool:
        return self._used() >= (SEARCH_SHARE if self._searched_enough() else 1.0)

    def _searched_enough(self) -> bool:
        """A budget of cases is used up whatever was found: the same seed and count give the same cases."""
        return self.options.cases is None and self.found.any_claimed()

    def _shrink_deadline(self) -> float:
        if self.options.cases is not None or self.options.seconds is None:
            return time.monotonic() + SHRINK_SECONDS
        return self._started + self.options.seconds

    def _cases(self) -> Iterator[tuple[Scale | None, Case]]:
        for scale in reversed(self._scales):  # every path first, whatever else there is time for
            if self._is_over():
                return
            yield scale, scale.next_case(self.options.seed)
        for case in self.options.captured:
            if self._is_over():
                return
            yield None, case
        while not self._is_over():
            order = sorted(self._scales, key=self._had)
            fitting = next((item for item in order if self._fits(item)), None)
            if fitting is None:
                return
            yield fitting, fitting.next_case(self.options.seed)

    def _had(self, scale: Scale) -> float:
        """What a scale has had for its share: time, or cases where their number is the budget, so that
        the same seed and number give the same cases."""
        return (scale.visits if self.options.cases is not None else scale.spent) / scale.share

    def _fits(self, scale: Scale) -> bool:
        """Whether the scale's next case is likely to end in time, going by its family's last, or by the
        dearest of the others before there was one."""
        if self.options.cases is not None or self.options.seconds is None:
            return True
        dearest = max(scale.cost.values(), default=0.0)
        cost = scale.cost.get(scale.next_family().name, dearest)
        return self._elapsed() + cost <= self.options.seconds * OVERTIME

    def _steps(self, case: Case) -> Sequence[str]:
        """All steps for small cases; for big ones one call beside the base, for each purpose in turn."""
        if case.storage.numel() <= MANY_ELEMENTS:
            return STEPS
        purposes = (AGAIN, *VARIANTS, GRAPH)
        return (SHORT, purposes[self.outcome.coverage.cases % len(purposes)])

    def _put(self, case: Case) -> None:
        subject, steps = Subject(case), self._steps(case)
        number = self.outcome.coverage.cases
        for target in self.targets:
            told = self.outcome.targets[target.name]
            refusal = target.refuses(case)
            if refusal:
                told.refused, told.refusal = told.refused + 1, refusal
                continue
            first = self.options.seed * 1_000_003 + number * CALLS
            schedules = tuple(target.schedule(first + call) for call in range(CALLS))
            began = time.monotonic()
            measured = examine(target, subject, schedules, steps)
            cost = time.monotonic() - began
            for measurement in measured:
                outcome = told.record(measurement)
                if measurement.broken:
                    self.found.offer(target, case, schedules, measurement, outcome, cost)
        own = any(target.own for target in self.targets)
        self.outcome.coverage.add(case, subject.model[1] if own else None)
