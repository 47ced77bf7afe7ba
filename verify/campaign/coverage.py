"""What a campaign reached: rows and cases by path, boundary, family and policy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ...reference.dispatch import choose_path
from ...reference.policy import SHIPPED
from ...reference.trace import PATHS
from ..cases.boundaries import touched_counts, touched_lengths
from ..cases.case import Case

SPILL = "spill"
STREAM, RESTART, OVERFLOW = "stream", "restart", "list overflow"
STAGES = (SPILL, STREAM, RESTART, OVERFLOW)  # of a path; k <= stream.MARGIN never restarts
SHIPPED_NAMES = tuple(policy.name for policy in SHIPPED)


@dataclass
class Coverage:
    """Counters by name; those of paths count STAGES too. shipped_paths: rows under a shipped policy alone."""

    cases: int = 0
    rows: int = 0
    long_rows: int = 0
    paths: Counter[str] = field(default_factory=Counter)
    path_cases: Counter[str] = field(default_factory=Counter)
    shipped_paths: Counter[str] = field(default_factory=Counter)
    boundaries: Counter[str] = field(default_factory=Counter)
    boundary_cases: Counter[str] = field(default_factory=Counter)
    families: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, trace: np.ndarray | None) -> None:
        """Counts one case; `trace` is the model's record of it, if it was made."""
        labels: list[list[str]] = []
        paths: list[list[str]] = []
        shipped: list[list[str]] = []  # paths under shipped policies
        for row, (n, taken) in enumerate(zip(case.clamped.tolist(), case.assignments, strict=True)):
            names = [PATHS[choose_path(n, case.k, taken)]]
            policy = taken.policy
            self.policies[policy.name] += 1
            if policy.name in SHIPPED_NAMES:
                shipped.append(names)
            touched = touched_lengths(n, policy, case.k, taken.ctas)
            if trace is not None:
                names += stages_taken(trace[row])
                touched += touched_counts(int(trace["count"][row, 0]), policy)
            paths.append(names)
            labels.append(touched)
        self.cases += 1
        self.rows += case.rows
        self.long_rows += int((case.clamped > LONG_ROW).sum())
        self.families[case.origin.family] += 1
        _count(self.paths, self.path_cases, paths)
        _count(self.boundaries, self.boundary_cases, labels)
        self.shipped_paths.update(name for names in shipped for name in names)

    def told_paths(self) -> tuple[str, ...]:
        """Paths, and their stages, of which nothing is known where only others' kernels ran."""
        return (*PATHS.values(), *(STAGES if any(self.paths[name] for name in STAGES) else ()))

    def missing_paths(self) -> list[str]:
        """Paths, and the spill, that no row took under a shipped policy."""
        return [name for name in (*PATHS.values(), SPILL) if not self.shipped_paths[name]]


def stages_taken(records: np.ndarray) -> list[str]:
    """Which of STAGES a row took. records: TRACE_DTYPE [ctas], the row's."""
    streamed = records["survivors"] > 0
    taken = {
        SPILL: records["spilled"][0],
        STREAM: streamed.any(),
        RESTART: records["restarted"].any(),
        OVERFLOW: (streamed & (records["listed"] == 0)).any(),
    }
    return [name for name in STAGES if taken[name]]


LONG_ROW = 16384  # columns; rows over it are counted apart


def _count(rows: Counter[str], cases: Counter[str], names: list[list[str]]) -> None:
    rows.update(name for row in names for name in row)
    cases.update({name for row in names for name in row})
