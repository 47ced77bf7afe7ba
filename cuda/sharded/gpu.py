"""The merge on a GPU: one launch a call, compiled or loaded when a device first needs it.

Source: the stages of the kernel's decode path, and merges of sorted lists in pairs.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from ..build import Unit, build
from ..library import arch_of, check

SOURCE = Path(__file__).parent / "merge.cu"
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
    """The merge for CUDA device number `device`. Raises BuildError, or CudaError where it has too little
    shared memory."""
    library = ctypes.CDLL(str(build([Unit(SOURCE)], arch_of(device))))
    for name in ("failed_call", "error_name", "error_text"):
        getattr(library, f"persistent_topk_{name}").restype = ctypes.c_char_p
    library.persistent_topk_merge_launch.argtypes = [
        ctypes.POINTER(MergeParams),
        ctypes.c_int,
        ctypes.c_void_p,
    ]
    with torch.cuda.device(device):
        check(library, library.persistent_topk_merge_prepare())
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
    device = columns.get_device()
    found = loaded(device)
    params = MergeParams(
        values.data_ptr(), columns.data_ptr(), columns.stride(0), output.data_ptr(), ranks, rows, k, in_order
    )
    stream = torch.cuda.current_stream(device).cuda_stream
    with torch.cuda.device(device):
        error = found.library.persistent_topk_merge_launch(ctypes.byref(params), found.overlaps, stream)
    if error:
        check(found.library, error)
    return output
