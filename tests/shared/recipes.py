"""Rows as short recipes, so that a failing one shrinks to a run or two and one length.

A recipe is a list of runs (bit pattern of a float, how often), repeated to fill the row, and an
arrangement of the columns. Lengths are drawn as offsets from the boundaries of a policy, by name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from persistent_topk.reference.policy import WARP_SIZE, Policy

ARRANGEMENTS = ("as drawn", "ascending", "descending", "scattered")
SCATTER_STEP = 0x9E3779B1  # odd: multiples of it modulo 2^32 visit the columns in a scrambled order

# Floats at which something changes: zeros, subnormals, limits of binary16, infinities, NaNs.
NOTABLE_BITS = (
    0x00000000, 0x80000000, 0x00000001, 0x80000001, 0x007FFFFF, 0x33000000, 0x33000001, 0xB3000000,
    0x387FFFFF, 0x38800000, 0x3F800000, 0x3F800001, 0xBF800000, 0x477FEFFF, 0x477FF000, 0xC77FF000,
    0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7F800001, 0x7FC00000, 0xFFFFFFFF,
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """runs: (bit pattern, count) in the order drawn. arrangement: one of ARRANGEMENTS."""

    runs: tuple[tuple[int, int], ...]
    arrangement: str = "as drawn"

    def row(self, columns: int) -> torch.Tensor:
        """The row, float32 [columns]."""
        bits, counts = np.array(self.runs, np.int64).T
        row = np.resize(np.repeat(bits, counts), columns).astype(np.uint32)
        if self.arrangement == "scattered":
            row = row[np.argsort(np.arange(columns, dtype=np.uint64) * SCATTER_STEP % 2**32)]
        values = torch.from_numpy(row.view(np.float32).copy())
        if self.arrangement in ("ascending", "descending"):
            values = values.sort(descending=self.arrangement == "descending").values
        return values


def patterns() -> st.SearchStrategy[int]:
    """Bit patterns: notable ones, neighbours of 1.0 (one coarse bin, low bits differ), any."""
    return st.sampled_from(NOTABLE_BITS) | st.integers(0x3F800000, 0x3F8003FF) | st.integers(0, 2**32 - 1)


@st.composite
def recipes(draw: st.DrawFn, longest_run: int = 100) -> Recipe:
    runs = draw(st.lists(st.tuples(patterns(), st.integers(1, longest_run)), min_size=1, max_size=12))
    return Recipe(tuple(runs), draw(st.sampled_from(ARRANGEMENTS)))


def boundaries(policy: Policy, k: int) -> dict[str, int]:
    """The lengths at which a row's treatment may change: every size of the policy among them."""
    sizes = {name: value for name, value in asdict(policy).items() if isinstance(value, int)}
    all_chunks = policy.medium_max + policy.max_ctas * policy.chunk_min
    return {"k": k, "warp": WARP_SIZE, "all chunks": all_chunks, **sizes}


def lengths(policy: Policy, k: int, least: int = 0, most: int = 2**31) -> st.SearchStrategy[int]:
    """Lengths in [least, most] next to a boundary, or any between the least and twice medium_max."""
    near = [edge + offset for edge in boundaries(policy, k).values() for offset in (-1, 0, 1)]
    fitting = sorted({length for length in near if least <= length <= most})
    spread = st.integers(least, min(most, max(least, 2 * policy.medium_max)))
    return st.sampled_from(fitting) | spread if fitting else spread
