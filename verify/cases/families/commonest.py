"""The mistakes that kernels of this kind make most, each in a case of a few hundred logits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..case import FILLS, Case, lay_out
from ..values import CONTENTS, bit_of, bits_of
from .family import Setting, family

MORE = 3  # columns over a multiple of what a vector holds
MANY = 67  # rows: more than two warps, and than one wave of small blocks
NARROW = 9  # columns of each of these

Form = Callable[[np.random.Generator, Setting], Case]


def minus_infinity(random: np.random.Generator, setting: Setting) -> Case:
    """A valid -inf is due, where a sentinel of -inf or -FLT_MAX fills the last vector."""
    row = np.full(setting.k + MORE, bit_of(-np.inf), np.uint32)
    finite = random.permutation(len(row))[: min(MORE, setting.k)]
    row[finite] = CONTENTS["normal"](random, len(finite))
    return lay_out([row, row[::-1]], **setting.call())


def ties(random: np.random.Generator, setting: Setting) -> Case:
    """Equal values at the k-th place, of which some are taken."""
    n = 2 * setting.k + MORE
    return lay_out([CONTENTS["few"](random, n), np.full(n, bit_of(1.0), np.uint32)], **setting.call())


def both_zeros(random: np.random.Generator, setting: Setting) -> Case:
    """Ties of +0 and -0."""
    return lay_out([CONTENTS["both-zeros"](random, 2 * setting.k + MORE)], **setting.call())


def not_a_number(random: np.random.Generator, setting: Setting) -> Case:
    """NaN of both signs: fewer than k, more than k, all."""
    n = 2 * setting.k + MORE
    rows = [np.where(np.arange(n) % 4 == 1, CONTENTS["all-nan"](random, n), CONTENTS["normal"](random, n))]
    rows += [np.roll(rows[0], 2), CONTENTS["all-nan"](random, n)]
    rows[1][: setting.k + 1] = CONTENTS["all-nan"](random, setting.k + 1)
    return lay_out(rows, **setting.call())


def plus_infinity(random: np.random.Generator, setting: Setting) -> Case:
    """+inf among the best, and as the k-th value."""
    rows = [CONTENTS["normal"](random, 2 * setting.k + MORE) for _ in range(2)]
    rows[0][::7], rows[1][:: 2 if setting.k > 1 else 1] = bit_of(np.inf), bit_of(np.inf)
    return lay_out(rows, **setting.call())


def no_columns_count(random: np.random.Generator, setting: Setting) -> Case:
    """Lengths of 0, below it and over the columns, beside ordinary ones."""
    n = setting.k + MORE
    lengths = [n, 0, -1, n + 1, 1, n - 1]
    return lay_out([CONTENTS["normal"](random, n) for _ in lengths], lengths=lengths, **setting.call())


def k_over_n(random: np.random.Generator, setting: Setting) -> Case:
    """Rows of fewer columns than k, of exactly k, and one more; negative scores, which a 0 would beat."""
    lengths = [max(1, setting.k - 1), 1, setting.k, setting.k + 1]
    return lay_out([CONTENTS["negative"](random, n) for n in lengths], **setting.call())


def tail(random: np.random.Generator, setting: Setting) -> Case:
    """Columns beyond n that would be selected."""
    n = setting.k + 1
    rows = [CONTENTS["negative"](random, n + more) for more in (0, 1, 2)]
    return lay_out(rows, columns=n + 2 * MORE, tail=FILLS["inf"], **setting.call())


def stride(random: np.random.Generator, setting: Setting) -> Case:
    """Rows that start at odd addresses, apart by what would be selected."""
    rows = [CONTENTS["normal"](random, setting.k + MORE) for _ in range(MORE)]
    return lay_out(rows, offset=1, gap=MORE, **setting.call())


def in_order(random: np.random.Generator, setting: Setting) -> Case:
    """Ascending and descending scores."""
    row = np.sort(bits_of(random.random(2 * setting.k + MORE, np.float32)))
    return lay_out([row, row[::-1]], **setting.call())


def many_rows(random: np.random.Generator, setting: Setting) -> Case:
    """More rows than a small block or two have."""
    lengths = [NARROW - row % 3 for row in range(MANY)]
    call = {**setting.call(), "k": min(setting.k, NARROW // 2)}
    return lay_out([CONTENTS["normal"](random, n) for n in lengths], **call)


def no_rows(random: np.random.Generator, setting: Setting) -> Case:
    """A batch that nobody waits for: logits [0, S]."""
    return lay_out([], columns=setting.k + MORE, **setting.call())


def no_columns(random: np.random.Generator, setting: Setting) -> Case:
    """Rows without a column: logits [R, 0]."""
    return lay_out([np.zeros(0, np.uint32)] * MORE, lengths=[0, 1, -1], **setting.call())


MISTAKES: dict[str, Form] = {
    "minus-infinity": minus_infinity,
    "ties": ties,
    "not-a-number": not_a_number,
    "no-columns-count": no_columns_count,
    "k-over-n": k_over_n,
    "tail": tail,
    "stride": stride,
    "both-zeros": both_zeros,
    "plus-infinity": plus_infinity,
    "in-order": in_order,
    "many-rows": many_rows,
    "no-rows": no_rows,
    "no-columns": no_columns,
}


@family("commonest", mistake=tuple(MISTAKES))
def commonest(random: np.random.Generator, setting: Setting, mistake: str) -> Case:
    """Inputs of the commonest mistakes, small: sentinels, ties, NaN, empty rows, k over n, tails, strides."""
    return MISTAKES[mistake](random, setting)
