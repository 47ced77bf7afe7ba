"""What one case told of one property of one target, and why that is broken where it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..cases.case import Case
from ..targets.target import TargetFailure
from .faults import Fault, rank_of
from .trace_difference import TraceDifference
from .wrong_columns import WrongColumns

# Of one cause, the promises that say most about it come first.
TELLING = (
    "fully-written",
    "repeatable-set",
    "layout-independent",
    "shard-independent",
    "graph-replay",
    "translation",
    "exact-set",
    "in-range-unique",
    "padding",
    "nan-first",
    "tail-independent",
    "window-independent",
    "batch-independent",
    "lowest-column-ties",
    "signed-zero-tie",
    "values-match",
    "repeatable-bytes",
    "ascending-order",
    "short-lengths",
    "inputs-untouched",
    "trace-agreement",
)


@dataclass(frozen=True)
class Evidence:
    """What a target left beside its answer: the last of what it printed, and of an exception the whole of its
    traceback."""

    printed: str = ""
    traceback: str = ""


NO_EVIDENCE = Evidence()


@dataclass(frozen=True)
class Measurement:
    """rows: how many of the case judged it. broken: in words, or None. cause: what is wrong there, in words
    that other broken properties may share. case: what the call was given, None for the case as it is. wrong:
    the columns of a row that it is broken in, where there are such. fatal: it cost the target's process."""

    promise: str
    rows: int
    broken: str | None = None
    cause: str = ""
    case: Case | None = None
    difference: TraceDifference | None = None
    wrong: WrongColumns | None = None
    fatal: bool = False
    evidence: Evidence = field(default=NO_EVIDENCE, repr=False)


def failed(failure: TargetFailure, promise: str, case: Case, when: str = "") -> Measurement:
    """A call without an answer, which is its own cause: by its kind, and an exception by its type too."""
    cause = f"{failure.kind}: {failure.words.partition(':')[0]}" if failure.kind == "raised" else failure.kind
    evidence = Evidence(failure.printed, failure.traceback)
    words = f"{when}{failure}"
    return Measurement(
        failure.promise or promise, case.rows, words, cause, fatal=failure.fatal, evidence=evidence
    )


def order_of(promise: str, cause: str, claimed: bool) -> tuple[bool, int, int]:
    """By this, the root of what is broken comes first, and what follows from it behind."""
    place = 0 if (promise, cause) == ("nan-first", Fault.NAN.value) else TELLING.index(promise)
    return not claimed, rank_of(cause), place


def same_cause(one: str, other: str) -> bool:
    """Whether a broken property tells what another already told; each without a known cause tells its own."""
    return bool(one) and one == other
