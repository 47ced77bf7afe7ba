"""What a campaign put to a target, in the target's own terms: its claims, its limits, the kinds of cases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..campaign.outcome import Outcome, TargetOutcome
from ..properties import CLAIMS
from ..targets.limits import TargetLimits
from .view import Cell, Column, Table


def searched_table(outcome: Outcome, limits: Mapping[str, TargetLimits]) -> Table:
    """One row a target. limits: of the calls that it takes, by its name."""
    headings = ("target", "promises", "takes", "was asked")
    rows = (
        (name, claims_in_words(target), limits_in_words(limits.get(name)), asked(target))
        for name, target in outcome.targets.items()
    )
    cells = tuple(tuple(map(Cell, row)) for row in rows)
    return Table("What was searched", tuple(map(Column, headings)), cells)


def claims_in_words(target: TargetOutcome) -> str:
    """ "set" or "contract", where the claims are those, or their names."""
    claimed = {name for name, item in target.properties.items() if item.claimed}
    for name, claims in CLAIMS.items():
        if claimed == claims & target.properties.keys():
            return name
    return ", ".join(name for name in target.properties if name in claimed) or "nothing"


def limits_in_words(limits: TargetLimits | None) -> str:
    """What calls it takes, or that it takes all."""
    return ", ".join(_limits(limits or TargetLimits())) or "any rows, columns, strides, and k from 1 to 4096"


def _limits(limits: TargetLimits) -> Iterator[str]:
    if limits.ks:
        yield f"k of {', '.join(map(str, limits.ks))}"
    for name, noun in (("max_k", "k"), ("max_rows", "rows"), ("max_columns", "columns")):
        most = getattr(limits, name)
        if most is not None:
            yield f"{noun} up to {most}"
    if limits.stride_multiple:
        yield f"row strides in multiples of {limits.stride_multiple}"
    if limits.contiguous:
        yield "rows that lie end to end"
    if limits.dtype:
        yield f"logits of {' or '.join(limits.dtypes)}"
    if limits.takes:
        yield f"{', '.join(limits.takes)} of a whole call"


def asked(target: TargetOutcome) -> str:
    """How many cases judged how many of its claims, and what it did not take."""
    claimed = [item for item in target.properties.values() if item.claimed]
    judged = [item for item in claimed if item.rows]
    cases = max((item.cases for item in claimed), default=0)
    words = f"{cases} cases; {len(judged)} of {len(claimed)} promises were judged"
    return words + (f"; {target.refused} cases were not for it: {target.refusal}" if target.refused else "")
