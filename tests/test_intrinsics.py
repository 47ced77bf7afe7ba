"""The emulator's intrinsics against what a GPU answered, recorded in vectors/intrinsics.npz."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from gpu_calls import needs_gpu

from persistent_topk.cuda.emulator_build import build_kernel
from persistent_topk.cuda.emulator_library import Library
from persistent_topk.cuda.intrinsics.cases import HERE, Call, Parameters, inputs_of, operation_names
from persistent_topk.cuda.intrinsics.record import inputs_checksum, record

VECTORS = Path(__file__).parent / "vectors" / "intrinsics.npz"
UNDEFINED = 0xDEADDEAD  # what the emulator says of a shuffle from a lane that takes no part

needs_vectors = pytest.mark.skipif(
    not VECTORS.is_file(), reason="no recorded answers of a GPU: vectors/intrinsics.npz is missing"
)


@functools.cache
def emulator() -> Library:
    return Library(build_kernel(HERE / "emulated.cpp"))


@functools.cache
def vectors() -> dict[str, np.ndarray]:
    with np.load(VECTORS) as found:
        return dict(found)


def emulate(number: int, name: str) -> np.ndarray:
    inputs = inputs_of(name)
    result = np.zeros(inputs.result_words, np.uint32)
    pointers = [part.ctypes.data for part in (inputs.a, inputs.b, inputs.c, result)]
    parameters = Parameters(*pointers, number, len(inputs.b))
    emulator().launch(
        "intrinsics_emulate", Call(parameters, len(inputs.a), len(inputs.b), inputs.result_words)
    )
    return result


@needs_vectors
def test_the_emulator_answers_as_the_gpu_did() -> None:
    names = operation_names(emulator().functions)
    assert names == [name for name in vectors() if "." not in name and name not in ("gpu", "compiler")]
    for number, name in enumerate(names):
        assert inputs_checksum(inputs_of(name)) == int(vectors()[f"{name}.inputs"]), f"{name}: other inputs"
        found, expected = emulate(number, name), vectors()[name]
        wrong = np.flatnonzero((found != expected) & (found != UNDEFINED))
        assert len(wrong) == 0, f"{name}: word {wrong[0]}: {found[wrong[0]]:#x}, GPU {expected[wrong[0]]:#x}"


def test_every_operation_runs_on_the_emulator() -> None:
    names = operation_names(emulator().functions)
    results = {name: emulate(number, name) for number, name in enumerate(names)}
    assert all(result.any() for result in results.values())
    inputs = inputs_of("popc")
    assert [bin(word).count("1") for word in inputs.a.tolist()] == results["popc"].tolist()


class TestOnGpu:
    pytestmark = needs_gpu

    def test_this_gpu_answers_as_recorded(self, tmp_path: Path) -> None:
        record(tmp_path / "now.npz")
        with np.load(tmp_path / "now.npz") as now:
            for number, name in enumerate(operation_names(emulator().functions)):
                found, expected = emulate(number, name), now[name]
                wrong = np.flatnonzero((found != expected) & (found != UNDEFINED))
                first = wrong[:1]
                assert len(wrong) == 0, f"{name}: word {first}: {found[first]}, GPU {expected[first]}"
