"""CUB's DeviceBatchedTopK on a GPU, compiled on first use against the headers of a package.

The headers are those of the package cuda-cccl (CCCL 3.6: ties to the lowest column, any row up to 2^21
columns) or of nvidia-cuda-cccl 13.3 (CCCL 3.5: ties as it comes, rows up to 8192 columns). Either may be
installed, or lie as a wheel or an unpacked folder where PERSISTENT_TOPK_CCCL says.
"""

from __future__ import annotations

import ctypes
import functools
import os
from importlib import metadata
from pathlib import Path

import torch

from ....cuda.build import Unit, build, find_nvcc
from ....cuda.cache import load_library
from ....cuda.library import arch_of
from .wheels import NotInside, below, folder_with

SOURCE = Path(__file__).parent / "cub.cu"
HEADERS_VARIABLE = "PERSISTENT_TOPK_CCCL"
PACKAGES = ("cuda-cccl", "nvidia-cuda-cccl")
MARK = "cub/device/device_batched_topk.cuh"  # first in CCCL 3.5
WANTED = "the headers of CCCL 3.5 or newer (pip install cuda-cccl, or its wheel or unpacked folder)"
NO_TIES = "has no prefer_smaller_index here; it came with 3.6, for sm_90 and newer"
PADDING = -1


class CubUnavailable(RuntimeError):
    """CUB cannot be used here, or not for this call; the message says what is missing."""


class CubCall(ctypes.Structure):
    """CubCall of cub.cu."""

    _fields_ = [
        ("logits", ctypes.c_void_p),
        ("row_stride", ctypes.c_int64),
        ("lengths", ctypes.c_void_p),
        ("values", ctypes.c_void_p),
        ("output", ctypes.c_void_p),
        ("storage", ctypes.c_void_p),
        ("storage_bytes", ctypes.c_size_t),
        ("stream", ctypes.c_void_p),
        ("rows", ctypes.c_int32),
        ("columns", ctypes.c_int32),
        ("k", ctypes.c_int32),
        ("ties", ctypes.c_int32),
    ]


def installed() -> Path | None:
    """The include folder of an installed package or of the CUDA toolkit, or None."""
    for package in PACKAGES:
        try:
            files = metadata.distribution(package).files or []
        except metadata.PackageNotFoundError:
            continue
        for file in files:
            if file.as_posix().endswith("/" + MARK):
                return Path(str(file.locate())).resolve().parents[MARK.count("/")]
    return below(find_nvcc().resolve().parents[1] / "include", MARK)


def find_headers(given: Path | None = None) -> Path:
    """The include folder: of `given` (a folder or a wheel), of PERSISTENT_TOPK_CCCL, or installed.

    Raises CubUnavailable that says what was looked at and what was expected.
    """
    variable = os.environ.get(HEADERS_VARIABLE)
    given = given or (Path(variable) if variable else None)
    if given is None:
        found = installed()
        if found is None:
            raise CubUnavailable(f"neither {' nor '.join(PACKAGES)} is installed; expected {WANTED}")
        return found
    try:
        return folder_with(given, MARK)
    except NotInside as error:
        raise CubUnavailable(f"{error}; expected {WANTED}") from error


class Cub:
    """The compiled library for one device: `launch` to time, `topk` to call."""

    def __init__(self, headers: Path, device: int) -> None:
        self.library = load_library(build([Unit(SOURCE)], arch_of(device), [f"-I{headers}"]))
        call, size = ctypes.POINTER(CubCall), ctypes.POINTER(ctypes.c_size_t)
        self.library.persistent_topk_cub_storage.argtypes = [call, size]
        self.library.persistent_topk_cub_launch.argtypes = [call]
        self.library.persistent_topk_cub_error.restype = ctypes.c_char_p
        major, _ = torch.cuda.get_device_capability(device)
        self.takes_ties = bool(self.library.persistent_topk_cub_takes_ties(major))
        self.most_columns: int = self.library.persistent_topk_cub_most_columns(major)

    @property
    def version(self) -> str:
        """CCCL's, such as "3.6.0"."""
        number = self.library.persistent_topk_cub_version()
        return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"

    def check(self, error: int) -> None:
        if error:
            raise CubUnavailable(
                f"CUB {self.version}: {self.library.persistent_topk_cub_error(error).decode()}"
            )

    def call(self, logits: torch.Tensor, lengths: torch.Tensor, output: torch.Tensor, ties: bool) -> CubCall:
        """The arguments without scratch. output: int32 [R, k]; lengths: from 0 to the columns."""
        rows, columns = logits.shape
        if columns > self.most_columns:
            raise CubUnavailable(f"CUB {self.version} takes rows up to {self.most_columns} columns")
        if ties and not self.takes_ties:
            raise CubUnavailable(f"CUB {self.version} {NO_TIES}")
        return CubCall(
            logits=logits.data_ptr(),
            row_stride=logits.stride(0),
            lengths=lengths.data_ptr(),
            output=output.data_ptr(),
            rows=rows,
            columns=columns,
            k=output.shape[1],
            ties=int(ties),
        )

    def scratch(self, call: CubCall) -> tuple[torch.Tensor, torch.Tensor]:
        """(values, storage) for the call: the selected values, and CUB's temporary storage."""
        size = ctypes.c_size_t()
        self.check(self.library.persistent_topk_cub_storage(ctypes.byref(call), ctypes.byref(size)))
        values = torch.empty(call.rows * call.k, device="cuda")
        return values, torch.empty(max(1, size.value), dtype=torch.uint8, device="cuda")

    def launch(self, call: CubCall, values: torch.Tensor, storage: torch.Tensor) -> None:
        """Launches on the current stream; no allocation, no wait."""
        call.values, call.storage, call.storage_bytes = values.data_ptr(), storage.data_ptr(), storage.numel()
        call.stream = torch.cuda.current_stream().cuda_stream
        self.check(self.library.persistent_topk_cub_launch(ctypes.byref(call)))

    def topk(self, logits: torch.Tensor, lengths: torch.Tensor, k: int, ties: bool = False) -> torch.Tensor:
        """CUB's selection: int32 [R, k], in no order, -1 behind the min(k, n)-th.

        logits: float32 [R, S] on a CUDA device, column stride 1; lengths: int32 [R], clamped here, since CUB
        leaves others undefined. ties: of equal values, the lowest columns. Raises CubUnavailable.
        """
        clamped = lengths.clamp(0, logits.shape[1]).contiguous()
        output = logits.new_full((logits.shape[0], k), PADDING, dtype=torch.int32)
        if output.numel() and logits.shape[1]:
            call = self.call(logits, clamped, output, ties)
            self.launch(call, *self.scratch(call))
        return output


@functools.cache
def load(given: Path | None = None) -> Cub:
    """CUB for the current device. given: the headers, as find_headers takes them.

    Raises CubUnavailable, or BuildError with what nvcc said.
    """
    return Cub(find_headers(given), torch.cuda.current_device())
