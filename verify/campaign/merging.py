"""The outcomes of several processes as one."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

from .coverage import Coverage
from .outcome import Outcome, PropertyOutcome, TargetOutcome


def merged(outcomes: list[Outcome]) -> Outcome:
    """The sum of all: counts added, the smallest of the failures kept, the longest time."""
    first = outcomes[0]
    names = dict.fromkeys(name for outcome in outcomes for name in outcome.targets)
    return replace(
        first,
        targets={name: _target([o.targets[name] for o in outcomes if name in o.targets]) for name in names},
        coverage=_coverage([outcome.coverage for outcome in outcomes]),
        seconds=max(outcome.seconds for outcome in outcomes),
        interrupted=any(outcome.interrupted for outcome in outcomes),
        gaps=tuple(dict.fromkeys(gap for outcome in outcomes for gap in outcome.gaps)),
        unavailable={name: told for outcome in outcomes for name, told in outcome.unavailable.items()},
    )


def _coverage(parts: list[Coverage]) -> Coverage:
    total = Coverage()
    for item in fields(Coverage):
        values = [getattr(part, item.name) for part in parts]
        setattr(total, item.name, sum(values, Counter() if isinstance(values[0], Counter) else 0))
    return total


def _target(parts: list[TargetOutcome]) -> TargetOutcome:
    return replace(
        parts[0],
        properties={
            name: _property([part.properties[name] for part in parts]) for name in parts[0].properties
        },
        refused=sum(part.refused for part in parts),
        asked=sum((part.asked for part in parts), Counter()),
        refusal=next((part.refusal for part in parts if part.refusal), ""),
        unfinished=next((part.unfinished for part in parts if part.unfinished), ""),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _property(parts: list[PropertyOutcome]) -> PropertyOutcome:
    failing = [part for part in parts if part.failures]
    told = min(failing, key=lambda part: len(part.story), default=parts[0])
    return replace(
        told,
        cases=sum(part.cases for part in parts),
        rows=sum(part.rows for part in parts),
        failures=sum(part.failures for part in parts),
    )
