"""What can be examined: our model, our kernel emulated and on a GPU, adapters, and any function."""

from __future__ import annotations

from collections.abc import Callable

from .emulator import EmulatorTarget
from .function import FunctionTarget
from .gpu import GpuTarget
from .model import ModelTarget
from .target import Answer, Schedule, Target, TargetFailure, TargetUnavailable
from .torch_topk import TorchTopkTarget

__all__ = ["Answer", "Schedule", "Target", "TargetFailure", "TargetUnavailable", "ADAPTERS", "resolve"]

OWN: dict[str, Callable[[], Target]] = {"model": ModelTarget, "emulator": EmulatorTarget, "gpu": GpuTarget}
ADAPTERS: dict[str, Callable[[], Target]] = {"torch.topk": TorchTopkTarget}


def resolve(name: str, claims: frozenset[str] | None = None) -> Target:
    """The target of that name: ours, an adapter, or module:function. claims: in place of its own.

    Raises TargetUnavailable for a name that is none of them.
    """
    known = {**OWN, **ADAPTERS}
    if name in known:
        target = known[name]()
    elif ":" in name:
        target = FunctionTarget(name)
    else:
        raise TargetUnavailable(f"target is {name!r}; expected module:function or one of {', '.join(known)}")
    if claims is not None:
        target.claims = claims
    return target
