"""The eager call and the prepared one.

Source: the protocols are those of reference/sharded.py, which runs all ranks in one process; here a process
runs its own rank's, and torch.distributed makes the exchanges.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..reference import dispatch
from ..reference.arguments import MAX_EXTENT, check_arguments
from ..reference.layout import Layout
from ..reference.lists import Merge, merge
from ..reference.sharded import DIGITS, WAYS, Protocol, Share
from .agreement import agree, header_of, refusal
from .cost import cheaper
from .ranks import Ranks

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup


def topk(
    shard: Tensor,
    lengths: Tensor,
    k: int,
    *,
    group: ProcessGroup | None = None,
    block: int | None = None,
    owned: bool = False,
    way: str | None = None,
) -> Tensor:
    """The first k columns of rows that the ranks of a group share, the bytes of one process: int32 [R, k].

    Every rank of the group makes the call, with its own shard and otherwise equal arguments. It begins with a
    small collective in which they compare them; see Prepared for a call without.

    shard: float32 [R, width], the logits of this rank's columns, as persistent_topk.topk takes them; widths
    may differ, and be 0. lengths: int32 [R], of the whole rows, in columns of the whole, clamped to 0 .. S;
    equal on all ranks. k: 1 .. 4096, also over a width. group: of torch.distributed; None: all processes.
    block: None: a rank holds the columns behind those of the ranks before it; else columns are dealt in
    blocks of so many, round robin (1 is vLLM's default). owned: False: every rank is given all selected
    columns, as columns of the whole row, ascending, then -1; True: a rank is given those that it holds, as
    columns of its shard, ascending, then -1. way: "pairs", "digits" or None for the cheaper; the answer is
    the same.

    Raises TypeError or ValueError for arguments that cannot be right, and RanksDisagree, a ValueError, on
    every rank where they differ or another rank refused its own; RuntimeError where there is no process
    group; OutOfStep where an earlier call on the group failed in the middle. A rank that ends in the middle
    makes the others' collectives fail within the group's time-out: torch.distributed says how.
    """
    ranks = Ranks(group)
    try:
        _check(shard, lengths, k, block, owned, way, ranks)
        header = header_of(shard.shape[0], shard.shape[1], k, block, owned, way, lengths)
    except Exception:
        if ranks.size > 1:
            refusal(ranks)
        raise
    if ranks.size == 1:
        return select(shard, lengths, k)
    layout = agree(ranks, header)
    chosen = way or cheaper(layout, len(shard), k, owned, ranks.backend)
    with ranks.in_step():
        return ranks.carry(protocol_of(chosen, layout, ranks.rank, shard, lengths, k, owned))


def select(logits: Tensor, lengths: Tensor, k: int) -> Tensor:
    """The selection that a rank does by itself, int32 [R, k]: as persistent_topk.topk.

    logits: float32 [R, S]. lengths: int32 [R]. k: 1 .. 4096. Raises what that does.
    """
    if logits.is_cuda:
        from ..cuda import gpu  # compiles or loads the kernel: only where it is used

        return gpu.topk(logits, lengths, k)
    return dispatch.topk(logits, lengths, k)


class Prepared:
    """A call whose arguments the ranks have compared, once: what a loop repeats and a CUDA graph captures.

    All ranks of a group make it together, and then call it together, in one order. It makes the exchanges
    once, so that communicators and kernels are there before a graph is captured. A call allocates its answer
    from torch's allocator, and waits for no device.

    rows, width: shape of this rank's shards. k, group, block, owned, way: as in topk(). device: where shards
    are. layout: how columns lie over the ranks.

    Raises what topk() does.
    """

    def __init__(
        self,
        rows: int,
        width: int,
        k: int,
        *,
        device: torch.device | str = "cpu",
        group: ProcessGroup | None = None,
        block: int | None = None,
        owned: bool = False,
        way: str | None = None,
    ) -> None:
        self._ranks = Ranks(group)
        try:
            shard = torch.empty(rows, width, device=device)
            lengths = torch.zeros(rows, dtype=torch.int32, device=device)
            _check(shard, lengths, k, block, owned, way, self._ranks)
            header = header_of(rows, width, k, block, owned, way, lengths)
        except Exception:
            if self._ranks.size > 1:
                refusal(self._ranks)
            raise
        self.layout = agree(self._ranks, header)
        self.way = way or cheaper(self.layout, rows, k, owned, self._ranks.backend)
        self._shape, self._device, self._k, self._owned = (rows, width), shard.device, k, owned
        self(shard, lengths)

    def __call__(self, shard: Tensor, lengths: Tensor) -> Tensor:
        """Does what topk() does, without comparing arguments: int32 [R, k].

        shard: float32 [R, width] of the prepared shape. lengths: int32 [R]; they may change from call to
        call, and have to be equal on all ranks, which nothing looks at. Raises TypeError or ValueError for
        what does not fit, on this rank alone: the others then fail within the group's time-out.
        """
        if self._ranks.size == 1:
            self._check_fits(shard, lengths)
            return select(shard, lengths, self._k)
        with self._ranks.in_step():
            self._check_fits(shard, lengths)
            rank, k, owned = self._ranks.rank, self._k, self._owned
            return self._ranks.carry(protocol_of(self.way, self.layout, rank, shard, lengths, k, owned))

    def _check_fits(self, shard: Tensor, lengths: Tensor) -> None:
        check_arguments(shard, lengths, self._k)
        if tuple(shard.shape) != self._shape or shard.device != self._device:
            raise ValueError(
                f"shard is {list(shard.shape)} on {shard.device}; expected {list(self._shape)} on "
                f"{self._device}, as prepared"
            )


def protocol_of(
    way: str, layout: Layout, rank: int, shard: Tensor, lengths: Tensor, k: int, owned: bool
) -> Protocol:
    """The protocol of one rank, with the launches of its device.

    way: "pairs" or "digits". layout: how columns lie over the ranks. rank: this one. shard: float32 [R,
    width]. lengths: int32 [R], of the whole rows. k, owned: as in topk().
    """
    merged = merge_for(layout, k, shard.device)
    share = Share(layout, rank, shard, lengths, k, owned, select, merged)
    if way == DIGITS and shard.device.type == "cuda":
        from ..cuda.sharded import digits, gpu

        return digits.by_digits(share, gpu.launch_stage)
    return WAYS[way](share)


def merge_for(layout: Layout, k: int, device: torch.device) -> Merge:
    """The merge of the ranks' lists on a device: on a GPU in one launch, where a CTA has room for them.

    layout: how columns lie over the ranks. k: of the call. device: where the lists are.
    """
    if device.type == "cuda":
        from ..cuda.sharded import gpu

        if gpu.takes(layout.ranks, k, device.index or 0):
            return partial(gpu.merge, in_order=layout.block is None)
    return partial(merge, select=select)


def _check(
    shard: Tensor, lengths: Tensor, k: int, block: int | None, owned: bool, way: str | None, ranks: Ranks
) -> None:
    check_arguments(shard, lengths, k)
    if block is not None and (not isinstance(block, int) or isinstance(block, bool)):
        raise TypeError(f"block is {block!r} of type {type(block).__name__}; expected an int or None")
    if block is not None and not 1 <= block <= MAX_EXTENT:
        raise ValueError(f"block is {block}; expected None or 1 to {MAX_EXTENT}")
    if not isinstance(owned, bool):
        raise TypeError(f"owned is {owned!r} of type {type(owned).__name__}; expected a bool")
    if way is not None and way not in WAYS:
        raise ValueError(f"way is {way!r}; expected None or one of {', '.join(WAYS)}")
    if shard.device.type not in ranks.devices:
        raise ValueError(
            f"shard is on {shard.device}; expected {' or '.join(ranks.devices)}, which the group's backend "
            f"{ranks.backend!r} serves"
        )
