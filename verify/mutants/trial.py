"""One mutant put on trial: a first look, then the default campaign, until a claimed promise is broken or the
mutant has had its time."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ...cuda.cache import cache_dir
from ...cuda.emulator.build import KERNEL
from ..campaign.campaign import CALLS, Campaign, Options
from ..campaign.outcome import Outcome, PropertyOutcome
from ..cases.families import FAMILIES
from ..judging.measurement import Measurement
from .first_look import Hint, every_look, first_looks
from .mutant import DoesNotApply, Mutant
from .targets import MutantTarget, NoTrial, RanksTarget, target_of

# Verdicts. A mutant that does not apply or compile any more says nothing: it is broken itself.
KILLED, SURVIVED, BROKEN = "killed", "survived", "broken"
WORDS_KEPT = 400  # characters of a message, which may list every waiting thread
# A processor's, compilers' included: all default cases of the kernel take less, those of ranks far more.
CAMPAIGN_SECONDS = 150.0


@dataclass(frozen=True)
class Trial:
    """by: the emulator's kind of failure ("race", "deadlock", ...), or else the first broken property.
    told: in its words, or the first stage at which the trace differs. broken: all properties that the
    killing case broke. cases: put to it until then. hint: the killing case, where it is a family's."""

    name: str
    verdict: str
    by: str = ""
    told: str = ""
    broken: tuple[str, ...] = ()
    seconds: float = 0.0
    cases: int = 0
    hint: Hint | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


class _Decided(Exception):
    """A claimed promise is broken, or the mutant has had its time: the campaign need not go on."""


def put_on_trial(mutant: Mutant, options: Options, original: Path | None = None) -> Trial:
    """Looks at the emulated mutant, and runs the campaign on it where that does not kill it.
    options.failures is not used: nothing is kept."""
    began = time.monotonic()
    cache_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=mutant.name, dir=cache_dir()) as scratch:
        options.failures = Path(scratch) / "failures"
        try:
            folder = mutant.write(Path(scratch) / "altered", original)
            trial = _at_first_sight(mutant, folder) or _campaign(mutant, folder, options)
        except DoesNotApply as error:
            return Trial(mutant.name, BROKEN, told=str(error))
        except NoTrial as error:
            errors = [line for line in str(error).splitlines() if "error:" in line] or [str(error)]
            return Trial(mutant.name, BROKEN, told=errors[0][:WORDS_KEPT])
    return replace(trial, seconds=round(time.monotonic() - began, 2))


def _at_first_sight(mutant: Mutant, folder: Path) -> Trial | None:
    if mutant.of != KERNEL:
        return None
    kill = first_looks(mutant, folder) if mutant.edits else every_look(folder)
    return None if kill is None else _killed(mutant, kill.target, kill.broken, kill.cases, kill.hint)


def _campaign(mutant: Mutant, folder: Path, options: Options) -> Trial:
    target = target_of(mutant, folder)
    end = _processor_seconds() + CAMPAIGN_SECONDS

    def stop(outcome: Outcome, share: float) -> None:
        if outcome.targets[target.name].failing() or _processor_seconds() > end:
            raise _Decided

    campaign = Campaign([target], options, stop)
    with suppress(_Decided):
        campaign.run()
    found, cases = campaign.outcome.targets[target.name], campaign.outcome.coverage.cases
    if not found.failing():
        return Trial(mutant.name, SURVIVED, cases=cases)
    told = {name: found.properties[name] for name in found.failing()}
    case = campaign.found.found[target.name, found.failing()[0]].case
    hint = Hint(case.origin, (cases - 1) * CALLS) if case.origin.family in FAMILIES else None
    return _killed(mutant, target, told, cases, hint if mutant.of == KERNEL else None)


def _processor_seconds() -> float:
    """What this process and those that it waited for have used."""
    return sum(os.times()[:4])


def _killed(
    mutant: Mutant,
    target: MutantTarget | RanksTarget,
    broken: Mapping[str, Measurement | PropertyOutcome],
    cases: int,
    hint: Hint | None,
) -> Trial:
    by, told = _cause(target, broken)
    return Trial(mutant.name, KILLED, by, told[:WORDS_KEPT], tuple(broken), cases=cases, hint=hint)


def _cause(
    target: MutantTarget | RanksTarget, broken: Mapping[str, Measurement | PropertyOutcome]
) -> tuple[str, str]:
    """What killed the mutant and how it was described: the emulator's judge, or else the first broken
    property."""
    if target.failure is not None:
        kind = target.failure.kind
        return kind, str(target.failure).removeprefix(f"{kind}: ").removeprefix(f"{kind}: ")
    for name, found in broken.items():
        if found.difference is not None:
            return next((other for other in broken if other != name), name), found.difference.told("mutant")
    name, first = next(iter(broken.items()))
    return name, str(first.broken if isinstance(first, Measurement) else first.summary)
