"""The C++ operators as Python sees them: compiled and loaded at the first call with CUDA tensors.

C++ asks Python for the kernel's libraries, which are compiled when they are first used, and for the words of
an error. An error of C++ reaches callers as a ValueError or a RuntimeError; the one of ours behind it is
kept.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from ..build import CUDA_DIR, DEFAULT_ARCH, Unit, build
from ..cache import BuildError, load_library
from ..library import check, library_for
from ..structs import LOGITS_NAMES

SOURCE = CUDA_DIR / "operators" / "operators.cu"
TARGET = (2, 11)  # the oldest torch that has all of the stable ABI that the operators use
LOGITS = tuple(LOGITS_NAMES)
STREAM_OF_TORCH = "aoti_torch_get_current_cuda_stream"
LOG = logging.getLogger("persistent_topk")


class KernelLibrary(ctypes.Structure):
    """KernelLibrary of kernels.cuh."""

    _fields_ = [("launch", ctypes.c_void_p), ("workspace", ctypes.c_void_p)]


FIND = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(KernelLibrary))
EXPLAIN = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_int32)


class Python(ctypes.Structure):
    """Python of kernels.cuh: what C++ may ask."""

    _fields_ = [("find", FIND), ("explain", EXPLAIN), ("current_stream", ctypes.c_void_p)]


class Kept(threading.local):
    """The last error of this thread that C++ was told, and its words, whose memory C++ reads."""

    error: Exception | None = None
    words: Any = None

    def keep(self, error: Exception) -> int:
        """The address of the error's words."""
        self.error, self.words = error, ctypes.create_string_buffer(str(error).encode())
        return ctypes.addressof(self.words)


KEPT = Kept()


def raise_kept(told: Exception) -> None:
    """Raises the BuildError or CudaError behind what the C++ operators told torch in this thread; once.

    told: what torch made of it. An earlier error, or one of another origin, is not raised.
    """
    error, KEPT.error = KEPT.error, None
    if error is not None and str(told).startswith(str(error)):
        raise error from None


def _find(device: int, dtype: int, found: Any) -> int | None:
    try:
        kernel = library_for(device, LOGITS[dtype])
    except Exception as error:  # whatever it is, C++ must hear of it
        return KEPT.keep(error)
    found.contents.launch = ctypes.cast(kernel.persistent_topk_launch, ctypes.c_void_p).value
    found.contents.workspace = ctypes.cast(kernel.persistent_topk_workspace, ctypes.c_void_p).value
    return None


def _explain(device: int, dtype: int, error: int) -> int:
    try:
        check(library_for(device, LOGITS[dtype]), error)
        raise RuntimeError(f"error {error} of the kernel's library, which has no words for it")
    except Exception as told:
        return KEPT.keep(told)


def flags() -> tuple[str, ...]:
    """What nvcc needs to know of this torch."""
    home = Path(torch.__file__).resolve().parent
    major, minor = TARGET
    target = f"-DTORCH_TARGET_VERSION=0x{major:02x}{minor:02x}000000000000"
    return (f"-I{home / 'include'}", target, f"-L{home / 'lib'}", "-ltorch_cpu")


def compiled() -> Path:
    """The library, compiled now if it is not cached. Raises BuildError."""
    return build((Unit(SOURCE),), DEFAULT_ARCH, flags())


def register(library: ctypes.CDLL, python: Python, namespace: str, key: str) -> None:
    """Has torch call the library for the operators of a namespace and a dispatch key. Both must stay in
    memory.

    Raises RuntimeError where torch refuses.
    """
    names = (namespace.encode(), key.encode())
    if library.persistent_topk_operators_register(*names, ctypes.byref(python)):
        raise RuntimeError(f"torch does not take the operators of {namespace} for {key} tensors")


def is_new_enough(version: str) -> bool:
    """Whether a torch of this version has the stable ABI that the operators use."""
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= TARGET


_LOADING = threading.Lock()
_ANSWER: list[bool] = []  # of the first call
_LOADED: list[object] = []  # what C++ calls


def load(device: int, dtype: torch.dtype) -> bool:
    """Whether CUDA tensors go to C++ from now on: compiles and loads it, at the first call.

    device, dtype: of the first call's logits, whose kernel is compiled at the same time.
    """
    with _LOADING:
        if not _ANSWER:
            _ANSWER.append(is_new_enough(torch.__version__) and _load(device, dtype))
        return _ANSWER[0]


def compiled_beside_the_kernel(device: int, dtype: torch.dtype) -> Path:
    """The library, compiled while that of the kernel is. Raises BuildError for its own failure alone."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(library_for, device, dtype)  # who asks for the kernel hears of its failure
        return compiled()


def _load(device: int, dtype: torch.dtype) -> bool:
    try:
        library = load_library(compiled_beside_the_kernel(device, dtype))
        of_torch = ctypes.CDLL(str(Path(torch.__file__).resolve().parent / "lib" / "libtorch_cuda.so"))
        stream = ctypes.cast(getattr(of_torch, STREAM_OF_TORCH), ctypes.c_void_p)
    except (BuildError, OSError, AttributeError) as error:
        LOG.warning("the operators stay in Python, which is slower: %s", error)
        return False
    python = Python(FIND(_find), EXPLAIN(_explain), stream)
    _LOADED.extend((library, python))
    register(library, python, "persistent_topk", "CUDA")
    return True
