"""What a campaign reached: rows and cases by path, boundary, family and policy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from ...reference.dispatch import choose_path
from ...reference.policy import SHIPPED, by_name
from ...reference.schedule import Assignment
from ...reference.trace import PATHS
from ..cases.boundaries import touched_counts, touched_lengths
from ..cases.case import Case

SPILL = "spill"
STREAM, RESTART, OVERFLOW = "stream", "restart", "list overflow"
STAGES = (SPILL, STREAM, RESTART, OVERFLOW)  # of a path; k <= stream.MARGIN never restarts
SHIPPED_NAMES = tuple(policy.name for policy in SHIPPED)


@dataclass
class Coverage:
    """Counters by name; those of paths count STAGES too. shipped_paths: rows under a shipped policy alone.
    extents: cases by rows x columns x k, each down to a power of two."""

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
    extents: Counter[str] = field(default_factory=Counter)

    def add(self, case: Case, trace: np.ndarray | None) -> None:
        """Counts one case; `trace` is the model's record of it, if it was made."""
        assignments = case.assignments
        kinds = Counter(
            (n, taken.policy.name, taken.ctas, min(taken.begin, 0))
            for n, taken in zip(case.clamped.tolist(), assignments, strict=True)
        )
        paths: Counter[str] = Counter()
        shipped: Counter[str] = Counter()  # paths under shipped policies
        labels: Counter[str] = Counter()
        for (n, name, ctas, begin), rows in kinds.items():
            policy = by_name(name)
            path = PATHS[choose_path(n, case.k, Assignment(policy, ctas, begin))]
            paths[path] += rows
            shipped[path] += rows if name in SHIPPED_NAMES else 0
            self.policies[name] += rows
            for label in touched_lengths(n, policy, case.k, ctas):
                labels[label] += rows
        for records, taken in () if trace is None else zip(trace, assignments, strict=True):
            stages = stages_taken(records)
            paths.update(stages)
            shipped.update(stages if taken.policy.name in SHIPPED_NAMES else ())
            labels.update(touched_counts(int(records["count"][0]), taken.policy))
        self.cases += 1
        self.rows += case.rows
        self.long_rows += int((case.clamped > LONG_ROW).sum())
        self.families[case.origin.family] += 1
        self.extents[" x ".join(str(_power_below(size)) for size in (case.rows, case.columns, case.k))] += 1
        _count(self.paths, self.path_cases, paths)
        _count(self.boundaries, self.boundary_cases, labels)
        self.shipped_paths.update(shipped)

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


def _count(rows: Counter[str], cases: Counter[str], met: Counter[str]) -> None:
    rows.update(met)
    cases.update(met.keys())


def _power_below(size: int) -> int:
    """The greatest power of two up to a size; 0 for 0."""
    return 1 << size.bit_length() >> 1
