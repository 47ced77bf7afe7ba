"""Uneven calls: a few long rows among many short ones, in a buffer as wide as the longest."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np

from ....reference.plan import make_plan, policy_of_teams
from ....reference.policy import SMALL, TINY
from ....reference.schedule import LONG_ROW
from ..case import Case, lay_out
from ..values import CONTENTS
from .family import Setting, family

MIXED = ("normal", "few", "one-bin", "some-nan")
SHORT = 9  # columns of the many
ORDERS = tuple(permutations(range(3)))
LARGE = (
    4096  # columns of a long row of which a case has a few: the emulator needs half a millisecond for 1,000
)
FEW = 8
SHARED = 4  # CTAs of a team of the first size class, where there is room for all
FAR_LONGER = (
    16  # times the shortest long row: four octaves, by which a row's class is above those of the rest
)


def with_teams(setting: Setting) -> Setting:
    """The setting; in place of small ones that never have a larger team, the one that has."""
    if setting.boundaries in (SMALL, TINY) and setting.limits.has_clusters:
        return replace(setting, policy=SMALL.name, device="small")
    return setting


def class_edges(setting: Setting) -> list[int]:
    """The shortest row of each of the first size classes: long rows, two classes an octave."""
    least = LONG_ROW * policy_of_teams(setting.boundaries).chunk_min
    return [least, least * 3 // 2, least * 2, least * 3]


def row_count(setting: Setting, more: int, whole: bool) -> int:
    """So many rows that the plan gives each one CTA, and `more`; or FEW of large ones, unless `whole`."""
    large = LONG_ROW * setting.boundaries.chunk_min >= LARGE
    return FEW if large and not whole else setting.limits.resident[1] + 1 + more


def wide_enough(setting: Setting, rows: int) -> int:
    """Columns from which on a call of so many rows may be uneven."""
    policy = setting.boundaries
    ctas = 1 if rows == FEW else make_plan(rows, policy.chunk_max + 1, setting.limits, policy).ctas
    return policy.chunk_max * ctas + 1


def _build(random: np.random.Generator, setting: Setting, lengths: list[int], content: str) -> Case:
    rows = [CONTENTS[content](random, n) for n in lengths]
    columns = max(wide_enough(setting, len(rows)), *lengths)
    return lay_out(rows, columns=columns, **setting.call())


@family(
    "one-long-row", place=("last", "first", "middle"), longest=(0, 1, 2, 3), near=(0, -1, 1), content=MIXED
)
def one_long_row(
    random: np.random.Generator, setting: Setting, place: str, longest: int, near: int, content: str
) -> Case:
    """Many short rows and a long one, as long as the shortest of a size class, one column less or more."""
    setting = with_teams(setting)
    rows = row_count(setting, 3, whole=place == "middle" and longest == 0)
    lengths = [int(n) for n in random.integers(0, SHORT, rows)]
    lengths[{"last": -1, "first": 0, "middle": rows // 2}[place]] = class_edges(setting)[longest] + near
    return _build(random, setting, lengths, content)


@family("long-row-shared-by-the-plan", content=MIXED[:1])
def long_row_shared_by_the_plan(random: np.random.Generator, setting: Setting, content: str) -> Case:
    """A long row among few short ones: the plan shares every row, and its larger team would be no larger."""
    rows = max(1, setting.limits.resident[SHARED - 1])
    lengths = [int(n) for n in random.integers(0, SHORT, rows)]
    lengths[rows // 2] = class_edges(setting)[0]
    return _build(random, setting, lengths, content)


@family("long-rows-of-all-classes", order=tuple(range(len(ORDERS))), many=(0, 1), content=MIXED)
def long_rows_of_all_classes(
    random: np.random.Generator, setting: Setting, order: int, many: int, content: str
) -> Case:
    """Long rows of three sizes in each order, among short ones; `many`: more rows than a CTA has threads."""
    setting = with_teams(setting)
    edges, policy = class_edges(setting), setting.boundaries
    sizes = [edges[index] for index in ORDERS[order]]
    more = policy.threads if many and policy.threads <= SHORT * SHORT else 5
    rows = row_count(setting, more, whole=order == 0)
    lengths = [int(n) for n in random.integers(0, SHORT, rows)]
    sizes *= 2 if rows > policy.threads else 1  # a warp looks at its rows in turns, and meets a class in two
    places = sorted(random.choice(rows, len(sizes), replace=False).tolist())
    for place, size in zip(places, sizes, strict=True):
        lengths[place] = size
    return _build(random, setting, lengths, content)


@family("short-rows-in-a-wide-buffer", content=MIXED, more=(0, 1, 7))
def short_rows_in_a_wide_buffer(
    random: np.random.Generator, setting: Setting, content: str, more: int
) -> Case:
    """Rows that a buffer could hold far longer ones of: what its columns promise does not come."""
    setting = with_teams(setting)
    longest = LONG_ROW * policy_of_teams(setting.boundaries).chunk_min - 1
    lengths = [
        int(n) for n in random.integers(0, SHORT, row_count(setting, more, whole=content == MIXED[more % 2]))
    ]
    return _build(random, setting, [longest, *lengths], content)


@family("long-rows-only", content=MIXED, more=(0, 3))
def long_rows_only(random: np.random.Generator, setting: Setting, content: str, more: int) -> Case:
    """Long rows of sizes that differ: more than fit a device with larger teams, or a few very long ones."""
    setting = with_teams(setting)
    edges, rows = class_edges(setting), row_count(setting, more, whole=more > 0 and content == MIXED[0])
    long_rows = rows if edges[0] < LARGE else FEW // 2
    if (
        edges[0] < LARGE and not more
    ):  # one alone has a larger team, and the others are too many to be resident
        long_rows = setting.limits.sms + 1
        edges = [FAR_LONGER * edges[0], *edges[:1] * (long_rows - 1)]
    lengths = [edges[i % len(edges)] + i for i in range(long_rows)] + [SHORT] * (rows - long_rows)
    return _build(random, setting, lengths, content)
