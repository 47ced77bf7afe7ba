"""The emulator's answers to every intrinsic, held against a GPU's."""

from __future__ import annotations

import functools

import numpy as np

from persistent_topk.cuda.emulator.build import build_kernel
from persistent_topk.cuda.emulator.library import Library
from persistent_topk.tools.intrinsics.cases import (
    HERE,
    LANES,
    Call,
    Parameters,
    argument_and_width,
    inputs_of,
)

UNDEFINED = 0xDEADDEAD  # what the emulator says of a shuffle from a lane that takes no part
DISTANCES = LANES - 1  # the hardware looks at five bits of one


@functools.cache
def emulator() -> Library:
    return Library(build_kernel(HERE / "emulated.cpp"))


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
