"""The checker's recipes of rows, for tests that choose the length of a row themselves.

Lengths are drawn as offsets from the boundaries of a policy, by name.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from hypothesis import strategies as st

from persistent_topk.reference.policy import WARP_SIZE, Policy
from persistent_topk.verify.cases.arrangements import ARRANGEMENTS, row_of_runs
from persistent_topk.verify.cases.strategies import PALETTES

MOST_RUNS = 12


@dataclass(frozen=True)
class Recipe:
    """runs: (bit pattern, count) in the order drawn. arrangement: one of ARRANGEMENTS."""

    runs: tuple[tuple[int, int], ...]
    arrangement: str = ARRANGEMENTS[0]

    def row(self, columns: int) -> torch.Tensor:
        """The row, float32 [columns]."""
        bits = row_of_runs(self.runs, self.arrangement, columns)
        return torch.from_numpy(bits.view(np.int32)).view(torch.float32)


@st.composite
def recipes(draw: st.DrawFn, longest_run: int = 100) -> Recipe:
    patterns = PALETTES["any"] | PALETTES["one bin"]
    runs = draw(st.lists(st.tuples(patterns, st.integers(1, longest_run)), min_size=1, max_size=MOST_RUNS))
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
