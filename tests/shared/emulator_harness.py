"""Runs the small kernels of tests/cuda/emulator/kernels/ on the emulator."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np
from places import TESTS

from persistent_topk.cuda.emulator.build import build_kernel
from persistent_topk.cuda.emulator.library import EmulationError, Library, Schedule

SOURCES = TESTS / "cuda" / "emulator" / "kernels"


class _Parameters(ctypes.Structure):
    _fields_ = (
        ("input", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("workspace", ctypes.c_void_p),
        ("words", ctypes.c_int),
    )


class _Arguments(ctypes.Structure):
    _fields_ = (
        ("kernel", ctypes.c_char_p),
        ("parameters", _Parameters),
        *((name, ctypes.c_int32) for name in ("grid", "block", "cluster", "cooperative")),
        ("workspace_words", ctypes.c_int64),
        ("shared_bytes", ctypes.c_int64),
    )


@functools.cache
def library(file: str) -> Library:
    return Library(build_kernel(SOURCES / f"{file}.cpp", headers=sorted(SOURCES.glob("*.hpp"))))


def kind_of_failure(file: str, kernel: str, **options: Any) -> str | None:
    """What a run fails with; None if it goes through."""
    try:
        run(file, kernel, **options)
    except EmulationError as error:
        return error.kind
    return None


def run(
    file: str,
    kernel: str,
    values: np.ndarray | None = None,
    *,
    grid: int = 1,
    block: int = 64,
    cluster: int = 1,
    cooperative: bool = False,
    shared_words: int | None = None,
    schedule: Schedule | None = None,
    access_budget: int = 0,
    judges: bool = True,
) -> np.ndarray:
    """uint32 [grid * block]: what the kernel left in its output. EmulationError if it erred."""
    words = grid * block
    values = np.arange(words, dtype=np.uint32) if values is None else values
    output = np.full(words, 0xDEADBEEF, dtype=np.uint32)
    workspace = np.zeros(max(grid, 2), dtype=np.uint32)
    arguments = _Arguments(
        kernel.encode(),
        _Parameters(values.ctypes.data, output.ctypes.data, workspace.ctypes.data, words),
        grid,
        block,
        cluster,
        cooperative,
        workspace.size,
        4 * (block if shared_words is None else shared_words),
    )
    library(file).launch("run_kernel", arguments, schedule, access_budget, judges)
    return output
