"""The kernel on a GPU: the functional `topk`, and the operator that an inference engine calls.

Importing this module registers the operators of persistent_topk.ops; the kernel is compiled or loaded on the
first call for a device (see build.py).

Source: the kernel in cuda/kernel/, a radix select (Alabi et al., "Fast k-selection algorithms for graphics
processing units", JEA 2012) as ARCHITECTURE.md describes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, overload

import numpy as np
import torch

from .. import ops  # noqa: F401  opens it: the operators run on CPU tensors, too
from ..reference.call import Call, Options, Places, Selection
from ..reference.plan import Plan
from ..reference.policy import Policy
from ..reference.trace import TRACE_DTYPE
from .calls import launch_record, lay_out
from .structs import CallRecord

if TYPE_CHECKING:
    from typing_extensions import Unpack


def device_index(device: torch.device | str | int | None) -> int:
    """Number of a CUDA `device` given in any of torch's ways; None: the current one.

    Raises ValueError for a device that is no CUDA device.
    """
    if device is None:
        return torch.cuda.current_device()
    if isinstance(device, int):
        return device
    device = torch.device(device)
    if device.type != "cuda":
        raise ValueError(f"device is {device}; expected a CUDA device")
    return torch.cuda.current_device() if device.index is None else device.index


def workspace_size(
    rows: int,
    columns: int,
    k: int,
    device: torch.device | str | int | None = None,
    policy: Policy | None = None,
) -> int:
    """Bytes that `topk_out` needs in `workspace` on this device, for logits of up to [rows, columns] and k.

    None where there are clusters (sm_90 and newer): CTAs that share a row exchange counts and candidates
    through distributed shared memory then, else through the workspace. k: 1 .. 4096; today the size is the
    same for any. policy: a named one, None for the plan's choice. Other devices than CUDA's need none, nor
    does None where torch has no CUDA.

    Raises ValueError for a policy that is not compiled, BuildError and CudaError as the first call does.
    """
    if device is None and not torch.cuda.is_available():
        return 0
    if isinstance(device, (torch.device, str)) and torch.device(device).type != "cuda":
        return 0
    return lay_out(rows, columns, device_index(device), policy).workspace_bytes


def plan_for(rows: int, columns: int, k: int, device: int, policy: Policy | None = None) -> Plan:
    """The launch plan of logits [rows, columns] and k on this CUDA device, by its number.

    policy: a named one, None for the plan's choice. k: 1 .. 4096; today the plan is the same for any. The
    `records` of the plan is a trace's second dimension. Raises ValueError for a policy that is not compiled,
    BuildError and CudaError as the first call does.
    """
    return lay_out(rows, columns, device, policy).plan


@overload
def topk(
    logits: torch.Tensor,
    lengths: torch.Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    trace: np.ndarray | None = None,
    **options: Unpack[Places],
) -> torch.Tensor: ...
@overload
def topk(
    logits: torch.Tensor,
    lengths: torch.Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    trace: np.ndarray | None = None,
    **options: Unpack[Options],
) -> torch.Tensor | Selection: ...
def topk(
    logits: torch.Tensor,
    lengths: torch.Tensor | None,
    k: int,
    *,
    policy: Policy | None = None,
    trace: np.ndarray | None = None,
    **options: Unpack[Options],
) -> torch.Tensor | Selection:
    """The contract's selection, by the kernel: int32 [R, k] on the device of `logits`.

    logits: float32, bfloat16 or float16 [R, S] on a CUDA device, any row stride, column stride 1. lengths:
    int32 [R] or [B, Q] on the same device; None: all columns. k: 1 .. 4096. policy: a named policy, default
    by the plan. trace: TRACE_DTYPE [R, plan.records], zeroed, of reference.trace.new_trace(R,
    plan_for(...).records), filled in place, which waits for the device. options: the other arguments of a
    Call; what is returned is what reference.topk returns.

    Raises TypeError or ValueError for arguments that cannot be right, BuildError where the kernel cannot be
    compiled, CudaError where the launch fails.
    """
    return run(Call(logits, lengths, k, **options), policy, trace)


def run(
    call: Call, policy: Policy | None = None, trace: np.ndarray | None = None
) -> torch.Tensor | Selection:
    """What topk() returns of this call: int32 or int64 [R, k], or a Selection.

    call: of tensors on a CUDA device. policy: a named one, None for the plan's choice. trace: TRACE_DTYPE
    [R, plan.records], zeroed. Raises ValueError, BuildError and CudaError as topk() does.
    """
    return call.returned(select(call, policy, trace))


def select(call: Call, policy: Policy | None = None, trace: np.ndarray | None = None) -> Selection:
    """The places that the kernel writes for a call, int32 or int64 [R, k], and what else it asks for.

    call, policy: as for run(), whose errors it raises. trace: TRACE_DTYPE [R, plan.records].
    """
    check_on_gpu(call.logits)
    logits = call.logits
    outputs = Selection.unwritten(logits, call.k, call.index_dtype, call.return_values, call.return_columns)
    record = CallRecord.of(call, outputs)
    if trace is None:
        launch_record(record, logits, policy=policy)
    else:
        _launch_traced(record, logits, policy, trace)
    return outputs


def launch_call(call: Call, outputs: Selection, workspace: torch.Tensor | None = None) -> None:
    """Launches a call that writes these tensors, on the current stream of their device.

    call: of tensors on a CUDA device. outputs: checked ones, int32 or int64 [R, k] and what else the call
    asks for. workspace: uint8 [bytes], of workspace_size() or more; None: allocated if it is needed. Raises
    BuildError, CudaError.
    """
    launch_record(CallRecord.of(call, outputs), call.logits, workspace)


def _launch_traced(
    record: CallRecord, logits: torch.Tensor, policy: Policy | None, trace: np.ndarray
) -> None:
    rows, columns = logits.shape
    shape = (rows, plan_for(rows, columns, record.k, logits.get_device(), policy).records)
    if trace.dtype != TRACE_DTYPE or trace.shape != shape:
        raise ValueError(f"trace is {trace.dtype}{trace.shape}; expected new_trace{shape}")
    records = torch.from_numpy(trace.view(np.uint8).reshape(-1)).to(logits.device)
    launch_record(record, logits, policy=policy, trace=records)
    trace[...] = records.cpu().numpy().view(TRACE_DTYPE).reshape(trace.shape)


def check_on_gpu(logits: torch.Tensor) -> None:
    """Raises ValueError unless `logits` (float32 [R, S]) is on a CUDA device."""
    if logits.device.type != "cuda":
        raise ValueError(f"logits is on {logits.device}; expected a CUDA device")


def check_plain_output(logits: torch.Tensor, output: torch.Tensor, k: int) -> None:
    """Raises TypeError or ValueError unless `topk_out` may write this tensor.

    logits: float32 [R, S]. output: int32 [R, k], contiguous, on the same device. k: 1 .. 4096.
    """
    if output.dtype != torch.int32:
        raise TypeError(f"output is {output.dtype}; expected torch.int32")
    if tuple(output.shape) != (logits.shape[0], k):
        raise ValueError(f"output is {tuple(output.shape)}; expected [rows, k] = ({logits.shape[0]}, {k})")
    if output.device != logits.device:
        raise ValueError(f"output is on {output.device}; expected {logits.device}, where logits is")
    if not output.is_contiguous():
        raise ValueError(f"output has strides {output.stride()}; expected a contiguous tensor")


topk_out = torch.ops.persistent_topk.topk_out
