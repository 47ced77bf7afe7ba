"""The compiled kernel as Python sees it: the C interface of launch.cuh through ctypes."""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch

from ..reference.policy import POLICIES
from ..reference.trace import TRACE_DTYPE
from .build import build, kernel_units
from .cache import load_library
from .structs import LOGITS_NAMES, Limits, PlanRecord, TopkCall

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


def arch_of(device: int) -> str:
    """nvcc's name of the device's architecture, such as "sm_90"."""
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"


@functools.cache
def load(path: Path) -> ctypes.CDLL:
    """The library at `path`, its functions' types declared and its record sizes checked.

    Raises BuildError for a file that cannot be loaded: a copy or a full disk may have cut it short.
    """
    library = load_library(path)
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
def library_for(device: int, dtype: torch.dtype = torch.float32) -> ctypes.CDLL:
    """The library for this device's architecture and such logits, built on first use (BuildError if it
    cannot be)."""
    library = load(build(kernel_units(LOGITS_NAMES[dtype]), arch_of(device)))
    _loaded.setdefault(device, library)
    return library


_loaded: dict[int, ctypes.CDLL] = {}  # the first library of each device


def any_library(device: int) -> ctypes.CDLL:
    """The library of some dtype, for what is the same in all: limits, plans, workspaces. One that is loaded,
    so that no other is compiled; else that for float32."""
    return _loaded.get(device) or library_for(device)


def check(library: ctypes.CDLL, error: int) -> None:
    """Raises CudaError unless `error` is 0."""
    if error == 0:
        return
    name = library.persistent_topk_error_name(error).decode()
    text = library.persistent_topk_error_text(error).decode()
    call = library.persistent_topk_failed_call().decode()
    advice = ADVICE.get(name, "see the CUDA documentation of this error")
    raise CudaError(f"{name} ({text}) in {call}: {advice}")
