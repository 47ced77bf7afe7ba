"""The compiled kernel as Python sees it: the C interface of launch.cuh through ctypes."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch

from ..reference.plan import DeviceLimits, Plan
from ..reference.policy import MAX_CTAS, POLICIES, Policy
from ..reference.trace import TRACE_DTYPE
from .build import BuildError, build

CHOOSE_POLICY = -1  # kChoosePolicy of plan.cuh
POLICY_INDEX = {name: index for index, name in enumerate(POLICIES)}  # the order of kPolicies

NEWER_THAN_DRIVER = (
    "the CUDA toolkit that built the library is newer than the driver: update the driver, or set CUDA_HOME "
    "to an older toolkit (12.0 or newer) and PERSISTENT_TOPK_CACHE to an empty folder"
)
# cudaError name -> what to do about it.
ADVICE = {
    "cudaErrorNoDevice": "see that nvidia-smi lists a GPU and that CUDA_VISIBLE_DEVICES does not hide it",
    "cudaErrorInvalidDevice": "pass tensors of a device that torch.cuda.device_count() counts",
    "cudaErrorInsufficientDriver": NEWER_THAN_DRIVER,
    "cudaErrorUnsupportedPtxVersion": NEWER_THAN_DRIVER,
    "cudaErrorSystemDriverMismatch": "the driver was updated while it was loaded: reboot, or reload its "
    "kernel module",
    "cudaErrorNoKernelImageForDevice": "the library was built for another GPU: delete it from the cache and "
    "import again, or set PERSISTENT_TOPK_CACHE to an empty folder",
    "cudaErrorMemoryAllocation": "the device's memory is full: end what holds it (nvidia-smi lists "
    "processes), then call again",
    "cudaErrorIllegalAddress": "an earlier kernel on this device read or wrote outside its memory; "
    "run with CUDA_LAUNCH_BLOCKING=1 to see which",
    "cudaErrorLaunchOutOfResources": "the GPU cannot hold one CTA of this policy; pass another policy",
    "cudaErrorCooperativeLaunchTooLarge": "the process may not use every SM of the device: lift the limit "
    "that MPS (CUDA_MPS_ACTIVE_THREAD_PERCENTAGE) or a green context sets",
    "cudaErrorInvalidValue": "the GPU has too little shared memory for this policy, or the call lacks its "
    "workspace: pass no policy, and workspace_size() bytes",
    "cudaErrorStreamCaptureUnsupported": "capture on a stream of your own, not the default one, and "
    "with CUDA 12.3 or newer from sm_90 on",
    "cudaErrorStreamCaptureInvalidated": "the capture was broken by another call: capture again, with "
    "nothing in it that waits for the device, and without CUDA_LAUNCH_BLOCKING",
}


class CudaError(RuntimeError):
    """A CUDA call failed; the message names the call, the error and what to do."""


class Limits(ctypes.Structure):
    """DeviceLimits of plan.cuh."""

    _fields_ = [
        ("sms", ctypes.c_int),
        ("shared_bytes", ctypes.c_int),
        ("clusters", ctypes.c_int),
        ("resident", ctypes.c_int * MAX_CTAS),
    ]


class PlanRecord(ctypes.Structure):
    """Plan of plan.cuh."""

    _fields_ = [
        ("policy", ctypes.c_int),
        ("ctas", ctypes.c_int),
    ]


class TopkCall(ctypes.Structure):
    """TopkCall of launch.cuh."""

    _fields_ = [
        ("logits", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("lengths", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("trace", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("stream", ctypes.c_void_p),
        ("rows", ctypes.c_int32),
        ("columns", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("policy", ctypes.c_int32),
        ("device", ctypes.c_int32),
        ("cooperative", ctypes.c_int32),
    ]


def arch_of(device: int) -> str:
    """nvcc's name of the device's architecture, such as "sm_90"."""
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"


@functools.cache
def load(path: Path) -> ctypes.CDLL:
    """The library at `path`, its functions' types declared and its record sizes checked.

    Raises BuildError for a file that cannot be loaded: a copy or a full disk may have cut it short.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise BuildError(
            f"the library {path} cannot be loaded: {error}; delete it, and the next call builds it again"
        ) from error
    for name in (
        "persistent_topk_failed_call",
        "persistent_topk_error_name",
        "persistent_topk_error_text",
    ):
        getattr(library, name).restype = ctypes.c_char_p
    integer = ctypes.POINTER(ctypes.c_int)
    library.persistent_topk_limits.argtypes = [ctypes.c_int, ctypes.POINTER(Limits)]
    library.persistent_topk_plan.argtypes = [
        ctypes.POINTER(TopkCall),
        ctypes.POINTER(PlanRecord),
    ]
    library.persistent_topk_launch.argtypes = [ctypes.POINTER(TopkCall)]
    library.persistent_topk_workspace.argtypes = [
        ctypes.POINTER(TopkCall),
        ctypes.POINTER(ctypes.c_int64),
    ]
    library.persistent_topk_usage.argtypes = [
        ctypes.c_int,
        ctypes.c_int,
        integer,
        integer,
    ]
    size = library.persistent_topk_trace_bytes()
    if size != TRACE_DTYPE.itemsize:
        raise RuntimeError(
            f"the kernel's trace record has {size} bytes, reference.trace {TRACE_DTYPE.itemsize}"
        )
    return library


