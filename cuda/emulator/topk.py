"""The production kernel's source on a CPU, under a chosen schedule, every access checked.

Source: schedules after Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding
bugs" (ASPLOS 2010); accesses are judged by happens-before (Lamport, "Time, clocks, and the ordering of
events", 1978). docs/emulator.md describes both.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import TYPE_CHECKING, overload

import numpy as np
import torch
from torch import Tensor

from ...reference.call import Call, Options, Places, Selection
from ...reference.plan import BY_PLAN, ENTRIES, H100, LAUNCHES, DeviceLimits, make_plan
from ...reference.policy import POLICIES, Policy
from ...reference.trace import TRACE_DTYPE
from ..cache import BuildError
from ..structs import LOGITS_NAMES, CallRecord, EmulatedCall, Limits, PlanRecord
from .build import BRIEF_FLAGS, KERNEL, TOPK_SOURCE, build_kernel
from .library import EmulationError, Library, Schedule, Statistics
from .outputs import Outputs

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["BuildError", "EmulationError", "Schedule", "Statistics", "load", "run", "topk"]


@functools.cache
def load(
    policy: Policy,
    kernel: Path = KERNEL,
    entry: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Library:
    """The kernel compiled for `policy` and logits of `dtype`, from the headers in the directory `kernel`.
    entry: the one of ENTRIES to compile, for calls with a trace, with BRIEF_FLAGS; 3 % of the whole.

    Raises BuildError if that fails, ValueError for a policy that is not a named one.
    """
    if policy not in POLICIES.values():
        raise ValueError(f"policy is {policy}; expected one that is compiled: {', '.join(POLICIES)}")
    defines = [
        f"PERSISTENT_TOPK_POLICY={list(POLICIES.values()).index(policy)}",
        f"PERSISTENT_TOPK_LOGITS={LOGITS_NAMES[dtype]}",
    ]
    if entry is not None:
        defines.append(f"PERSISTENT_TOPK_ENTRY={ENTRIES.index(entry)}")
    part = f", its {entry} calls" if entry else ""
    of = "" if dtype == torch.float32 else f", {dtype} logits".replace("torch.", "")
    what = f"the emulated kernel, policy {policy.name}{of}{part}"
    flags = BRIEF_FLAGS if entry else ()
    return Library(build_kernel(TOPK_SOURCE, defines, kernel, what=what, flags=flags))


@overload
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    **options: Unpack[Places],
) -> Tensor: ...
@overload
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    **options: Unpack[Options],
) -> Tensor | Selection: ...
def topk(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    **options: Unpack[Options],
) -> Tensor | Selection:
    """Runs the production kernel on the emulated device and returns what it writes: int32 or int64 [rows, k],
    or a Selection, as reference.topk does.

    logits: float32, bfloat16 or float16 [rows, columns] on the CPU, any row stride; the kernel sees this
    memory itself, at its own alignment. lengths: int32 [rows] or [batch, queries], any values; None: all
    columns. k: 1 .. 4096. policy: a named one, None for the plan's choice on the device `limits`. schedule:
    how the threads interleave; None: round_robin. trace: TRACE_DTYPE [rows, plan.records] of new_trace,
    filled in. output: int32 [rows, k], contiguous, written in place and returned. kernel: the directory of
    the kernel's headers, for altered copies of it. brief: compile only the kernels that this call, which has
    a trace, is run by, and check less (BRIEF_FLAGS). options: the other arguments of a Call.

    Raises EmulationError for what the kernel does wrong, BuildError if it cannot be compiled here,
    ValueError and TypeError for the arguments.
    """
    return run(
        logits,
        lengths,
        k,
        policy=policy,
        limits=limits,
        schedule=schedule,
        trace=trace,
        output=output,
        kernel=kernel,
        brief=brief,
        **options,
    )[0]


@overload
def run(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    access_budget: int = 0,
    judges: bool = True,
    **options: Unpack[Places],
) -> tuple[Tensor, Statistics]: ...
@overload
def run(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    access_budget: int = 0,
    judges: bool = True,
    **options: Unpack[Options],
) -> tuple[Tensor | Selection, Statistics]: ...
def run(
    logits: Tensor,
    lengths: Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    limits: DeviceLimits = H100,
    schedule: Schedule | None = None,
    trace: np.ndarray | None = None,
    output: Tensor | None = None,
    kernel: Path = KERNEL,
    brief: bool = False,
    access_budget: int = 0,
    judges: bool = True,
    **options: Unpack[Options],
) -> tuple[Tensor | Selection, Statistics]:
    """topk(), together with what the launch did: (int32 or int64 [rows, k] or a Selection, Statistics).

    logits: float32, bfloat16 or float16 [rows, columns]; lengths: int32 [rows] or [batch, queries]; k,
    policy, limits, schedule, kernel, brief and options as for topk(); trace: TRACE_DTYPE
    [rows, plan.records]; output: int32 [rows, k]. access_budget: accesses and scheduling steps after which
    the launch counts as a runaway (0: 2^32). judges: look for races, which costs about half of the speed.

    Raises what topk() does: EmulationError, BuildError, ValueError, TypeError.
    """
    call = Call(logits, lengths, k, **options)
    if logits.device.type != "cpu":
        raise ValueError(f"logits is on device {logits.device}; expected cpu: the emulator runs there")
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule is {schedule!r}; expected a Schedule, or None")
    plan = make_plan(call.rows, call.columns, limits, policy)
    _check_trace(trace, call.rows, plan.records)
    if brief and trace is None:
        raise ValueError("trace is None; expected one: kernels that are compiled briefly record what they do")
    if output is not None:
        _check_output(output, call.rows, k)
    outputs = Outputs(call, output)
    if call.rows == 0:
        return outputs.answer, Statistics()
    entries: dict[int, str] = plan.entries(call.columns, limits) if brief else {}
    libraries = {
        number: load(policy, kernel, entries.get(number), logits.dtype)
        for number, policy in plan.launches.items()
    }
    workspace = _workspace(libraries[LAUNCHES.index(BY_PLAN)], call.rows, call.columns, limits)
    record = CallRecord.of(call, outputs.selection)
    records = None if trace is None else trace.ctypes.data

    def launch(number: int) -> Statistics:
        emulated = EmulatedCall(
            record, records, workspace.ctypes.data, Limits.of(limits), PlanRecord.of(plan), number
        )
        return libraries[number].launch("persistent_topk_emulate", emulated, schedule, access_budget, judges)

    if len(plan.launches) == 1:
        statistics = launch(*plan.launches)
    else:
        statistics = outputs.launch_apart(list(plan.launches), launch)
    outputs.check_canaries()
    return outputs.answer, statistics


def _workspace(library: Library, rows: int, columns: int, limits: DeviceLimits) -> np.ndarray:
    """The workspace of such a call, uint8 [bytes], filled as if by some other launch."""
    size = library.functions.persistent_topk_workspace
    size.restype = ctypes.c_int64
    size.argtypes = [ctypes.c_int, ctypes.c_int64, Limits]
    return np.random.default_rng(rows).integers(0, 256, size(rows, columns, Limits.of(limits)), np.uint8)


def _check_trace(trace: np.ndarray | None, rows: int, ctas: int) -> None:
    if trace is None:
        return
    if trace.dtype != TRACE_DTYPE:
        raise TypeError(f"trace has dtype {trace.dtype}; expected TRACE_DTYPE, as new_trace() gives")
    if trace.shape != (rows, ctas) or not trace.flags.c_contiguous:
        raise ValueError(f"trace has shape {trace.shape}; expected {(rows, ctas)}, contiguous")


def _check_output(output: Tensor, rows: int, k: int) -> None:
    if output.dtype != torch.int32 or output.device.type != "cpu":
        raise TypeError(f"output is {output.dtype} on {output.device}; expected torch.int32 on cpu")
    if tuple(output.shape) != (rows, k) or not output.is_contiguous():
        raise ValueError(f"output has shape {list(output.shape)}; expected [{rows}, {k}], contiguous")
