"""A call of the kernel: how it is laid over a device, what workspace it needs, and its launch."""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import torch

from ..reference.plan import DeviceLimits, Plan
from ..reference.policy import MAX_CTAS, POLICIES, Policy
from .library import CHOOSE_POLICY, POLICY_INDEX, any_library, check, library_for
from .structs import CallRecord, Limits, PlanRecord, TopkCall


@dataclass(frozen=True)
class Layout:
    """A call laid over a device. plan: its policy, and the CTAs of a team. workspace_bytes: what a call of so
    many rows and columns or fewer needs."""

    plan: Plan
    workspace_bytes: int


@functools.cache
def device_limits(device: int) -> DeviceLimits:
    """The limits of CUDA device number `device`, for a plan. Builds and loads the kernel for the device."""
    library = any_library(device)
    limits = Limits()
    check(library, library.persistent_topk_limits(device, ctypes.byref(limits)))
    resident = tuple(limits.resident)
    most = max(ctas for ctas in range(1, MAX_CTAS + 1) if resident[ctas - 1])
    cluster = most if limits.clusters else 1
    return DeviceLimits(limits.sms, cluster, limits.shared_bytes, resident)


def policy_index(policy: Policy | None) -> int:
    """The index of a compiled policy in kPolicies. Raises ValueError for one that exists in the model
    only."""
    if policy is None:
        return CHOOSE_POLICY
    if POLICIES.get(policy.name) != policy:
        raise ValueError(f"policy is {policy}; the kernel is compiled for {', '.join(POLICIES)}")
    return POLICY_INDEX[policy.name]


def lay_out(
    rows: int, columns: int, device: int, policy: Policy | None = None, cooperative: bool = False
) -> Layout:
    """How the library lays a call of logits [rows, columns] over CUDA device number `device`.

    policy: a compiled one, None for the plan's choice. cooperative: teams without clusters, on any device.
    Raises ValueError for a policy that is not compiled, BuildError, CudaError.
    """
    library = any_library(device)
    call = TopkCall(
        call=CallRecord(rows=rows, columns=columns),
        policy=policy_index(policy),
        device=device,
        cooperative=cooperative,
    )
    record, size = PlanRecord(), ctypes.c_int64()
    check(library, library.persistent_topk_plan(ctypes.byref(call), ctypes.byref(record)))
    check(library, library.persistent_topk_workspace(ctypes.byref(call), ctypes.byref(size)))
    chosen = list(POLICIES.values())[record.policy]
    return Layout(Plan(chosen, record.ctas, record.grid_ctas, record.short_max), size.value)


def usage(policy: Policy, tracing: bool, device: int) -> tuple[int, int]:
    """(registers a thread, bytes of local memory a thread) of a policy's entry for wide calls."""
    library = library_for(device)
    device_limits(device)
    registers, local_bytes = ctypes.c_int(), ctypes.c_int()
    words = (policy_index(policy), int(tracing), ctypes.byref(registers), ctypes.byref(local_bytes))
    with torch.cuda.device(device):
        check(library, library.persistent_topk_usage(*words))
    return registers.value, local_bytes.value


def launch(
    logits: torch.Tensor,
    lengths: torch.Tensor,
    output: torch.Tensor,
    workspace: torch.Tensor | None,
    k: int,
    policy: Policy | None = None,
    trace: torch.Tensor | None = None,
    cooperative: bool = False,
) -> None:
    """Launches a plain call on the current stream of the tensors' device. Callers check arguments.

    workspace: of lay_out(...).workspace_bytes; None: allocated if it is needed. policy: a compiled one, None
    for the plan's choice. trace: the records, uint8 [bytes], zeroed. cooperative: for tests, teams without
    clusters on a device that has them.
    """
    record = CallRecord.plain(logits, lengths, output, k)
    launch_record(record, logits, workspace, policy, trace, cooperative)


def launch_record(
    record: CallRecord,
    logits: torch.Tensor,
    workspace: torch.Tensor | None = None,
    policy: Policy | None = None,
    trace: torch.Tensor | None = None,
    cooperative: bool = False,
) -> None:
    """Launches any call on the current stream of the tensors' device.

    record: the call, whose addresses are those of checked tensors. logits: its own. workspace, policy, trace
    and cooperative: as for launch().
    """
    device = logits.get_device()
    library = library_for(device, logits.dtype)
    if workspace is None and (cooperative or not device_limits(device).has_clusters):
        size = lay_out(record.rows, record.columns, device, policy, cooperative).workspace_bytes
        workspace = torch.empty(size, dtype=torch.uint8, device=logits.device)
    call = TopkCall(
        call=record,
        trace=None if trace is None else trace.data_ptr(),
        workspace=None if workspace is None else workspace.data_ptr(),
        stream=torch.cuda.current_stream(device).cuda_stream,
        policy=CHOOSE_POLICY if policy is None else policy_index(policy),
        device=device,
        cooperative=cooperative,
    )
    error = library.persistent_topk_launch(ctypes.byref(call))
    if error:
        check(library, error)
