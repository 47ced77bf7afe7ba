"""What is said where the compiled kernel cannot be loaded, or a call of CUDA fails: no GPU takes part."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from persistent_topk.cuda import library
from persistent_topk.cuda.build import BuildError

# Errors that a call meets where machine, driver or caller are not as expected.
FORESEEN = (
    "cudaErrorNoDevice",
    "cudaErrorInvalidDevice",
    "cudaErrorInsufficientDriver",
    "cudaErrorUnsupportedPtxVersion",
    "cudaErrorSystemDriverMismatch",
    "cudaErrorNoKernelImageForDevice",
    "cudaErrorMemoryAllocation",
    "cudaErrorCooperativeLaunchTooLarge",
    "cudaErrorStreamCaptureUnsupported",
    "cudaErrorStreamCaptureInvalidated",
)
FAILED = 7


class FailingLibrary:
    """Stands for the loaded library after a call that failed with the error of this name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def persistent_topk_error_name(self, error: int) -> bytes:
        assert error == FAILED
        return self.name.encode()

    def persistent_topk_error_text(self, error: int) -> bytes:
        assert error == FAILED
        return b"what CUDA says of it"

    def persistent_topk_failed_call(self) -> bytes:
        return b"cudaSomething(device)"


def message(name: str) -> str:
    with pytest.raises(library.CudaError) as told:
        library.check(FailingLibrary(name), FAILED)
    return str(told.value)


def test_a_call_that_succeeded_raises_nothing() -> None:
    library.check(FailingLibrary("cudaSuccess"), 0)


@pytest.mark.parametrize("name", FORESEEN)
def test_a_foreseen_error_is_told_with_the_call_and_what_to_do(name: str) -> None:
    told = message(name)
    assert told.startswith(f"{name} (what CUDA says of it) in cudaSomething(device): ")
    assert told.endswith(library.ADVICE[name])


def test_any_other_error_points_to_its_documentation() -> None:
    assert "cudaErrorOther" not in library.ADVICE
    assert message("cudaErrorOther").endswith(": see the CUDA documentation of this error")


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"no library at all"])
def test_a_damaged_library_is_named_and_to_be_deleted(content: bytes, tmp_path: Path) -> None:
    damaged = tmp_path / "launch-sm_90-0123456789abcdef.so"
    damaged.write_bytes(content)
    with pytest.raises(BuildError, match=f"{re.escape(str(damaged))} cannot be loaded: .*; delete it"):
        library.load(damaged)
