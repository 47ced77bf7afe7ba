"""The C++ operators on a CPU, in a namespace of their own, over a kernel that only remembers its calls."""

from __future__ import annotations

import ctypes
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from persistent_topk import ops
from persistent_topk.cuda.build import BuildError, find_nvcc
from persistent_topk.cuda.cache import load_library
from persistent_topk.cuda.operators import library
from persistent_topk.cuda.structs import TopkCall

NAMESPACE = "persistent_topk_in_cpp"
STREAM = 0x5EED
LAUNCH = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(TopkCall))
WORKSPACE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(TopkCall), ctypes.POINTER(ctypes.c_int64))
CURRENT_STREAM = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))


@dataclass
class Kernel:
    """A library that remembers its calls. needs: bytes of workspace. fails: the error of a launch."""

    needs: int = 0
    fails: int = 0
    calls: list[TopkCall] = field(default_factory=list)
    asked: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.launch, self.workspace = LAUNCH(self._launch), WORKSPACE(self._workspace)
        self.python = library.Python(
            library.FIND(self._find),
            library.EXPLAIN(lambda device, dtype, error: library.KEPT.keep(RuntimeError(f"error {error}"))),
            ctypes.cast(self._stream, ctypes.c_void_p),
        )

    def _launch(self, call: Any) -> int:
        self.calls.append(TopkCall.from_buffer_copy(call.contents))
        return self.fails

    def _workspace(self, call: Any, size: Any) -> int:
        size.contents.value = self.needs
        return 0

    def _find(self, device: int, dtype: int, found: Any) -> int | None:
        self.asked.append((device, dtype))
        if self.fails < 0:
            return library.KEPT.keep(BuildError("no compiler"))
        found.contents.launch = ctypes.cast(self.launch, ctypes.c_void_p).value
        found.contents.workspace = ctypes.cast(self.workspace, ctypes.c_void_p).value
        return None

    @property
    def _stream(self) -> Any:
        def stream(device: int, found: Any) -> int:
            found.contents.value = STREAM
            return 0

        self.current_stream = CURRENT_STREAM(stream)
        return self.current_stream


class InCpp:
    """The operators of a namespace of their own, whose CPU side is a copy of the library."""

    def __init__(self, folder: Path, name: str, kernel: Kernel) -> None:
        self.kernel = kernel
        self.schemas = torch.library.Library(name, "DEF")
        for operator, schema in ops.SCHEMAS.items():
            self.schemas.define(operator + schema)
        copy = folder / f"{name}.so"
        shutil.copy(library.compiled(), copy)  # another file is another library: its globals are its own
        self.library = load_library(copy)
        for key in ("CPU", "Meta"):  # where a tensor is elsewhere, torch calls that other device's
            library.register(self.library, kernel.python, name, key)
        operators = getattr(torch.ops, name)
        self.topk_out, self.select_out, self.select = (
            operators.topk_out,
            operators.select_out,
            operators.select,
        )

    @property
    def last(self) -> TopkCall:
        return self.kernel.calls[-1]


def skip_unless_it_compiles() -> None:
    if not library.is_new_enough(torch.__version__):
        pytest.skip(f"needs torch {library.TARGET}")
    try:
        find_nvcc()
    except BuildError as error:
        pytest.skip(str(error))
