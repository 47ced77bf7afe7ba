"""The kernels of floor.cu, called through ctypes: read-only kernels, which bound a top-k's time from
below."""

from __future__ import annotations

import ctypes
from pathlib import Path

import torch

from ..cuda.build import Unit, build
from ..cuda.cache import load_library
from ..cuda.library import arch_of

FLOOR_SOURCE = Path(__file__).parent / "floor.cu"
BLOCKS_PER_SM = 4
EMPTY_THREADS = 1024


def check(error: int) -> None:
    """Raises RuntimeError with the number of a cudaError other than 0."""
    if error:
        raise RuntimeError(f"a kernel of floor.cu failed to launch: cudaError {error}")


class Floor:
    """The kernels of floor.cu on the current device, launched on the current stream."""

    def __init__(self, flush_bytes: int) -> None:
        device = torch.cuda.current_device()
        self.library = load_library(build([Unit(FLOOR_SOURCE)], arch_of(device)))
        self.sms = torch.cuda.get_device_properties(device).multi_processor_count
        self.flush = torch.zeros(flush_bytes // 4, device="cuda")
        self.sink = torch.zeros(1, dtype=torch.int32, device="cuda")

    @staticmethod
    def stream() -> ctypes.c_void_p:
        return ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)

    def block_a_row(self, logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> None:
        """Reads each row's first `lengths` logits by one 1024-thread block and writes k integers a row."""
        check(self.library.bench_floor_block_a_row(*pointers(logits, lengths, output), k, self.stream()))

    def rows_cut(self, logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, k: int) -> None:
        """Does the same with four 512-thread blocks an SM. Each block reads a part of the rows."""
        arguments = pointers(logits, lengths, output)
        check(self.library.bench_floor_rows_cut(*arguments, k, self.sms, self.stream()))

    def empty(self) -> None:
        """Launches a kernel that does nothing, with one block an SM."""
        check(self.library.bench_empty(self.sms, EMPTY_THREADS, self.stream()))

    def read_flush(self) -> None:
        """Reads the flush buffer, so that L2 holds nothing else."""
        floats = ctypes.c_int64(self.flush.numel())
        blocks = self.sms * BLOCKS_PER_SM
        pointer = ctypes.c_void_p(self.flush.data_ptr())
        sink = ctypes.c_void_p(self.sink.data_ptr())
        check(self.library.bench_read(pointer, floats, sink, blocks, self.stream()))

    def spin(self, nanoseconds: int, blocks: int = 1, shared_bytes: int = 0) -> None:
        """Keeps the stream busy for `nanoseconds`. If each block takes all shared memory, `blocks` SMs are
        full."""
        duration = ctypes.c_int64(nanoseconds)
        check(self.library.bench_spin(duration, blocks, shared_bytes, self.stream()))


def pointers(logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor) -> tuple[object, ...]:
    """The first arguments of both read-only kernels."""
    return (
        ctypes.c_void_p(logits.data_ptr()),
        ctypes.c_int64(logits.stride(0)),
        ctypes.c_void_p(lengths.data_ptr()),
        ctypes.c_void_p(output.data_ptr()),
        logits.shape[0],
    )
