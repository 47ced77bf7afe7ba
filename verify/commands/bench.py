"""persistent-topk bench: the kernel's time on a GPU, beside other kernels."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ...commands.bench import bench_command
from ...bench.peers import Function, Loader, PeerRefuses, PeerUnavailable
from ..targets import ADAPTERS, TargetUnavailable
from ..targets.peers.cub import CubTarget
from ..targets.peers.peer import PeerTarget


def within_limits(target: PeerTarget, kernel: Function) -> Function:
    """The kernel, refusing the shapes that the target's documentation excludes."""

    def called(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        limit = target.beyond(k, logits.shape[0], logits.shape[1], logits.stride(0))
        if limit is not None:
            raise PeerRefuses(f"{target.name}: {limit}")
        return kernel(logits, lengths, k)

    return called


def loader(target: PeerTarget) -> Loader:
    """What loads the adapter as a function on CUDA tensors."""

    def load() -> Function:
        try:
            target.prepare()
            return within_limits(target, target.load())
        except TargetUnavailable as error:
            raise PeerUnavailable(str(error)) from error

    return load


def adapters() -> Mapping[str, Loader]:
    """The checker's adapters of other people's GPU kernels, by their names; CUB is the bench's own."""
    targets = {name: made() for name, made in ADAPTERS.items()}
    return {
        name: loader(target)
        for name, target in targets.items()
        if isinstance(target, PeerTarget) and not isinstance(target, CubTarget)
    }


command = bench_command(adapters)
