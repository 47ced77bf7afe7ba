"""The merge and the stages between exchanges on a GPU, compiled or loaded when a device first needs them.

Source: the stages of the kernel's decode path, merges of sorted lists in pairs, and radix select.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..build import Unit, build
from ..cache import load_library
from ..library import arch_of, check
from .digits import StageParams

SOURCE = Path(__file__).parent / "launch.cu"
OVERLAP_MAJOR = 9  # launches overlap from sm_90 on


class MergeParams(ctypes.Structure):
    """MergeParams of merge.cuh."""

    _fields_ = [
        ("values", ctypes.c_void_p),
        ("columns", ctypes.c_void_p),
        ("rank_stride", ctypes.c_int64),
        ("output", ctypes.c_void_p),
        ("ranks", ctypes.c_int32),
        ("rows", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("in_order", ctypes.c_bool),
    ]


class Loaded(NamedTuple):
    """library: for one device. slots: pairs of a row that a CTA has room for. ranks: most lists of a row.
    overlaps: whether launches on the device do."""

    library: ctypes.CDLL
    slots: int
    ranks: int
    overlaps: bool


@functools.cache
def loaded(device: int) -> Loaded:
    """The library for CUDA device number `device`. Raises BuildError, or CudaError where it has too little
    shared memory."""
    library = load_library(build([Unit(SOURCE)], arch_of(device)))
    for name in ("failed_call", "error_name", "error_text"):
        getattr(library, f"persistent_topk_{name}").restype = ctypes.c_char_p
    for name, params in (("merge", MergeParams), ("stage", StageParams)):
        launch = getattr(library, f"persistent_topk_{name}_launch")
        launch.argtypes = [ctypes.POINTER(params), ctypes.c_int, ctypes.c_void_p]
    with torch.cuda.device(device):
        check(library, library.persistent_topk_sharded_prepare())
    overlaps = torch.cuda.get_device_capability(device)[0] >= OVERLAP_MAJOR
    slots, ranks = library.persistent_topk_merge_slots(), library.persistent_topk_merge_ranks()
    return Loaded(library, slots, ranks, overlaps)


def takes(ranks: int, k: int, device: int) -> bool:
    """Whether a CTA has room for a row's lists: those of `ranks` ranks, k pairs each."""
    found = loaded(device)
    return ranks <= found.ranks and ranks * k <= found.slots


def merge(values: Tensor, columns: Tensor, k: int, *, in_order: bool = False) -> Tensor:
    """As reference.lists.merge, by the kernel: int32 [R, k]. Neither waits nor synchronises.

    values: float32 [W, R, k] on a CUDA device, of W ranks, as many as takes() says; the lists of a rank are
    contiguous. columns: int32 [W, R, k], laid out in the same way. in_order: whether the columns of a rank
    lie behind those of the ranks before it.

    Raises BuildError, CudaError.
    """
    ranks, rows, _ = columns.shape
    assert values.stride() == columns.stride() and values.stride()[1:] == (k, 1), "the lists lie otherwise"
    output = columns.new_empty(rows, k)
    if output.numel() == 0:
        return output
    params = MergeParams(
        values.data_ptr(), columns.data_ptr(), columns.stride(0), output.data_ptr(), ranks, rows, k, in_order
    )
    _launch("merge", params, columns.get_device())
    return output


def launch_stage(params: StageParams, on: Tensor) -> None:
    """One launch of a stage. Neither waits nor synchronises.

    params: of digits.cuh. on: int32, any shape, on the device of the call. Raises BuildError, CudaError.
    """
    _launch("stage", params, on.get_device())


def _launch(name: str, params: ctypes.Structure, device: int) -> None:
    found = loaded(device)
    launch = getattr(found.library, f"persistent_topk_{name}_launch")
    stream = torch.cuda.current_stream(device).cuda_stream
    with torch.cuda.device(device):
        error = launch(ctypes.byref(params), found.overlaps, stream)
    if error:
        check(found.library, error)
