"""The same question asked another way: other tails, another layout, another batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .cases import FILLS, Case, rebuild

VARIANT_OFFSET, VARIANT_GAP = 1, 3  # both odd: every row changes its alignment


class Variant:
    """case: what to call. source: for each of its rows, the row of the base case that it repeats."""

    def __init__(self, case: Case, source: list[int]) -> None:
        self.case = case
        self.source = source


def _columns_of(case: Case) -> list[np.ndarray]:
    bits = case.bits()
    return [bits[row, : case.clamped[row]] for row in range(case.rows)]


def other_tail(case: Case) -> Variant | None:
    """What lies beyond n replaced: the greatest of values by the least, or the other way round."""
    bits = case.bits()
    beyond = [(row, int(n)) for row, n in enumerate(case.clamped) if n < case.columns]
    if not beyond:
        return None
    row, n = beyond[0]
    fill = FILLS["nan"] if bits[row, n] in (FILLS["-inf"], FILLS["zero"]) else FILLS["-inf"]
    changed = rebuild(case, _columns_of(case), lengths=case.lengths.numpy(), columns=case.columns, tail=fill)
    return Variant(changed, list(range(case.rows)))


def other_layout(case: Case) -> Variant | None:
    """Moved to odd offsets and strides, or packed if it lay oddly already."""
    plain = case.offset == 0 and case.row_stride == case.columns
    offset, gap = (VARIANT_OFFSET, VARIANT_GAP) if plain else (0, 0)
    moved = rebuild(case, case.bits(), lengths=case.lengths.numpy(), offset=offset, gap=gap)
    return Variant(moved, list(range(case.rows)))


def other_batch(case: Case) -> Variant | None:
    """The rows in reverse, and the last once more: other neighbours, other places, another count."""
    source = [*reversed(range(case.rows)), case.rows - 1]
    if not case.rows:
        return None
    bits = case.bits()[source]
    return Variant(rebuild(case, bits, lengths=case.lengths.numpy()[source]), source)


VARIANTS: dict[str, Callable[[Case], Variant | None]] = {
    "tail-independent": other_tail,
    "layout-independent": other_layout,
    "batch-independent": other_batch,
}


def with_legal_lengths(case: Case) -> Case:
    """Lengths clamped to 1..columns, for targets whose answer to others is a question of its own."""
    lengths = case.lengths.clamp(1, max(1, case.columns))
    return case if bool((lengths == case.lengths).all()) else replace(case, lengths=lengths)


def has_short_lengths(case: Case) -> bool:
    return bool(((case.lengths < 1) | (case.lengths > case.columns)).any())
