"""One mutant put through the default campaign, until a claimed promise is broken."""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from ...cuda.build import BuildError
from ...cuda.cache import cache_dir
from ...cuda.emulator.build import KERNEL
from ...cuda.emulator.library import EmulationError
from ...cuda.sharded.emulated import HEADERS
from ...reference.sharded import PAIRS
from ..campaign.campaign import Campaign, Options
from ..campaign.outcome import Outcome, TargetOutcome
from ..cases.case import Case
from ..targets.emulator import EmulatorTarget
from ..targets.function import FunctionTarget
from ..targets.sharded import function_of, function_of_altered, function_of_stages
from ..targets.target import Answer, Schedule, TargetFailure
from .mutant import DoesNotApply, Mutant

# Verdicts. A mutant that does not apply or compile any more says nothing: it is broken itself.
KILLED, SURVIVED, BROKEN = "killed", "survived", "broken"
WORDS_KEPT = 400  # characters of a message, which may list every waiting thread


@dataclass(frozen=True)
class Trial:
    """by: the emulator's kind of failure ("race", "deadlock", ...), or else the first broken property.
    told: in its words, or the first stage at which the trace differs. broken: all properties that the
    killing case broke."""

    name: str
    verdict: str
    by: str = ""
    told: str = ""
    broken: tuple[str, ...] = ()
    seconds: float = 0.0
    cases: int = 0

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class MutantTarget(EmulatorTarget):
    """The emulated kernel of altered headers. A policy is compiled when a case first asks for it: most
    mutants are dead before all are needed."""

    def __init__(self, kernel: Path) -> None:
        super().__init__(kernel)
        self.failure: TargetFailure | None = None

    def prepare(self) -> None:
        """Nothing: see the class."""

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        try:
            return super().call(case, poison, schedule, tracing)
        except TargetFailure as failure:
            if not isinstance(failure.__cause__, EmulationError):  # no doing of the kernel's
                raise NoTrial(f"{failure}") from failure.__cause__
            self.failure = self.failure or failure
            raise


class NoTrial(Exception):
    """The mutant could not be run: it does not compile, or this machine failed."""


class _Decided(Exception):
    """A claimed promise is broken: the campaign need not go on."""


class RanksTarget(FunctionTarget):
    """Ranks in one process, of an altered model or with an altered merge. What it raises is its own doing,
    unless it did not compile."""

    failure: TargetFailure | None = None

    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        try:
            return super().call(case, poison, schedule, tracing)
        except TargetFailure as failure:
            if isinstance(failure.__cause__, BuildError):
                raise NoTrial(f"{failure}") from failure.__cause__
            self.failure = self.failure or failure
            raise


def target_of(mutant: Mutant, folder: Path) -> MutantTarget | RanksTarget:
    """What the altered files in `folder` are put on trial as."""
    if mutant.of == KERNEL:
        return MutantTarget(folder)
    if mutant.of == HEADERS:
        in_merge = {edit.file for edit in mutant.edits} == {"merge.cuh"}
        by_source = function_of(PAIRS, folder, emulate=True) if in_merge else function_of_stages(folder)
        return RanksTarget(mutant.name, by_source)
    return RanksTarget(mutant.name, function_of_altered(folder))


def put_on_trial(mutant: Mutant, options: Options, original: Path | None = None) -> Trial:
    """Runs the campaign on the emulated mutant. options.failures is not used: nothing is kept."""
    began = time.monotonic()
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=mutant.name, dir=cache_dir()) as scratch:
        options.failures = Path(scratch) / "failures"
        try:
            target = target_of(mutant, mutant.write(Path(scratch) / "altered", original))
            outcome = _campaign(target, options)
        except DoesNotApply as error:
            return Trial(mutant.name, BROKEN, told=str(error))
        except NoTrial as error:
            errors = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
            return Trial(mutant.name, BROKEN, told=errors[0][:WORDS_KEPT])
    found = outcome.targets[target.name]
    seconds, cases = round(time.monotonic() - began, 2), outcome.coverage.cases
    broken = tuple(found.failing())
    if not broken:
        return Trial(mutant.name, SURVIVED, seconds=seconds, cases=cases)
    by, told = _cause(target, found, broken)
    return Trial(mutant.name, KILLED, by, told[:WORDS_KEPT], broken, seconds, cases)


def _campaign(target: MutantTarget | RanksTarget, options: Options) -> Outcome:
    def stop(outcome: Outcome, share: float) -> None:
        if outcome.targets[target.name].failing():
            raise _Decided

    campaign = Campaign([target], options, stop)
    try:
        return campaign.run()
    except _Decided:
        return campaign.outcome


def _cause(
    target: MutantTarget | RanksTarget, found: TargetOutcome, broken: tuple[str, ...]
) -> tuple[str, str]:
    """What killed the mutant and how it was described: the emulator's judge, or else the first broken
    property."""
    if target.failure is not None:
        kind = target.failure.kind
        return kind, str(target.failure).removeprefix(f"{kind}: ").removeprefix(f"{kind}: ")
    for name in broken:
        difference = found.properties[name].difference
        if difference is not None:
            first = next((other for other in broken if other != name), name)
            return first, difference.told("mutant")
    return broken[0], found.properties[broken[0]].summary
