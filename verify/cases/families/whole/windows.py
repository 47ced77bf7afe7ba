"""Rows that are windows of the logits, said in every way that a call can say where they begin and end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...asking import BATCH_LENGTHS, NARROW_DTYPES, NO_LENGTHS, Asked
from ...boundaries import row_boundary
from ...case import FILLS, Case, lay_out
from ...dtypes import DTYPES
from ...values import CONTENTS
from ..bins import PATHS, path_length
from ..family import Setting, family

ALIGNMENTS = tuple(range(8))
WINNERS = ("nan", "inf", "1e30")
CONTENT = ("normal", "few", "one-bin", "masked", "some-nan")
SAID = ("lengths", "ends", "nothing")
BOUNDARIES = ("decode_max", "held", "split_min", "medium_max", "tile", "k")
FAR = 1 << 30
MORE = 2  # columns than the longest row has


def integers(values: list[int] | np.ndarray, dtype: torch.dtype = torch.int32) -> torch.Tensor:
    """A tensor of these integers."""
    return torch.from_numpy(np.asarray(values, np.int64)).to(dtype)


def said(case: Case, how: str) -> Case:
    """The case with its lengths said by ends, or by nothing where rows go to the last column."""
    lengths = case.row_lengths.numpy()
    if how == "lengths":
        return case
    if how == "nothing":
        return replace(case, lengths=None)
    ends = integers(case.starts + lengths)
    return replace(case, lengths=None, options={**case.options, "ends": ends})


@family(
    "windows",
    asks=("starts", "ends", NO_LENGTHS),
    alignment=ALIGNMENTS,
    fill=WINNERS,
    how=SAID,
    path=PATHS,
    content=CONTENT,
)
def windows(
    random: np.random.Generator,
    setting: Setting,
    alignment: int,
    fill: str,
    how: str,
    path: str,
    content: str,
) -> Case:
    """Windows of every alignment between columns that would win, the first of them right at both ends."""
    n = path_length(path, setting)
    lengths = [n, max(1, n - 3)] if how != "nothing" else [n, n]
    starts = integers([alignment, alignment + (3 if how == "lengths" else 0)])
    rows = [CONTENTS[content](random, each) for each in lengths]
    columns = alignment + n + (0 if how == "nothing" else 5)
    options: Asked = {"starts": starts}
    case = lay_out(
        rows, columns=columns, head=FILLS[fill], tail=FILLS[fill], options=options, **setting.call()
    )
    return said(case, how)


@family(
    "window-boundaries",
    asks=("starts", *NARROW_DTYPES),
    boundary=BOUNDARIES,
    delta=(0, 1, -1, -2),
    start=(1, 2, 3, 5),
    dtype=tuple(DTYPES),
)
def window_boundaries(
    random: np.random.Generator, setting: Setting, boundary: str, delta: int, start: int, dtype: str
) -> Case:
    """A window as long as a boundary of the policy, or that with its head: where registers end."""
    policy = setting.boundaries
    n = max(1, row_boundary(boundary, policy, setting.k, policy.max_ctas) + delta)
    return lay_out(
        [CONTENTS["normal"](random, n)],
        columns=start + n + 2,
        head=FILLS["inf"],
        tail=FILLS["inf"],
        dtype=DTYPES[dtype],
        options={"starts": integers([start])},
        **setting.call(),
    )


@family(
    "windows-outside",
    asks=("starts", "ends"),
    how=("lengths", "ends"),
    content=("normal", "few"),
    offset=(0, 1, 3),
)
def windows_outside(
    random: np.random.Generator, setting: Setting, how: str, content: str, offset: int
) -> Case:
    """Starts and lengths, or ends, that lie before the first column, behind the last, and the wrong way
    round."""
    columns = setting.boundaries.decode_max // 2 + 3
    starts = [0, -1, -FAR, 2, columns - 1, columns, columns + 1, FAR, 3, 1]
    lengths = [columns, columns, 5, columns, 4, 3, 2, 1, -2, FAR]
    options: Asked = {"starts": integers(starts)}
    rows = [CONTENTS[content](random, columns) for _ in starts]
    case = lay_out(rows, lengths=lengths, columns=columns, offset=offset, options=options, **setting.call())
    return said(case, how)


@family(
    "queries",
    asks=("queries", "compress_ratio", BATCH_LENGTHS),
    queries=(2, 4, 1, 7),
    ratio=(1, 4, 2, 128),
    batch=(0, 1),
    content=("normal", "few", "masked"),
    short=(0, 1),
)
def queries_and_ratios(
    random: np.random.Generator,
    setting: Setting,
    queries: int,
    ratio: int,
    batch: int,
    content: str,
    short: int,
) -> Case:
    """Tokens of several queries, in columns of several tokens, with every remainder; too few for some
    queries, and none."""
    longest = path_length("decode", setting)
    tokens = [longest * ratio + ratio - 1, (longest // 2) * ratio, setting.k * ratio + 1, ratio + queries - 1]
    tokens += [queries - 1, 0, -5] if short else []
    given, options = _tokens(tokens, queries, ratio, batch=bool(batch and queries > 1))
    columns = longest + MORE
    rows = [CONTENTS[content](random, columns) for _ in range(len(tokens) * queries)]
    case = lay_out(rows, columns=columns, **setting.call())
    return with_tails(replace(case, lengths=given, options=options), FILLS["inf"])


def _tokens(tokens: list[int], queries: int, ratio: int, batch: bool) -> tuple[torch.Tensor, Asked]:
    """(lengths, options) of sequences of so many tokens: by queries, or by lengths [B, Q]."""
    options: Asked = {}
    if ratio > 1:
        options["compress_ratio"] = ratio
    if batch:
        missing = np.arange(queries)[::-1]
        return integers(np.maximum(np.array(tokens)[:, None] - missing, 0)), options
    if queries > 1:
        options["queries"] = queries
    return integers(tokens), options


def with_tails(case: Case, tail: int) -> Case:
    """The case with this pattern behind every row's own columns."""
    rows = [row[:n] for row, n in zip(case.bits(), case.clamped, strict=True)]
    laid = lay_out(
        rows,
        case.k,
        columns=case.columns,
        tail=tail,
        dtype=case.storage.dtype,
        policy=case.policy,
        limits=case.limits,
    )
    return replace(laid, lengths=case.lengths, options=case.options)
