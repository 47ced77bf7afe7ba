"""The emulator's intrinsics against what a GPU answered, recorded in vectors/intrinsics.npz."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from gpu_calls import needs_gpu

from persistent_topk.cuda.emulator.build import build_kernel
from persistent_topk.cuda.emulator.library import Library
from persistent_topk.tools.intrinsics.cases import (
    HERE,
    LANES,
    Call,
    Parameters,
    argument_and_width,
    inputs_of,
    operation_names,
)
from persistent_topk.tools.intrinsics.record import inputs_checksum, record

VECTORS = Path(__file__).parent / "vectors" / "intrinsics.npz"
UNDEFINED = 0xDEADDEAD  # what the emulator says of a shuffle from a lane that takes no part
DISTANCES = LANES - 1  # the hardware looks at five bits of one

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


def recorded_names() -> list[str]:
    return [name for name in vectors() if "." not in name and name not in ("gpu", "compiler")]


def emulate(number: int, name: str) -> np.ndarray:
    inputs = inputs_of(name)
    result = np.zeros(inputs.result_words, np.uint32)
    pointers = [part.ctypes.data for part in (inputs.a, inputs.b, inputs.c, result)]
    parameters = Parameters(*pointers, number, len(inputs.b))
    emulator().launch(
        "intrinsics_emulate", Call(parameters, len(inputs.a), len(inputs.b), inputs.result_words)
    )
    return result


def source_lanes(name: str) -> np.ndarray:
    """The lane that each lane of a shuffle's cases reads: int64 [cases, LANES]."""
    argument, width = (part[:, None] for part in argument_and_width(inputs_of(name)))
    lane = np.arange(LANES)[None, :]
    first = lane - lane % width
    distance = argument & DISTANCES
    source = {
        "shfl": first + argument % width,
        "shfl_up": lane - distance,
        "shfl_down": lane + distance,
        "shfl_xor": lane ^ distance,
    }[name]
    # A lane may read from segments before its own, by exclusive or, but from none behind.
    stays = source < first if name == "shfl_up" else source >= first + width
    return np.where(stays, lane, source)


def own_lanes(name: str) -> np.ndarray:
    """The bit of each lane that takes part in a warp operation's cases: uint32 [cases, LANES]."""
    return inputs_of(name).b[:, None] & np.uint32(1) << np.arange(LANES, dtype=np.uint32)


def undefined_words(name: str) -> np.ndarray:
    """Which words of a shuffle's result come from a lane that takes no part: bool [cases * LANES]."""
    takes_part = own_lanes(name) != 0
    reads_outside = ~np.take_along_axis(takes_part, source_lanes(name), axis=1)
    return (takes_part & reads_outside).reshape(-1)


def check_answers(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Asserts that the emulator says what the GPU did, and UNDEFINED just where CUDA leaves it open."""
    if name.startswith("shfl"):
        expected = np.where(undefined_words(name), UNDEFINED, expected)
    if name == "active_mask":  # who else happens to run is nobody's promise
        own = own_lanes(name).reshape(-1)
        found, expected = found & own, expected & own
    wrong = np.flatnonzero(found != expected)
    assert len(wrong) == 0, f"{name}: word {wrong[0]}: {found[wrong[0]]:#x}, GPU {expected[wrong[0]]:#x}"


@needs_vectors
def test_the_emulator_answers_as_the_gpu_did() -> None:
    names = operation_names(emulator().functions)
    assert set(recorded_names()) <= set(names)
    for number, name in enumerate(names):
        if name not in recorded_names():
            continue
        assert inputs_checksum(inputs_of(name)) == int(vectors()[f"{name}.inputs"]), f"{name}: other inputs"
        check_answers(name, emulate(number, name), vectors()[name])


@needs_vectors
def test_every_operation_is_recorded() -> None:
    missing = [name for name in operation_names(emulator().functions) if name not in recorded_names()]
    if missing:
        pytest.skip(f"no recorded answers of a GPU yet: {', '.join(missing)}")


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
                check_answers(name, emulate(number, name), now[name])
