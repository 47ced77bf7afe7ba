"""Lengths around every boundary, lengths below 1 or above the columns, dirty tails, and k near n."""

from __future__ import annotations

import numpy as np

from ....reference.policy import MAX_K
from ..boundaries import PEER_BOUNDARIES, ROW_BOUNDARIES, row_boundary
from ..case import FILLS, Case, lay_out
from ..values import CONTENTS
from .family import Setting, family

DELTAS = (0, 1, -1)
INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
SMALL_CONTENTS = ("normal", "few", "one-bin", "both-zeros", "bfloat16", "some-nan")


def _at_boundary(
    random: np.random.Generator, setting: Setting, boundary: str, delta: int, content: str, slack: int
) -> Case:
    policy = setting.boundaries
    columns = max(1, row_boundary(boundary, policy, setting.k, policy.max_ctas) + delta) + slack
    ctas = setting.ctas(1, columns)
    n = max(1, row_boundary(boundary, policy, setting.k, ctas) + delta)
    return lay_out([CONTENTS[content](random, n)], columns=max(n, columns), **setting.call())


@family("boundary-lengths", delta=DELTAS, boundary=ROW_BOUNDARIES, content=SMALL_CONTENTS, slack=(0, 37, 1))
def boundary_lengths(
    random: np.random.Generator, setting: Setting, boundary: str, delta: int, content: str, slack: int
) -> Case:
    """One row as long as a boundary of the policy, one less or one more."""
    return _at_boundary(random, setting, boundary, delta, content, slack)


@family("every-boundary", content=SMALL_CONTENTS)
def every_boundary(random: np.random.Generator, setting: Setting, content: str) -> Case:
    """One batch with rows as long as every boundary, one less and one more: too many to share CTAs."""
    policy = setting.boundaries
    at = [row_boundary(name, policy, setting.k, 1) for name in ROW_BOUNDARIES]
    near = {max(1, n + delta) for n in at for delta in DELTAS if n <= policy.medium_max}
    lengths = sorted(near)
    rows = [CONTENTS[content](random, int(n)) for n in random.permutation(lengths)]
    return lay_out(rows, **setting.call())


@family(
    "peer-lengths",
    fixed_sizes=True,
    delta=DELTAS,
    boundary=PEER_BOUNDARIES,
    content=SMALL_CONTENTS,
)
def peer_lengths(
    random: np.random.Generator, setting: Setting, boundary: str, delta: int, content: str
) -> Case:
    """One row as long as a boundary of a published kernel, one less or one more."""
    return _at_boundary(random, setting, boundary, delta, content, 0)


@family("short-lengths", pattern=("mixed", "few", "all-zero", "over"), content=SMALL_CONTENTS)
def short_lengths(random: np.random.Generator, setting: Setting, pattern: str, content: str) -> Case:
    """Lengths that are negative, zero or greater than the columns, beside ordinary ones."""
    columns = setting.boundaries.decode_max // 2 + 3
    lengths = {
        "mixed": [columns, -1, 0, columns + 1, INT32_MIN, INT32_MAX, columns // 2, 1],
        "few": list(random.integers(-4, 2, 6)),
        "all-zero": [0, 0, 0],
        "over": [columns + 1, INT32_MAX, columns],
    }[pattern]
    rows = [CONTENTS[content](random, columns) for _ in lengths]
    return lay_out(rows, lengths=lengths, **setting.call())


@family(
    "dirty-tails",
    fill=tuple(FILLS),
    path=("decode_max", "medium_max", "k", "split_min", "held"),
    share=(0.5, 0.97, 0.1),
    content=("normal", "collapse", "masked", "negative"),
)
def dirty_tails(
    random: np.random.Generator, setting: Setting, fill: str, path: str, share: float, content: str
) -> Case:
    """Columns beyond n hold what would win: NaN, infinities, 1e30."""
    columns = max(2, int(row_boundary(path, setting.boundaries, setting.k, 1)) + 1)
    lengths = [max(1, int(columns * share)), min(columns - 1, setting.k + 1)]
    rows = [CONTENTS[content](random, n) for n in lengths]
    return lay_out(rows, columns=columns, tail=FILLS[fill], **setting.call())


@family("k-edges", excess=(-1, 0, 1), content=SMALL_CONTENTS, pad=(0, 1, 40))
def k_edges(random: np.random.Generator, setting: Setting, excess: int, content: str, pad: int) -> Case:
    """Rows with k - 1, k and k + 1 columns; k of 1 and k over the columns."""
    n = max(1, setting.k + excess)
    rows = [CONTENTS[content](random, size) for size in (n, 1, n, min(n + 1, MAX_K))]
    return lay_out(rows, columns=max(map(len, rows)) + pad, **setting.call())


@family(
    "layouts",
    offset=(0, 1, 2, 3),
    gap=(0, 1, 3, 64),
    path=("decode_max", "medium_max", "split_min", "held"),
    odd=(0, 1),
)
def layouts(
    random: np.random.Generator, setting: Setting, offset: int, gap: int, path: str, odd: int
) -> Case:
    """Offsets and strides that put every row at another alignment."""
    n = row_boundary(path, setting.boundaries, setting.k, 1) // 2 + 5 + odd
    rows = [CONTENTS["normal"](random, n), CONTENTS["few"](random, n - 1), CONTENTS["one-bin"](random, n - 3)]
    return lay_out(rows, offset=offset, gap=gap, **setting.call())
