"""Hypothesis strategies of cases: short recipes, so that a failure shrinks to a run or two and one length.

After "Strategies that shrink" in Hypothesis' own guides: every choice is drawn where it is used, the
simplest one first, and no choice changes the meaning of another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from ...reference.order import HALF_OF_TINIEST_HALF, SMALLEST_NORMAL_HALF
from ...reference.policy import LATENCY, MAX_K, SMALL, TINY, Policy
from .arrangements import ARRANGEMENTS, row_of_runs
from .boundaries import PEER_BOUNDARIES, ROW_BOUNDARIES, label, row_boundary
from .case import DEVICES, FILLS, Case, Origin, lay_out
from .values import FP16_OVERFLOW, INFINITY, MANTISSA, NEGATIVE, ONE, bit_of

SHORT_RUN = 100
MOST_RUNS = 6
MOST_ROWS = 5
SHORT_ROWS = 4096  # longest row that may be one of several, where rows are long
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
    MANTISSA,  # the greatest subnormal number
    ONE | NEGATIVE,
    INFINITY,
    INFINITY | NEGATIVE,
    INFINITY - 1,
    INFINITY + 1,
    FILLS["nan"],
    FILLS["-nan"],
    0xFFFFFFFF,
    HALF_OF_TINIEST_HALF,
    HALF_OF_TINIEST_HALF + 1,
    HALF_OF_TINIEST_HALF | NEGATIVE,
    SMALLEST_NORMAL_HALF,
    SMALLEST_NORMAL_HALF - 1,
    bit_of(-FP16_OVERFLOW),
)


@dataclass(frozen=True)
class RowRecipe:
    """runs: (bit pattern, count), repeated to fill the row; boundary + delta: its length."""

    runs: tuple[tuple[int, int], ...]
    arrangement: str
    boundary: str
    delta: int

    def __str__(self) -> str:
        runs = "run" if len(self.runs) == 1 else "runs"
        return f"{label(self.boundary, self.delta)} columns, {len(self.runs)} {runs} {self.arrangement}"

    def length(self, policy: Policy, k: int, ctas: int) -> int:
        """The row's n; deltas may take it below 0."""
        return row_boundary(self.boundary, policy, k, ctas) + self.delta

    def bits(self, n: int) -> np.ndarray:
        """The first n columns."""
        return row_of_runs(self.runs, self.arrangement, n)


PALETTES: dict[str, st.SearchStrategy[int]] = {
    "any": st.sampled_from(NOTABLE) | st.integers(0, 2**32 - 1),
    "one bin": st.integers(ONE, ONE | 0x3FF),  # differ in low bits, share every coarse bin
    "zeros": st.sampled_from((0, NEGATIVE)),
    "two values": st.sampled_from(NOTABLE[:2]),
}


@dataclass(frozen=True)
class Scope:
    """What recipes may ask for. boundaries: names of lengths. longest_run: of equal values. ks: values of
    k, or none for all up to a little over the policy's longest row of the first path."""

    policies: tuple[Policy, ...] = (TINY, SMALL)
    boundaries: tuple[str, ...] = ROW_BOUNDARIES
    longest_run: int = SHORT_RUN
    ks: tuple[int, ...] = ()

    def k(self, policy: Policy) -> st.SearchStrategy[int]:
        """Values of k under a policy."""
        if self.ks:
            return st.sampled_from(self.ks)
        return st.integers(1, min(MAX_K, policy.decode_max + policy.decode_max // 2))


SMALL_SCOPE = Scope()
# For kernels whose sizes are not ours: those of the published ones, and runs that fill their buffers.
PEER_SCOPE = Scope(
    policies=(TINY, SMALL, LATENCY),
    boundaries=(*ROW_BOUNDARIES, *PEER_BOUNDARIES),
    longest_run=2 * LATENCY.candidates,
)


@st.composite
def row_recipes(draw: st.DrawFn, scope: Scope = SMALL_SCOPE) -> RowRecipe:
    """A row of few runs from one palette, as long as some boundary, or one less or more."""
    palette = PALETTES[draw(st.sampled_from(tuple(PALETTES)))]
    count = st.integers(1, SHORT_RUN)
    if scope.longest_run > SHORT_RUN:
        count |= st.integers(SHORT_RUN, scope.longest_run)
    return RowRecipe(
        tuple(draw(st.lists(st.tuples(palette, count), min_size=1, max_size=MOST_RUNS))),
        draw(st.sampled_from(ARRANGEMENTS)),
        draw(st.sampled_from(scope.boundaries)),
        draw(st.sampled_from((0, 1, -1))),
    )


@st.composite
def cases(draw: st.DrawFn, scope: Scope = SMALL_SCOPE) -> Case:
    """A batch of recipes under one of the policies, laid out at any alignment, with dirty tails.

    A row over SHORT_ROWS columns stands alone: a batch as wide would cost as much as a hundred others.
    """
    policy = draw(st.sampled_from(scope.policies))
    k = draw(scope.k(policy))
    rows = draw(st.lists(row_recipes(scope), min_size=1, max_size=MOST_ROWS))
    lengths = [recipe.length(policy, k, policy.max_ctas) for recipe in rows]
    if max(lengths) > SHORT_ROWS:
        rows, lengths = rows[:1], lengths[:1]
    return lay_out(
        [recipe.bits(n) for recipe, n in zip(rows, lengths, strict=True)],
        k,
        lengths=lengths,
        columns=max(1, *lengths, 1) + draw(st.sampled_from((0, 1, 37))),
        offset=draw(st.integers(0, 3)),
        gap=draw(st.sampled_from((0, 1, 3))),
        tail=FILLS[draw(st.sampled_from(tuple(FILLS)))],
        policy=policy.name,
        limits=DEVICES[draw(st.sampled_from(("small", "pair", "single", "unclustered")))],
        origin=Origin("recipe", {f"row {index}": str(recipe) for index, recipe in enumerate(rows)}),
    )
