"""Forms of a case that must have the same answer: other tails, another layout, another batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import torch

from ...reference.layout import Layout
from ..properties import SHARD_INDEPENDENT, WINDOW_INDEPENDENT
from .boundaries import QUAD
from .case import FILLS, Case, rebuild, said_as
from .dtypes import widened
from .windows import window_starts

# Offsets, and gaps between rows. First both odd, so that every row changes its alignment; then what is left
# to targets whose rows start at 16 bytes, and to those whose rows lie end to end.
WIDE = 64  # elements: more than any documented multiple
LAYOUTS = ((1, 3), (4, 4), (WIDE, WIDE), (1, 0))
SHARDS, WINDOW = SHARD_INDEPENDENT.name, WINDOW_INDEPENDENT.name
DEALS = ((2, 1), (3, 5), (4, 1), (8, 1), (8, 16))  # ranks, and columns dealt at a time
EVERY_FORM = (SHARDS,)  # steps of which a target is asked all forms that it takes


class Variant:
    """case: what to call. source: for each of its rows, the row of the base case that it repeats. form: what
    is different, in words."""

    def __init__(self, case: Case, source: list[int], form: str) -> None:
        self.case = case
        self.source = source
        self.form = form


def _columns_of(case: Case) -> list[np.ndarray]:
    bits = case.bits()
    return [bits[row, : case.clamped[row]] for row in range(case.rows)]


def other_tail(case: Case) -> Iterator[Variant]:
    """The case with other values beyond n: the least where the greatest were, or the other way round."""
    bits = case.bits()
    beyond = [
        (row, int(n)) for row, (n, room) in enumerate(zip(case.clamped, case.room, strict=True)) if n < room
    ]
    if not beyond:
        return
    row, n = beyond[0]
    fill = _other(int(bits[row, n]))
    lengths = case.row_lengths.numpy()
    changed = rebuild(case, _columns_of(case), lengths=lengths, columns=case.columns, tail=fill)
    yield Variant(changed, list(range(case.rows)), "with other values beyond n")


def _other(bits: int) -> int:
    """A pattern that loses where this one wins, or the other way round."""
    return FILLS["nan"] if bits in (FILLS["-inf"], FILLS["zero"]) else FILLS["-inf"]


def other_head(case: Case) -> Iterator[Variant]:
    """The case with its windows a column further on, behind other values."""
    starts = window_starts(case.options, case.rows, case.columns)
    begun = np.flatnonzero(starts)
    if not len(begun):
        return
    fill = _other(int(widened(case.logits[int(begun[0]), :1])[0]))
    moved = torch.from_numpy((starts + 1).astype(np.int32))
    rows = [row[:room] for row, room in zip(case.bits(), case.room, strict=True)]
    changed = rebuild(
        case,
        rows,
        lengths=case.row_lengths.numpy(),
        columns=case.columns + 1,
        head=fill,
        options={**case.options, "starts": moved},
    )
    yield Variant(
        changed, list(range(case.rows)), "with its windows a column further on, behind other values"
    )


def is_packed(case: Case) -> bool:
    """Whether the rows lie end to end from the start of the storage."""
    return case.offset == 0 and case.row_stride == case.columns


def packed(case: Case) -> Case:
    """The case with its rows end to end from the start of the storage."""
    return rebuild(case, case.bits(), lengths=case.row_lengths.numpy(), offset=0, gap=0)


def other_layout(case: Case) -> Iterator[Variant]:
    """The case at other offsets and strides: packed, or misaligned with wider gaps."""
    apart = case.offset + WIDE, case.row_stride - case.columns + WIDE
    for offset, gap in LAYOUTS if is_packed(case) else ((0, 0), apart):
        moved = rebuild(case, case.bits(), lengths=case.row_lengths.numpy(), offset=offset, gap=gap)
        yield Variant(moved, list(range(case.rows)), "with another stride and offset")


def other_batch(case: Case) -> Iterator[Variant]:
    """The rows in reverse order and the last row once more, so that neighbours, places and the count
    differ."""
    source = [*reversed(range(case.rows)), case.rows - 1]
    if not case.rows:
        return
    bits = case.bits()[source]
    reordered = rebuild(case, bits, lengths=case.row_lengths.numpy()[source], source=source)
    yield Variant(reordered, source, "with the rows in another order")


def uneven(columns: int, ranks: int) -> tuple[int, ...]:
    """Widths of consecutive shards that grow with the rank; the second is empty where there are three."""
    cuts = [columns * rank * rank // ranks**2 for rank in range(ranks + 1)]
    if ranks > 2:
        cuts[2] = cuts[1]
    return tuple(end - begin for begin, end in itertools.pairwise(cuts))


def other_cuts(case: Case) -> Iterator[Variant]:
    """The same rows over one rank and over several, in consecutive shards and dealt in blocks."""
    n = case.columns
    cuts = [Layout((n,), 1), Layout((n - n // 2, n // 2)), Layout((0, n))]
    cuts += [Layout(uneven(n, ranks)) for ranks in (3, 4, 8)]
    cuts += [Layout.deal(n, ranks, block) for ranks, block in DEALS]
    for cut in cuts:
        dealt = f", dealt in blocks of {cut.block}" if cut.block else ""
        form = f"in {cut.ranks} shards of {', '.join(map(str, cut.widths))} columns{dealt}"
        yield Variant(replace(case, cut=cut), list(range(case.rows)), form)


# Each gives the forms that a case can be put in, the most telling one first: a target is asked the first
# that is within its documented limits.
VARIANTS: dict[str, Callable[[Case], Iterator[Variant]]] = {
    "tail-independent": other_tail,
    "layout-independent": other_layout,
    "batch-independent": other_batch,
    WINDOW: other_head,
    SHARDS: other_cuts,
}


def variants_for(case: Case, in_shards: bool) -> tuple[str, ...]:
    """Those that a case may have. in_shards: whether a target takes shards."""
    left_out = (() if in_shards else (SHARDS,)) + (() if case.starts.any() else (WINDOW,))
    return tuple(name for name in VARIANTS if name not in left_out)


def with_legal_lengths(case: Case) -> Case:
    """Lengths clamped to 1..room, for targets whose answer to others is a question of its own; to 0 where
    there is no room."""
    given = case.row_lengths.numpy()
    legal = np.clip(given, np.minimum(1, case.room), case.room)
    return case if bool((legal == given).all()) else said_as(case, case, legal)


def has_short_lengths(case: Case) -> bool:
    given = case.row_lengths.numpy()
    return bool(((given < 1) | (given > case.room)).any())


def has_heads(case: Case) -> bool:
    """Whether our kernel may read columns before a window, to read from a vector's first element on: then
    the tiles that it reads are other ones than those of a row by itself."""
    begins = case.offset + case.row_stride * np.arange(case.rows) + case.starts
    return bool(((case.starts > 0) & (begins % QUAD != 0)).any())