@functools.cache
def library_for(device: int) -> ctypes.CDLL:
    """The library for this device's architecture, built on first use (BuildError if it cannot be)."""
    return load(build(arch=arch_of(device)))


def check(library: ctypes.CDLL, error: int) -> None:
    """Raises CudaError unless `error` is 0."""
    if error == 0:
        return
    name = library.persistent_topk_error_name(error).decode()
    text = library.persistent_topk_error_text(error).decode()
    call = library.persistent_topk_failed_call().decode()
    advice = ADVICE.get(name, "see the CUDA documentation of this error")
    raise CudaError(f"{name} ({text}) in {call}: {advice}")


@functools.cache
def device_limits(device: int) -> DeviceLimits:
    """What the plan needs to know of CUDA device number `device`; builds and loads the kernel for it."""
    library = library_for(device)
    limits = Limits()
    check(library, library.persistent_topk_limits(device, ctypes.byref(limits)))
    resident = tuple(limits.resident)
    most = max(ctas for ctas in range(1, MAX_CTAS + 1) if resident[ctas - 1])
    cluster = most if limits.clusters else 1
    return DeviceLimits(limits.sms, cluster, limits.shared_bytes, resident)


def policy_index(policy: Policy | None) -> int:
    """kPolicies' index of a compiled policy; ValueError for one that exists in the model only."""
    if policy is None:
        return CHOOSE_POLICY
    if POLICIES.get(policy.name) != policy:
        raise ValueError(f"policy is {policy}; the kernel is compiled for {', '.join(POLICIES)}")
    return POLICY_INDEX[policy.name]


def device_plan(rows: int, columns: int, device: int, policy: Policy | None = None) -> Plan:
    """The plan that the library itself makes, to be held against reference.plan.make_plan."""
    library = library_for(device)
    call = TopkCall(rows=rows, columns=columns, policy=policy_index(policy), device=device)
    record = PlanRecord()
    check(library, library.persistent_topk_plan(ctypes.byref(call), ctypes.byref(record)))
    return Plan(list(POLICIES.values())[record.policy], record.ctas)


def workspace_bytes(
    rows: int, columns: int, device: int, policy: int = CHOOSE_POLICY, cooperative: bool = False
) -> int:
    """Bytes of workspace for a call of up to `rows` rows and `columns` columns; policy: as in launch()."""
    if device_limits(device).has_clusters and not cooperative:
        return 0
    library = library_for(device)
    call = TopkCall(rows=rows, columns=columns, policy=policy, device=device, cooperative=cooperative)
    size = ctypes.c_int64()
    check(library, library.persistent_topk_workspace(ctypes.byref(call), ctypes.byref(size)))
    return size.value


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
    policy: int = CHOOSE_POLICY,
    trace: torch.Tensor | None = None,
    cooperative: bool = False,
) -> None:
    """Launches on the current stream of the tensors' device. Arguments are checked by the callers.

    workspace: of workspace_bytes(); None: allocated if it is needed. cooperative: for tests, teams without
    clusters on a device that has them.
    """
    device = logits.get_device()
    library = library_for(device)
    if workspace is None:
        size = workspace_bytes(logits.shape[0], logits.shape[1], device, policy, cooperative)
        workspace = torch.empty(size, dtype=torch.uint8, device=logits.device) if size else None
    call = TopkCall(
        logits=logits.data_ptr(),
        row_stride=logits.stride(0),
        lengths=lengths.data_ptr(),
        output=output.data_ptr(),
        trace=None if trace is None else trace.data_ptr(),
        workspace=None if workspace is None else workspace.data_ptr(),
        stream=torch.cuda.current_stream(device).cuda_stream,
        rows=logits.shape[0],
        columns=logits.shape[1],
        k=k,
        policy=policy,
        device=device,
        cooperative=cooperative,
    )
    error = library.persistent_topk_launch(ctypes.byref(call))
    if error:
        check(library, error)
