"""Our own rows over many ranks as targets: both protocols in one process, and the merge's source.

A function of (shards, lengths, k, block) stands for all ranks of a call: it returns what one of them is
given, once the others are seen to have been given the same, and their own columns where they ask for these.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...reference import oracle, sharded
from ...reference.layout import Layout
from ...reference.lists import Merge, Select, merge
from ...reference.policy import LATENCY, SMALL
from .function import FunctionTarget


class RanksDiffer(AssertionError):
    """Ranks of one call were given different answers."""


def over_ranks(
    shards: list[Tensor],
    lengths: Tensor,
    k: int,
    block: int | None,
    way: str,
    merged: Merge | None = None,
    model: Callable[..., list[Tensor]] = sharded.topk,
) -> Tensor:
    """What every rank is given: int32 [R, k]. Raises RanksDiffer where it is not the same, or where the
    ranks'
    own columns are not those of the whole."""
    ask = partial(model, shards, lengths, k, block=block, way=way, select=oracle.topk, merge=merged)
    answer, *others = ask()
    if not all(torch.equal(answer, other) for other in others):
        raise RanksDiffer("one rank was given another answer than the first")
    layout = Layout(tuple(shard.shape[1] for shard in shards), block)
    for rank, own in enumerate(ask(owned=True)):
        held = layout.in_shard(rank, answer)
        if own[own >= 0].tolist() != held[held >= 0].tolist():
            raise RanksDiffer(f"rank {rank} was given columns of its own that are not its part of the whole")
    return answer


def emulated_merge(
    block: int | None, headers: Path | None, values: Tensor, columns: Tensor, k: int
) -> Tensor:
    """The merge by the kernel's source: int32 [R, k]. headers: its folder, for altered copies."""
    from ...cuda.sharded import emulated

    pairs = columns.shape[0] * k
    policy = next((each for each in (SMALL, LATENCY) if pairs <= each.decode_max), None)
    if policy is None:
        return merge(values, columns, k, oracle.topk)
    altered: dict[str, Any] = {} if headers is None else {"headers": headers}
    return emulated.merge(values, columns, k, in_order=block is None, policy=policy, **altered)


def function_of(way: str, headers: Path | None = None, emulate: bool = False) -> Callable[..., Tensor]:
    """(shards, lengths, k, block) -> indices by one way, with the model's merge or the kernel's."""

    def topk(shards: list[Tensor], lengths: Tensor, k: int, block: int | None) -> Tensor:
        merged = partial(emulated_merge, block, headers) if emulate else None
        return over_ranks(shards, lengths, k, block, way, merged)

    return topk


def function_of_altered(folder: Path) -> Callable[..., Tensor]:
    """(shards, lengths, k, block) -> indices by both ways of the model in `folder`: an altered copy of
    reference/, which imports nothing of ours. Raises RanksDiffer where the ways differ."""
    name = f"altered_{folder.parent.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, folder / "__init__.py")
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    spec.loader.exec_module(package)
    model = importlib.import_module(f"{name}.sharded").topk

    def topk(shards: list[Tensor], lengths: Tensor, k: int, block: int | None) -> Tensor:
        by_pairs, by_digits = (
            over_ranks(shards, lengths, k, block, way, model=model) for way in (sharded.PAIRS, sharded.DIGITS)
        )
        if not torch.equal(by_pairs, by_digits):
            raise RanksDiffer("one way gave another answer than the other")
        return by_pairs

    return topk


def by_stages(
    shards: Sequence[Tensor],
    lengths: Tensor,
    k: int,
    headers: Path | None = None,
    *,
    block: int | None,
    owned: bool = False,
    select: Select,
    **_: object,
) -> list[Tensor]:
    """As reference.sharded.topk by digits, with the launches between exchanges made by the kernel's source:
    int32
    [R, k] of each rank. headers: its folder, for altered copies."""
    from ...cuda.sharded.digits import by_digits
    from ...cuda.sharded.emulated import launch_stage

    layout = Layout(tuple(shard.shape[1] for shard in shards), block)
    launch = launch_stage if headers is None else partial(launch_stage, headers=headers)
    shares = [
        sharded.Share(layout, rank, shard, lengths, k, owned, select) for rank, shard in enumerate(shards)
    ]
    return sharded.side_by_side([by_digits(share, launch) for share in shares], [])


def function_of_stages(headers: Path | None = None) -> Callable[..., Tensor]:
    """(shards, lengths, k, block) -> indices by digits, with the kernel's source between exchanges."""

    def topk(shards: list[Tensor], lengths: Tensor, k: int, block: int | None) -> Tensor:
        return over_ranks(
            shards, lengths, k, block, sharded.DIGITS, model=partial(by_stages, headers=headers)
        )

    return topk


SHARDED: dict[str, Callable[[], FunctionTarget]] = {
    "sharded.pairs": lambda: FunctionTarget("sharded.pairs", function_of(sharded.PAIRS)),
    "sharded.digits": lambda: FunctionTarget("sharded.digits", function_of(sharded.DIGITS)),
    "sharded.stages": lambda: FunctionTarget("sharded.stages", function_of_stages()),
    "sharded.merge": lambda: FunctionTarget("sharded.merge", function_of(sharded.PAIRS, emulate=True)),
}
