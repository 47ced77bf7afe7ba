"""Rows of 16-bit logits: every kind of value as it is rounded to them, and all of their bit patterns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from ...arrangements import ORDERS, in_order
from ...asking import NARROW_DTYPES
from ...case import FILLS, Case, lay_out
from ...dtypes import DTYPES, widened
from ...values import CONTENTS
from ..bins import PATHS, path_length
from ..family import Setting, family

PATTERNS = 1 << 16


def any_narrow(random: np.random.Generator, n: int, dtype: torch.dtype) -> np.ndarray:
    """uint32 [n]: any bits of 16-bit logits, as float32 patterns."""
    drawn = random.integers(0, PATTERNS, n, np.uint16)
    return widened(torch.from_numpy(drawn.view(np.int16)).view(dtype)).copy()


@family("narrow-contents", asks=NARROW_DTYPES, dtype=NARROW_DTYPES, content=tuple(CONTENTS), path=PATHS)
def narrow_contents(
    random: np.random.Generator, setting: Setting, dtype: str, content: str, path: str
) -> Case:
    """A row of one kind of value, rounded to 16 bits: dozens of ties at most thresholds."""
    row = CONTENTS[content](random, path_length(path, setting), setting.k)
    return lay_out([row], dtype=DTYPES[dtype], **setting.call())


@family(
    "narrow-bits",
    asks=NARROW_DTYPES,
    dtype=NARROW_DTYPES,
    order=ORDERS,
    path=PATHS,
    values=("any", "few", "last-bit"),
    offset=(0, 1, 2, 3, 5),
)
def narrow_bits(
    random: np.random.Generator,
    setting: Setting,
    dtype: str,
    order: str,
    path: str,
    values: str,
    offset: int,
) -> Case:
    """Rows of any bits of 16-bit logits, of few of them, and of neighbours, at every alignment."""
    n, of = path_length(path, setting), DTYPES[dtype]
    if values == "last-bit":
        patterns = random.integers(0x3C00, 0x3C03, n, np.uint16)
        row = widened(torch.from_numpy(patterns.view(np.int16)).view(of)).copy()
    else:
        row = any_narrow(random, n, of)
        row = row if values == "any" else random.choice(row[: min(n, 40)], n)
    rows = [in_order(row, order), row[: max(1, n // 2 + 1)]]
    return lay_out(rows, dtype=of, offset=offset, gap=offset, tail=FILLS["inf"], **setting.call())


@family(
    "narrow-batches", asks=NARROW_DTYPES, dtype=NARROW_DTYPES, shares=(0, 1), content=("normal", "rounded")
)
def narrow_batches(
    random: np.random.Generator, setting: Setting, dtype: str, shares: int, content: str
) -> Case:
    """A batch of 16-bit logits with a row on every path; where CTAs share rows, few of them."""
    lengths = [path_length(path, setting) for path in PATHS]
    lengths = lengths[-1:] if shares else [setting.k, *lengths, 1, 0]
    rows = [CONTENTS[content](random, n) for n in lengths]
    case = lay_out(rows, dtype=DTYPES[dtype], tail=FILLS["nan"], **setting.call())
    return replace(case, k=setting.k)
