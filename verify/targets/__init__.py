"""What can be examined: our model, our kernel emulated and on a GPU, adapters, and any function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..start import Started
from .emulator import EmulatorTarget
from .first_calls import FirstCalls
from .function import FunctionTarget
from .gpu import GpuTarget
from .isolated import IsolatedTarget
from .limits import TargetLimits
from .model import ModelTarget
from .peers.cub import CubTarget
from .peers.deepselect import DeepSelectTarget
from .peers.flashinfer import FlashinferTarget, FlashinferVarlenTarget
from .peers.sglang import SglangTarget, SglangV2Target, SglKernelTarget
from .peers.torch_topk import TorchTopkTarget
from .peers.vllm import VllmTarget
from .sharded import SHARDED
from .target import Answer, NotTaken, Schedule, Target, TargetFailure, TargetMisnamed, TargetUnavailable

__all__ = [
    "ADAPTERS",
    "Answer",
    "FirstCalls",
    "NotTaken",
    "Schedule",
    "Target",
    "TargetFailure",
    "TargetLimits",
    "TargetMisnamed",
    "TargetUnavailable",
    "inside",
    "resolve",
]

OWN: dict[str, Callable[[], Target]] = {"model": ModelTarget, "emulator": EmulatorTarget, "gpu": GpuTarget}
ADAPTERS: dict[str, Callable[[], Target]] = {
    "torch.topk": TorchTopkTarget,
    "cub.batched_topk": partial(CubTarget, False),
    "cub.batched_topk_ties": partial(CubTarget, True),
    "vllm.persistent_topk": partial(VllmTarget, "persistent_topk"),
    "vllm.cooperative_topk": partial(VllmTarget, "cooperative_topk"),
    "sglang.fast_topk": SglangTarget,
    "sglang.fast_topk_v2": SglKernelTarget,
    "sglang.topk_v2": SglangV2Target,
    "flashinfer.top_k_ragged": FlashinferTarget,
    "flashinfer.top_k_ragged_ties": partial(FlashinferTarget, ties=True),
    "flashinfer.top_k_ragged_deterministic": partial(FlashinferTarget, deterministic=True),
    "flashinfer.top_k_ragged_deterministic_ties": partial(FlashinferTarget, deterministic=True, ties=True),
    "flashinfer.top_k_varlen": FlashinferVarlenTarget,
    "deepselect.topk": DeepSelectTarget,
}


def inside(name: str, device: str = "cpu", limits: TargetLimits | None = None) -> Target:
    """The target of that name, to run in this process: ours, an adapter, or module:function.

    device: where a function's tensors are put, "cpu" or "cuda". limits: of the calls that it takes, over
    those that it states itself. Raises TargetMisnamed for a name that is none of them.
    """
    known = {**OWN, **SHARDED, **ADAPTERS}
    if name in known:
        target = known[name]()
        target.limits = (limits or TargetLimits()).over(target.limits)
        return target
    if ":" in name:
        return FunctionTarget(name, device=device, limits=limits)
    raise TargetMisnamed(f"target is {name!r}; expected module:function or one of {', '.join(known)}")


def resolve(
    name: str,
    claims: frozenset[str] | None = None,
    device: str = "cpu",
    limits: TargetLimits | None = None,
    first_calls: FirstCalls | None = None,
    started: Started | None = None,
) -> Target:
    """The target of that name; other people's run in a process of their own.

    claims: in place of its own. device: where a function's tensors are put, "cpu" or "cuda". limits: of the
    calls that it takes, over its own. first_calls: the patience with them. started: a worker that is on its
    way already. Raises TargetMisnamed as `inside` does.
    """
    target = inside(name, device, limits)
    if claims is not None:
        target.claims = claims
    return target if target.own else IsolatedTarget(target, device, first_calls=first_calls, started=started)
