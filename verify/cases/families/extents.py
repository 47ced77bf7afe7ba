"""Rows and columns by the powers of two, and lengths at every named boundary: cheap contents, edges that win.

No two rows and no two chunks of a row are alike, so one that is read in place of another shows.
"""

from __future__ import annotations

import numpy as np
import torch

from ....reference.policy import SHIPPED
from ..boundaries import PEER_LENGTHS, ROW_BOUNDARIES, row_boundary
from ..case import FILLS, Case, lay_out
from ..values import CONTENTS
from .family import Setting, family

# Rows at which grids, packed row numbers and dispatches end: warps, a GPU's multiprocessors, 16 bits.
ROWS = tuple(sorted({rows + more for rows in (0, 1, 33, 64, 133, 1025, 8192, 65536) for more in (0, 1)}))
MOST_COLUMNS_LOG2 = 20
POWERS = tuple(1 << power for power in range(MOST_COLUMNS_LOG2 + 1))
COLUMNS = tuple(sorted({0, *POWERS, *(columns + 1 for columns in POWERS)}))
BOUNDARY_K = 2048  # where a boundary depends on it

# Lengths of rows that have a name: ours, those of published kernels, the powers of two.
EDGES = tuple(
    sorted(
        {row_boundary(name, policy, BOUNDARY_K, 1) for name in ROW_BOUNDARIES for policy in SHIPPED}
        | set(PEER_LENGTHS)
        | set(POWERS)
    )
)
DELTAS = (0, 1, -1)
CHEAP = ("normal", "bfloat16", "negative")
FIRST, LAST = 1e4, 2e4  # over all other scores: what stands in a row's first column, and in its last
FEW = 2  # selected: the edges alone
SHORT_EVERY = 4  # rows, of which one is shorter than the columns


def _with_edges(case: Case, lengths: np.ndarray) -> Case:
    """The case with its rows' first and last columns above all others; where k has no room for more, of every
    other row."""
    step = 1 if case.k > FEW else FEW
    rows = torch.from_numpy(np.flatnonzero(lengths > 0)[::step])
    if not rows.numel():
        return case
    last = torch.from_numpy(lengths).long()[rows] - 1
    case.logits[rows, 0] = FIRST
    case.logits[rows, last] = LAST
    return case


@family("extents", fixed_sizes=True, rows=(1, 33, 65, 134), columns=(1, 64, 1025), content=CHEAP)
def extents(random: np.random.Generator, setting: Setting, rows: int, columns: int, content: str) -> Case:
    """So many rows of so many columns; each row is another window of the same scores."""
    scores = CONTENTS[content](random, columns + rows)
    lengths = np.full(rows, columns, np.int64)
    if columns > 1:
        shorter = lengths[SHORT_EVERY - 1 : rows - 1 : SHORT_EVERY]
        shorter[:] = random.integers(1, columns, len(shorter))
    windows = [
        scores[start : start + n] for start, n in zip(random.permutation(rows), lengths.tolist(), strict=True)
    ]
    return _with_edges(lay_out(windows, columns=columns, tail=FILLS["inf"], **setting.call()), lengths)


@family("edges", fixed_sizes=True, length=EDGES, delta=DELTAS, rows=(1, 2))
def edges(random: np.random.Generator, setting: Setting, length: int, delta: int, rows: int) -> Case:
    """A row as long as a named boundary, one less or one more, whose first and last columns are selected; and
    one that ends a column earlier, before what would be."""
    columns = max(1, length + delta)
    lengths = np.array([columns, max(1, columns - 1)][:rows])
    windows = [CONTENTS["normal"](random, n) for n in lengths.tolist()]
    return _with_edges(lay_out(windows, columns=columns, tail=FILLS["inf"], **setting.call()), lengths)
