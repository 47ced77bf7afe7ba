"""The exchanges of the protocols, gather and sum, over a process group of torch.distributed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..reference.sharded import GATHER, Exchange, Protocol

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_out_of_step: weakref.WeakSet[ProcessGroup] = weakref.WeakSet()


class OutOfStep(RuntimeError):
    """A call on this process group ended in the middle: its next collective would meet another rank's old
    one,
    and the group can be used for nothing more."""


class Ranks:
    """The ranks that share rows: those of a process group.

    group: None for all processes. Raises RuntimeError where there is no group, ValueError where this process
    is no member of it.
    """

    def __init__(self, group: ProcessGroup | None = None) -> None:
        import torch.distributed as distributed

        if not (distributed.is_available() and distributed.is_initialized()):
            raise RuntimeError(
                "torch.distributed has no process group; expected one: start the processes with torchrun and "
                "call torch.distributed.init_process_group() first"
            )
        self.rank = distributed.get_rank(group)
        if self.rank < 0:
            raise ValueError("this process is no rank of group; expected a group of this process")
        self.size = distributed.get_world_size(group)
        self.backend = distributed.get_backend(group)
        world = distributed.group.WORLD
        assert world is not None, "there is a group of all where there is any"
        self._alive = weakref.ref(group or world)  # a group that is destroyed must end before the interpreter
        config = distributed.get_backend_config(group)
        self.devices = [part.split(":")[0] for part in str(config).split(",")]

    @property
    def _group(self) -> ProcessGroup:
        group = self._alive()
        if group is None:
            raise RuntimeError("the process group was destroyed; expected a living one: prepare anew")
        return group

    def gather(self, tensor: Tensor) -> Tensor:
        """The tensors of all ranks, stacked by rank: int32 or int64 [W, ...].

        tensor: int32 or int64, any shape, contiguous; of one shape and dtype on all ranks.
        """
        import torch.distributed as distributed

        everyone = tensor.new_empty((self.size, *tensor.shape))
        if tensor.numel():
            # Its later name, and the one that torch had before.
            gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor
            gather(everyone.view(-1), tensor.view(-1), group=self._group)
        return everyone

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of the tensors of all ranks, int32 of the same shape, in place.

        tensor: int32, any shape, contiguous; of one shape on all ranks.
        """
        import torch.distributed as distributed

        if tensor.numel():
            distributed.all_reduce(tensor, group=self._group)
        return tensor

    @contextmanager
    def in_step(self) -> Iterator[None]:
        """A context for steps that all ranks must finish: a rank that leaves it by an exception cannot use
        the group again.

        Raises OutOfStep where this has happened.
        """
        if self._group in _out_of_step:
            raise OutOfStep(
                "an earlier call on this process group failed in the middle, so its ranks are out of step; "
                "expected a new group (torch.distributed.new_group), or an end of the processes"
            )
        try:
            yield
        except BaseException:
            _out_of_step.add(self._group)
            raise

    def carry(self, protocol: Protocol) -> Tensor:
        """What the protocol returns, int32 [R, k], with its exchanges made over the group.

        protocol: this rank's. Raises whatever the protocol and the group raise.
        """
        try:
            exchange = next(protocol)
            while True:
                exchange = protocol.send(self._made(exchange))
        except StopIteration as end:
            answer: Tensor = end.value
            return answer

    def _made(self, exchange: Exchange) -> Tensor:
        return self.gather(exchange.tensor) if exchange.kind == GATHER else self.sum(exchange.tensor)

    def header_device(self) -> torch.device:
        """Where a small tensor that all ranks exchange has to be: on the CPU if the group takes it there."""
        if "cpu" in self.devices:
            return torch.device("cpu")
        return torch.device(self.devices[0], torch.cuda.current_device())
