"""The production kernel's source on a CPU, under a chosen schedule, every access checked.

Source: schedules after Burckhardt et al., "A randomized scheduler with probabilistic guarantees of finding
bugs" (ASPLOS 2010); accesses are judged by happens-before (Lamport, "Time, clocks, and the ordering of
events", 1978). docs/emulator.md describes both.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ...reference.call import Call, Options
from ...reference.plan import ENTRIES, H100, LAUNCHES, DeviceLimits, make_plan
from ...reference.policy import POLICIES, Policy
from ...reference.trace import TRACE_DTYPE
from ..cache import BuildError
from ..plain import require_plain
from ..structs import EmulatedCall, Limits, PlanRecord, TopkCall
from .build import KERNEL, TOPK_SOURCE, build_kernel
from .library import EmulationError, Library, Schedule, Statistics

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["BuildError", "EmulationError", "Schedule", "Statistics", "load", "run", "topk"]

CANARY_ELEMENTS = 64  # int32, on both sides of the output
CANARY = -0x5A5A5A5B
POISON = -777777  # in output slots before the launch: no column, no padding


@functools.cache
def load(policy: Policy, kernel: Path = KERNEL, entry: str | None = None) -> Library:
    """The kernel compiled for `policy`, from the headers in the directory `kernel`. entry: the one of ENTRIES
    to compile, for calls with a trace; a tenth of the whole.

    Raises BuildError if that fails, ValueError for a policy that is not a named one.
    """
    if policy not in POLICIES.values():
        raise ValueError(f"policy is {policy}; expected one that is compiled: {', '.join(POLICIES)}")
    defines = [f"PERSISTENT_TOPK_POLICY={list(POLICIES.values()).index(policy)}"]
    if entry is not None:
        defines.append(f"PERSISTENT_TOPK_ENTRY={ENTRIES.index(entry)}")
    part = f", its {entry} calls" if entry else ""
    what = f"the emulated kernel, policy {policy.name}{part}"
    return Library(build_kernel(TOPK_SOURCE, defines, kernel, what=what))


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
    entry: str | None = None,
    **options: Unpack[Options],
) -> Tensor:
    """Runs the production kernel on the emulated device and returns its output: int32 [rows, k].

    logits: float32 [rows, columns] on the CPU, any row stride; the kernel sees this memory itself, at
    its own alignment. lengths: int32 [rows], any values. k: 1 .. 4096. policy: a named one, None for the
    plan's choice on the device `limits`. schedule: how the threads interleave; None: round_robin.
    trace: TRACE_DTYPE [rows, plan.records] of new_trace, filled in. output: int32 [rows, k], contiguous,
    written in place and returned. kernel: the directory of the kernel's headers, for altered copies of it.
    entry: the one of ENTRIES that is compiled, if every call is traced, has one launch and is of that entry.
    options: the other arguments of a Call, none of which the kernel takes.

    Raises EmulationError for what the kernel does wrong, BuildError if it cannot be compiled here,
    ValueError and TypeError for the arguments, NotImplementedError for a call that the kernel does not take.
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
        entry=entry,
        **options,
    )[0]


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
    entry: str | None = None,
    access_budget: int = 0,
    judges: bool = True,
    **options: Unpack[Options],
) -> tuple[Tensor, Statistics]:
    """topk(), together with what the launch did: (int32 [rows, k], Statistics).

    logits: float32 [rows, columns]; lengths: int32 [rows]; k, policy, limits, schedule, kernel and entry as
    for topk(); trace: TRACE_DTYPE [rows, plan.records]; output: int32 [rows, k]. access_budget: accesses and
    scheduling steps after which the launch counts as a runaway (0: 2^32). judges: look for races, which
    costs about half of the speed. options: as for topk().

    Raises what topk() does: EmulationError, BuildError, ValueError, TypeError, NotImplementedError.
    """
    requested = Call(logits, lengths, k, **options)
    require_plain(requested)
    assert lengths is not None, "a plain call has lengths"
    if logits.device.type != "cpu":
        raise ValueError(f"logits is on device {logits.device}; expected cpu: the emulator runs there")
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule is {schedule!r}; expected a Schedule, or None")
    rows, columns = logits.shape
    plan = make_plan(rows, columns, limits, policy)
    _check_trace(trace, rows, plan.records)
    canaried = torch.full((rows * k + 2 * CANARY_ELEMENTS,), CANARY, dtype=torch.int32, device="cpu")
    inner = canaried[CANARY_ELEMENTS : CANARY_ELEMENTS + rows * k].fill_(POISON).view(rows, k)
    if output is not None:
        _check_output(output, rows, k)
        inner = output
    if rows == 0:
        return inner, Statistics()
    workspace = _workspace(load(plan.policy, kernel, entry), rows, columns, limits)
    call = _call(logits, lengths, inner, workspace, k, trace)

    def launch(number: int) -> Statistics:
        library = load(plan.launches[number], kernel, entry)
        emulated = EmulatedCall(call, Limits.of(limits), PlanRecord.of(plan), number)
        return library.launch("persistent_topk_emulate", emulated, schedule, access_budget, judges)

    if len(plan.launches) == 1:
        statistics = launch(*plan.launches)
    else:
        statistics = _launch_apart(inner, list(plan.launches), launch)
    _check_canaries(canaried)
    return inner, statistics


def _call(
    logits: Tensor, lengths: Tensor, output: Tensor, workspace: np.ndarray, k: int, trace: np.ndarray | None
) -> TopkCall:
    """The struct of a call. It holds addresses: tensors, workspace and trace must outlive it."""
    rows, columns = logits.shape
    return TopkCall(
        logits=logits.data_ptr(),
        row_stride=logits.stride(0),
        lengths=lengths.data_ptr(),
        output=output.data_ptr(),
        trace=None if trace is None else trace.ctypes.data,
        workspace=workspace.ctypes.data,
        rows=rows,
        columns=columns,
        k=k,
    )


def _launch_apart(output: Tensor, numbers: list[int], launch: Callable[[int], Statistics]) -> Statistics:
    """The launches of a call one after the other, each with an output of its own, which are put together.

    On a GPU they overlap. They share no memory but what is read, so that order cannot matter where each row
    is written by exactly one of them, which is checked.
    """
    whole = output.clone()
    writers = torch.zeros_like(output)
    statistics = Statistics()
    for number in numbers:
        output.fill_(POISON)
        statistics += launch(number)
        written = output != POISON
        whole[written] = output[written]
        writers += written
    output.copy_(whole)
    if bool((writers != 1).any()):
        row, slot = (writers != 1).nonzero()[0].tolist()
        names = " and ".join(LAUNCHES[number] for number in numbers)
        kind = "unwritten-output" if writers[row, slot] == 0 else "written-twice"
        raise EmulationError(
            kind, f"output[{row}, {slot}] is written by {writers[row, slot]} of the launches: {names}"
        )
    return statistics


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


def _check_canaries(buffer: Tensor) -> None:
    """Stores are checked one by one; the canaries catch what went past the instrumentation."""
    sides = torch.cat([buffer[:CANARY_ELEMENTS], buffer[-CANARY_ELEMENTS:]])
    if bool((sides != CANARY).any()):
        raise EmulationError("out-of-bounds", "the words beside the output were overwritten")
