"""The first stage at which two records of a row differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...reference.trace import PATHS

# Fields by stage, in the order in which a row goes through them.
CHUNK = ("path", "ctas", "cta", "begin", "end")
STREAM = ("restarted", "listed", "survivors", "updates")
COARSE = ("bins", "histogram", "bin", "above", "count")
PASS = ("over_row", "low", "shift", "histogram", "digit", "above", "count")
GATHER = ("spilled", "chunk_above", "chunk_count", "gathered", "ranked", "passes")
RESULT = ("threshold", "ties", "offset", "tie_offset")
HEXADECIMAL = ("low", "threshold")


@dataclass(frozen=True)
class TraceDifference:
    """Where two records part. stage: "chunk", "stream", "coarse", "pass 2", "gather" or "emit"; path, field:
    of the record; more: further words of a histogram that differ."""

    row: int
    path: str
    stage: str
    cta: int
    field: str
    found: int
    expected: int
    more: int = 0

    def told(self, name: str, reference: str = "model") -> str:
        """ "row 0: large, pass 2, CTA 3, digit: emulator 17, model 18" """
        hexadecimal = self.field in HEXADECIMAL
        found, expected = (f"0x{v:08X}" if hexadecimal else str(v) for v in (self.found, self.expected))
        more = f" (and {self.more} more bins)" if self.more else ""
        return (
            f"row {self.row}: {self.path}, {self.stage}, CTA {self.cta}, {self.field}: "
            f"{name} {found}, {reference} {expected}{more}"
        )


def first_difference(found: np.ndarray, expected: np.ndarray) -> TraceDifference | None:
    """The lowest row whose records differ, its first stage that does, and there the lowest CTA.

    found, expected: [rows, ctas] of TRACE_DTYPE. ValueError if their shapes differ.
    """
    if found.shape != expected.shape:
        raise ValueError(f"traces have shapes {found.shape} and {expected.shape}; expected equal ones")
    if found.tobytes() == expected.tobytes():
        return None
    for row in range(len(found)):
        if found[row].tobytes() != expected[row].tobytes():
            return _in_row(row, found[row], expected[row])
    return None


def _in_row(row: int, found: np.ndarray, expected: np.ndarray) -> TraceDifference | None:
    path = PATHS.get(int(expected["path"][0]), "not recorded")
    stages: list[tuple[str, tuple[str, ...], np.ndarray, np.ndarray]]
    first = ("chunk", CHUNK), ("stream", STREAM), ("coarse", COARSE)
    stages = [(stage, fields, found, expected) for stage, fields in first]
    for number in range(found["pass"].shape[1]):
        parts = found["pass"][:, number], expected["pass"][:, number]
        stages.append((f"pass {number + 1}", PASS, *parts))
    stages += [("gather", GATHER, found, expected), ("emit", RESULT, found, expected)]
    for stage, fields, ours, theirs in stages:
        for field in fields:
            difference = _in_field(ours[field], theirs[field])
            if difference is not None:
                cta, place, more = difference
                name = field if place is None else f"{field}[{place}]"
                at = cta if place is None else (cta, place)
                return TraceDifference(
                    row, path, stage, cta, name, int(ours[field][at]), int(theirs[field][at]), more
                )
    return None


def _in_field(found: np.ndarray, expected: np.ndarray) -> tuple[int, int | None, int] | None:
    """(CTA, word of a histogram or None, further words) of the first difference of a field."""
    differs = found != expected
    if not differs.any():
        return None
    if differs.ndim == 1:
        return int(np.flatnonzero(differs)[0]), None, 0
    cta = int(np.flatnonzero(differs.any(axis=1))[0])
    words = np.flatnonzero(differs[cta])
    return cta, int(words[0]), len(words) - 1
