"""The i-th batch of a stage, a pure function of (stage, seed, i), so that a stage can resume at any batch."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from ...reference.policy import SHIPPED
from ..cases.arrangements import ORDERS, rows_in_order
from ..cases.values import CONTENTS

FILLS = (torch.nan, torch.inf, -torch.inf, 1e30)  # of columns beyond n, and of gaps between rows
MOST_KINDS = 4  # of contents in a batch, a run of rows each
ORDER_WEIGHTS = (20, 1, 1)  # of ORDERS
MOST_GAP = 7  # elements between rows: every alignment of a row's start


@dataclass(frozen=True)
class Stage:
    """columns: bounds of a batch's width. rows, ks: the choices of a batch. elements: most of a batch.
    boundaries: lengths to be met exactly, and one beside."""

    name: str
    columns: tuple[int, int]
    rows: tuple[int, ...]
    ks: tuple[int, ...]
    elements: int
    boundaries: tuple[int, ...]


def policy_boundaries() -> tuple[int, ...]:
    """Lengths at which a shipped policy changes path or fills a buffer."""
    fields = ("decode_max", "held", "medium_max", "split_min", "candidates", "rank_max")
    return tuple(sorted({getattr(policy, field) for policy in SHIPPED for field in fields}))


KS = (1, 64, 512, 1024, 2048, 2049, 4096)
STAGES = {
    "short": Stage(
        "short", (1, 8192), (1, 8, 100, 132, 133, 600, 2000, 4000), KS, 1 << 25, policy_boundaries()
    ),
    "long": Stage("long", (8193, 262144), (1, 2, 7, 16, 33, 64, 128, 200), KS, 1 << 25, policy_boundaries()),
}


@dataclass(frozen=True)
class Batch:
    """One call's arguments. logits: a strided, misaligned view; kinds: what its rows are made of."""

    logits: Tensor
    lengths: Tensor
    k: int
    kinds: list[str]


def make_batch(stage: Stage, seed: int, number: int, device: str) -> Batch:
    """Batch `number` of the stage, on `device`."""
    draw = random.Random(f"{stage.name} {seed} {number}")
    k = draw.choice(stage.ks)
    columns = draw.randint(*stage.columns)
    if draw.random() < 0.5:
        columns = min(max(near(draw, (k, *stage.boundaries)), stage.columns[0]), stage.columns[1])
    rows = max(1, min(draw.choice(stage.rows), stage.elements // columns))
    generator = torch.Generator(device=device).manual_seed(draw.getrandbits(48))
    made, kinds = mixed_rows(draw, generator, (rows, columns), k)
    drawn = [length(draw, columns, k, stage) for _ in range(rows)]
    lengths = torch.tensor(drawn, dtype=torch.int32, device="cpu")
    fill = draw.choice(FILLS)
    offset, stride = draw.randint(0, MOST_GAP), columns + draw.randint(0, MOST_GAP)
    storage = torch.full((offset + rows * stride,), fill, device=device)
    logits = torch.as_strided(storage, (rows, columns), (stride, 1), offset)
    place = torch.arange(columns, device=device)[None, :]
    lengths = lengths.to(device)
    logits.copy_(made.masked_fill_(place >= lengths[:, None], fill))
    return Batch(logits, lengths, k, kinds)


def mixed_rows(
    draw: random.Random, generator: torch.Generator, shape: tuple[int, int], k: int
) -> tuple[Tensor, list[str]]:
    """Logits float32 [rows, columns] of a few contents, and the names of the contents in order."""
    rows, columns = shape
    names = draw.sample(list(CONTENTS), min(rows, MOST_KINDS))
    orders = draw.choices(ORDERS, ORDER_WEIGHTS, k=len(names))
    edges = [rows * i // len(names) for i in range(len(names) + 1)]
    parts = [
        rows_in_order(CONTENTS[name].rows(generator, (end - begin, columns), k), order)
        for name, order, begin, end in zip(names, orders, edges[:-1], edges[1:], strict=True)
    ]
    return torch.cat(parts), [f"{name}, {order}" for name, order in zip(names, orders, strict=True)]


def near(draw: random.Random, boundaries: tuple[int, ...]) -> int:
    """A random boundary, or the length below or above it."""
    return draw.choice(boundaries) + draw.randint(-1, 1)


def length(draw: random.Random, columns: int, k: int, stage: Stage) -> int:
    """The length of one row: mostly all columns or any number, sometimes a boundary, sometimes out of
    range."""
    kind = draw.random()
    if kind < 0.4:
        return columns
    if kind < 0.75:
        return draw.randint(0, columns)
    if kind < 0.95:
        return near(draw, (k, columns, *stage.boundaries))
    return draw.choice((-1, 0, 1, -(1 << 31), columns + 1, (1 << 31) - 1))
