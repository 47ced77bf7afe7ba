"""Batches whose rows take different paths, in awkward orders: a persistent kernel takes many with one CTA."""

from __future__ import annotations

import numpy as np

from ..case import Case, lay_out
from ..values import CONTENTS
from .bins import PATHS, path_length
from .family import Setting, family
from .samples import misled_row

ORDERS = ("alternate", "up", "down", "shuffled")
MIXED = ("normal", "half-zero", "few", "bfloat16", "one-bin", "some-nan", "masked")


def _ordered(random: np.random.Generator, lengths: list[int], order: str) -> list[int]:
    if order == "shuffled":
        return [int(n) for n in random.permutation(lengths)]
    ascending = sorted(lengths)
    if order == "alternate":  # longest, shortest, second longest, ...
        half = len(ascending) // 2
        pairs = zip(ascending[::-1][: len(ascending) - half], [*ascending[:half], 0], strict=False)
        return [n for pair in pairs for n in pair][: len(ascending)]
    return ascending if order == "up" else ascending[::-1]


@family("tour", order=ORDERS, spill=("one-bin", "one-fine-bin"))
def tour(random: np.random.Generator, setting: Setting, order: str, spill: str) -> Case:
    """A batch with a row on every path, one that overflows the candidates, one that misleads its stream."""
    policy = setting.boundaries
    spilling = min(policy.medium_max, max(policy.decode_max, 2 * policy.candidates) + 1)
    lengths = [setting.k // 2 + 1, *(path_length(path, setting) for path in PATHS)]
    held = path_length("held", setting)  # with scores below those that lie behind each row
    rows = [
        CONTENTS["negative" if n == held else "normal"](random, n) for n in _ordered(random, lengths, order)
    ]
    rows.insert(len(rows) // 2, CONTENTS[spill](random, spilling))
    rows.append(misled_row(random, path_length("medium", setting), setting.k, policy))
    return lay_out(rows, **setting.call())


@family("mixed-batches", order=ORDERS, content=MIXED, rows=(5, 9, 3))
def mixed_batches(random: np.random.Generator, setting: Setting, order: str, content: str, rows: int) -> Case:
    """Rows of trivial, decode and medium length in one call, in awkward orders."""
    policy = setting.boundaries
    short = [setting.k, setting.k // 2, 0, 1, min(setting.k + 1, policy.decode_max)]
    paths = [path_length(path, setting) for path in ("decode", "held", "medium")]
    lengths = _ordered(random, [int(n) for n in random.permutation(short + paths)[:rows]], order)
    return lay_out(
        [CONTENTS[content](random, n) for n in lengths], columns=max(1, *lengths), **setting.call()
    )


@family(
    "same-team", middle=("trivial", "decode", "empty"), content=("normal", "few", "one-bin"), repeats=(2, 3)
)
def same_team(random: np.random.Generator, setting: Setting, middle: str, content: str, repeats: int) -> Case:
    """Long, short, long: state that one row leaves behind must not reach the next."""
    between = {"trivial": setting.k, "decode": path_length("decode", setting), "empty": 0}[middle]
    lengths = [path_length("medium", setting) + 1, between] * repeats
    return lay_out([CONTENTS[content](random, n) for n in lengths], **setting.call())


@family(
    "many-rows",
    fixed_sizes=True,
    rows=(65, 133, 257, 1025),
    content=("normal", "few", "some-nan"),
    columns=(40, 9),
)
def many_rows(random: np.random.Generator, setting: Setting, rows: int, content: str, columns: int) -> Case:
    """Short rows, more of them than a GPU has multiprocessors or a kernel was tried with."""
    lengths = random.integers(0, columns + 1, rows)
    k = max(1, min(setting.k, columns // 4))
    batch = [CONTENTS[content](random, n) for n in lengths.tolist()]
    return lay_out(batch, columns=columns, **{**setting.call(), "k": k})
