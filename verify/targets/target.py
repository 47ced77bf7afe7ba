"""What the checker asks of a target, whatever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..cases.case import Case
from ..printable import printable
from ..properties import measured_on
from .limits import TargetLimits

# What an output holds before a call, two patterns that are no column of any row.
# All their bytes are alike, so that a C library can fill memory with them.
POISONS = (-0x5A5A5A5B, 0x7A7A7A7A)
POISON_BYTES = tuple(poison & 0xFF for poison in POISONS)
CHANGED = "logits or lengths were changed"  # or any other tensor of a call
Schedule = str  # how the threads of an emulated kernel interleave, as text; others ignore it


def is_poison(indices: np.ndarray) -> np.ndarray:
    """Bool, of the same shape: slots that hold what memory held before a call. indices: int64, read from
    slots of 32 or 64 bits."""
    wide = [int.from_bytes(bytes([byte] * 8), "little", signed=True) for byte in POISON_BYTES]
    return np.isin(indices, [*POISONS, *wide])


@dataclass(frozen=True)
class Answer:
    """indices: int64 [rows, k], as the target wrote them. trace: [rows, ctas] of TRACE_DTYPE, or None.
    damage: what was found beside the slots (a canary overwritten), or None. printed: the last of what the
    target printed in the call. values, columns: int64 [rows, k], what it wrote beside the indices, of values
    the bits; None where it was not asked for them."""

    indices: np.ndarray
    trace: np.ndarray | None = None
    damage: str | None = None
    printed: str = ""
    values: np.ndarray | None = None
    columns: np.ndarray | None = None

    def same_beside(self, other: Answer, source: Sequence[int] | None = None) -> np.ndarray:
        """bool [rows of other]: rows whose values and columns are the same in both. source: for each of the
        other's rows, the one of these that it repeats."""
        same = np.ones(len(other.indices), bool)
        for ours, theirs in ((self.values, other.values), (self.columns, other.columns)):
            if ours is not None and theirs is not None:
                same &= ((ours if source is None else ours[list(source)]) == theirs).all(axis=1)
        return same


class Place(NamedTuple):
    """Where a target's source begins: file, as an absolute path; line, from 1."""

    file: str
    line: int


class TargetFailure(Exception):
    """A call that gave no answer: raised, hung, crashed, or answered in the wrong shape.

    kind: a word for it. promise: the property that it breaks, where the kind alone tells. fatal: it cost
    the target's process. traceback: the whole of an exception's. printed: the last of what the target printed
    in the call.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        promise: str | None = None,
        fatal: bool = False,
        traceback: str = "",
        printed: str = "",
    ) -> None:
        self.words = printable(message)
        super().__init__(f"{kind}: {self.words}")
        self.fatal = fatal
        self.traceback = traceback
        self.printed = printed
        self.kind = kind
        self.promise = promise


class NotTaken(Exception):
    """The target says of a call that it does not take such: no answer, and no failure."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class TargetUnavailable(Exception):
    """The target cannot run here at all; the message says what is missing."""

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


class TargetMisnamed(TargetUnavailable):
    """There is no such target, or it cannot be called as (logits, lengths, k): the user's to correct."""


class Target(ABC):
    """One implementation under examination.

    name: as reports call it. claims: the properties it promises. limits: what calls it takes. own: ours,
    with a trace, and run as its documentation says for any lengths. takes_shards: whether it takes a case's
    cut over ranks.
    """

    name: str
    claims: frozenset[str]
    limits: TargetLimits = TargetLimits()
    own: bool = False
    on_gpu: bool = False
    takes_shards: bool = False

    @property
    def ks(self) -> tuple[int, ...] | None:
        """The values of k that it takes, None for any."""
        return self.limits.ks

    @property
    def promises(self) -> tuple[str, ...]:
        """The properties that are measured on it."""
        return measured_on(self.limits.takes or (), self.takes_shards, self.own)

    @property
    def padding(self) -> int:
        """What it writes behind the last column."""
        return -1 if self.limits.padding is None else self.limits.padding

    def prepare(self) -> None:  # noqa: B027  (most need nothing)
        """Builds or imports what the first call needs. Raises TargetUnavailable, or TargetMisnamed for a
        name that is no target's."""

    def fingerprint(self) -> str:
        """What tells one version of the implementation from another, once it is prepared."""
        return ""

    def place(self) -> Place | None:
        """Where its source is, once it is prepared; None where that is not known, or ours."""
        return None

    def refuses(self, case: Case) -> str | None:
        """Why the target does not take this case (a documented limit), or None."""
        return self.limits.refuses(case)

    def waited(self) -> float:
        """Seconds of its first calls that are no time of a campaign: what compiling took."""
        return 0.0

    def out_of_patience(self) -> str | None:
        """Why no more of its first calls are waited for, or None."""
        return None

    def takes(self, case: Case) -> bool:
        """Whether the case is one that the target can be asked."""
        return (case.cut is None or self.takes_shards) and self.refuses(case) is None

    def adapt(self, case: Case) -> Case:
        """The case as the target runs it: ours on a GPU is planned for the GPU that is there."""
        return case

    def schedule(self, seed: int) -> Schedule:
        """The schedule that a campaign's seed stands for; empty where there is nothing to schedule."""
        return ""

    def notes(self) -> tuple[str, ...]:
        """What else there is to tell of the run: no broken promise, but good to know."""
        return ()

    @abstractmethod
    def call(self, case: Case, poison: int, schedule: Schedule, tracing: bool = False) -> Answer:
        """One call on the case's own memory. Raises TargetFailure; NotTaken where the target says that it
        does not take such calls.

        poison: what the output holds before the call. schedule: one of this target's, empty for the
        default. tracing: leave a record of each row in the answer, where the target has one.
        """

    def replay_graph(self, case: Case) -> Answer:
        """The answer that the replay of a captured CUDA graph of the case's call leaves; GPU targets alone.

        Raises TargetFailure.
        """
        raise NotImplementedError

    @property
    def renews(self) -> bool:
        """Whether renew() is quick: no engine is imported again, no kernel compiled."""
        return False

    def renew(self) -> None:  # noqa: B027
        """Lets the next call meet a process that answered none before, where it has one of its own."""

    def earlier_calls(self) -> tuple[Case, ...]:
        """Calls that the target's process answered so far, the first and the latest, as many as are kept."""
        return ()

    def close(self) -> None:  # noqa: B027
        """Ends what prepare started."""
