"""persistent-topk bench: the kernel's time on a GPU, beside other kernels."""

from __future__ import annotations

from collections.abc import Mapping

from ...cuda.bench.command import bench_command
from ...cuda.bench.peers import Function, Loader, PeerUnavailable
from ..targets import ADAPTERS, TargetUnavailable
from ..targets.peer import PeerTarget


def loader(name: str) -> Loader:
    """What loads the adapter of that name as a function on CUDA tensors."""

    def load() -> Function:
        target = ADAPTERS[name]()
        assert isinstance(target, PeerTarget)
        try:
            target.prepare()
            return target.load()
        except TargetUnavailable as error:
            raise PeerUnavailable(str(error)) from error

    return load


def adapters() -> Mapping[str, Loader]:
    """The checker's adapters of other people's GPU kernels, by their names."""
    return {name: loader(name) for name, made in ADAPTERS.items() if isinstance(made(), PeerTarget)}


command = bench_command(adapters)
