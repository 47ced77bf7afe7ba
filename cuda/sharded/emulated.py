"""The merge's source on a CPU, under a chosen schedule, every access checked.

Source: the emulator, as cuda/emulator/topk.py runs it.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

import torch
from torch import Tensor

from ...reference.policy import POLICIES, SMALL, Policy
from ..emulator.build import KERNEL, build_kernel
from ..emulator.library import Library, Schedule
from .digits import StageParams

HEADERS = Path(__file__).parent
SOURCE = HEADERS / "merge.cpp"
STAGE_SOURCE = HEADERS / "digits.cpp"


class _Arguments(ctypes.Structure):
    _fields_ = (
        ("values", ctypes.c_void_p),
        ("columns", ctypes.c_void_p),
        ("rank_stride", ctypes.c_int64),
        ("output", ctypes.c_void_p),
        ("ranks", ctypes.c_int64),
        ("rows", ctypes.c_int64),
        ("k", ctypes.c_int64),
        ("in_order", ctypes.c_int64),
    )


@functools.cache
def load(policy: Policy = SMALL, headers: Path = HEADERS) -> Library:
    """The merge compiled for `policy`, from the header in the directory `headers`. Raises BuildError."""
    index = list(POLICIES.values()).index(policy)
    defines = [f"PERSISTENT_TOPK_POLICY={index}"]
    return Library(build_kernel(SOURCE, defines, headers, sorted(KERNEL.glob("*.cuh"))))


def merge(
    values: Tensor,
    columns: Tensor,
    k: int,
    *,
    in_order: bool = False,
    policy: Policy = SMALL,
    schedule: Schedule | None = None,
    headers: Path = HEADERS,
) -> Tensor:
    """As reference.lists.merge, by the kernel's source: int32 [R, k].

    values: float32 [W, R, k] on the CPU, of W ranks. columns: int32 [W, R, k]. in_order: whether the columns
    of a rank lie behind those of the ranks before it. policy: a named one. schedule: how the threads
    interleave; None: round_robin. headers: the directory of merge.cuh, for altered copies of it.

    Raises EmulationError for what the kernel does wrong, ValueError for more pairs than a CTA holds,
    BuildError.
    """
    ranks, rows, _ = columns.shape
    library = load(policy, headers)
    slots = int(library.functions.persistent_topk_merge_slots())
    if ranks * k > slots:
        raise ValueError(f"values has {ranks} x {k} pairs a row; expected {slots} at most")
    output = torch.full((rows, k), -2, dtype=torch.int32, device="cpu")
    if output.numel() == 0:
        return output
    pairs = [tensor.reshape(ranks, rows * k).contiguous() for tensor in (values, columns)]
    arguments = _Arguments(
        pairs[0].data_ptr(), pairs[1].data_ptr(), rows * k, output.data_ptr(), ranks, rows, k, in_order
    )
    library.launch("persistent_topk_merge_emulate", arguments, schedule)
    return output


@functools.cache
def load_stages(headers: Path = HEADERS) -> Library:
    """The stages between exchanges, compiled from the header in the directory `headers`. Raises
    BuildError."""
    return Library(build_kernel(STAGE_SOURCE, (), headers, sorted(KERNEL.glob("*.cuh"))))


def launch_stage(
    params: StageParams, on: Tensor, *, schedule: Schedule | None = None, headers: Path = HEADERS
) -> None:
    """One launch of a stage on the emulator.

    params: of digits.cuh. on: int32, any shape, on the CPU; its contents are not read. schedule: how the
    threads interleave; None: round_robin. headers: the directory of digits.cuh, for altered copies of it.
    Raises EmulationError for what the kernel does wrong, BuildError.
    """
    load_stages(headers).launch("persistent_topk_stage_emulate", params, schedule)
