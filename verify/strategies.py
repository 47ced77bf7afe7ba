"""Hypothesis strategies of cases: short recipes, so that a failure shrinks to a run or two and one length.

After "Strategies that shrink" in Hypothesis' own guides: every choice is drawn where it is used, the
simplest one first, and no choice changes the meaning of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from ..reference.policy import SMALL, TINY, Policy
from .boundaries import ROW_BOUNDARIES, row_boundary
from .cases import DEVICES, FILLS, Case, Origin, lay_out
from .values import FP16_OVERFLOW, INFINITY, NEGATIVE, ONE, bit_of, in_order

LONGEST_RUN = 100
MOST_RUNS = 6
MOST_ROWS = 5
# The simplest first: 1.0, zeros, then what something else happens at.
NOTABLE = (
    ONE,
    0,
    NEGATIVE,
    ONE + 1,
    bit_of(FP16_OVERFLOW),
    bit_of(FP16_OVERFLOW) - 1,
    bit_of(-1e30),
    1,
    NEGATIVE + 1,
    INFINITY,
    INFINITY | NEGATIVE,
    INFINITY + 1,
    FILLS["nan"],
    FILLS["-nan"],
)
ARRANGEMENTS = ("drawn", "ascending", "descending", "woven")
WEAVE = 0x9E3779B1  # odd: its multiples modulo 2**32 visit the columns in a scrambled order


@dataclass(frozen=True)
class RowRecipe:
    """runs: (bit pattern, count), repeated to fill the row; boundary + delta: its length."""

    runs: tuple[tuple[int, int], ...]
    arrangement: str
    boundary: str
    delta: int

    def length(self, policy: Policy, k: int, ctas: int) -> int:
        """The row's n; deltas may take it below 0."""
        return row_boundary(self.boundary, policy, k, ctas) + self.delta

    def bits(self, n: int) -> np.ndarray:
        """The first n columns."""
        patterns, counts = np.array(self.runs, np.int64).T
        row = np.resize(np.repeat(patterns, counts), max(0, n)).astype(np.uint32)
        if self.arrangement == "woven":
            return row[np.argsort(np.arange(len(row), dtype=np.uint64) * WEAVE % 2**32)]
        return in_order(row, self.arrangement)


PALETTES: dict[str, st.SearchStrategy[int]] = {
    "any": st.sampled_from(NOTABLE) | st.integers(0, 2**32 - 1),
    "one bin": st.integers(ONE, ONE | 0x3FF),  # differ in low bits, share every coarse bin
    "zeros": st.sampled_from((0, NEGATIVE)),
    "two values": st.sampled_from(NOTABLE[:2]),
}


@st.composite
def row_recipes(draw: st.DrawFn) -> RowRecipe:
    """A row of few runs from one palette, as long as some boundary, or one less or more."""
    palette = PALETTES[draw(st.sampled_from(tuple(PALETTES)))]
    run = st.tuples(palette, st.integers(1, LONGEST_RUN))
    return RowRecipe(
        tuple(draw(st.lists(run, min_size=1, max_size=MOST_RUNS))),
        draw(st.sampled_from(ARRANGEMENTS)),
        draw(st.sampled_from(ROW_BOUNDARIES)),
        draw(st.sampled_from((0, 1, -1))),
    )


@st.composite
def cases(draw: st.DrawFn, policies: tuple[Policy, ...] = (TINY, SMALL)) -> Case:
    """A batch of recipes under one of the policies, laid out at any alignment, with dirty tails."""
    policy = draw(st.sampled_from(policies))
    k = draw(st.integers(1, policy.decode_max + policy.decode_max // 2))
    rows = draw(st.lists(row_recipes(), min_size=1, max_size=MOST_ROWS))
    lengths = [recipe.length(policy, k, policy.max_ctas) for recipe in rows]
    return lay_out(
        [recipe.bits(n) for recipe, n in zip(rows, lengths, strict=True)],
        k,
        lengths=lengths,
        columns=max(1, *lengths) + draw(st.sampled_from((0, 1, 37))),
        offset=draw(st.integers(0, 3)),
        gap=draw(st.sampled_from((0, 1, 3))),
        tail=FILLS[draw(st.sampled_from(tuple(FILLS)))],
        policy=policy.name,
        limits=DEVICES[draw(st.sampled_from(("small", "pair", "single")))],
        origin=Origin("recipe"),
    )
