"""Edge inputs of every operation of intrinsics.cuh, and the two ways to run them."""

from __future__ import annotations

import ctypes
import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
LANES = 32
FULL = 0xFFFFFFFF
SEED = 8
RANDOM_WORDS = 12

# Words at which bits, carries, signs, half and float conversions and NaN begin or end.
EDGES = (
    *(0x00000000, 0x00000001, 0x00000002, 0x0000FFFF, 0x00010000, 0x007FFFFF, 0x00800000, 0x33000000),
    *(0x33000001, 0x387FC000, 0x387FE000, 0x38800000, 0x3F800000, 0x3F801000, 0x3F803000, 0x477FEFFF),
    *(0x477FF000, 0x7F7FFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0x80000000, 0x80000001),
    *(0x807FFFFF, 0xB3000000, 0xB3000001, 0xBF800000, 0xC77FF000, 0xFF7FFFFF, 0xFF800000, 0xFF800001),
    *(0xFFC00000, 0xFFFFFFFE, 0xFFFFFFFF, 0x55555555, 0xAAAAAAAA, 0x00FF00FF, 0x12345678, 0x89ABCDEF),
)
SHIFTS = (0, 1, 7, 31, 32, 33, 63, 64, 65, FULL)
SELECTORS = (0x3210, 0x7654, 0x0123, 0x4567, 0xBB99, 0xFEDC, 0x8888, 0x0000, 0x4B2D, 0xFFFF7531)
MASKS = (FULL, 0x1, 0x80000000, 0x0000FFFF, 0xFFFF0000, 0x55555555, 0x80000001, 0x00000300)
ARGUMENTS = (0, 1, 2, 5, 15, 16, 31, 32, 33, 63, -1)
WIDTHS = (32, 16, 8, 1)
FLOOR = "bin_floor_key_"  # and the bits of the bins
SHIFTING = ("funnelshift_l", "funnelshift_r", "funnelshift_lc", "funnelshift_rc")


@dataclass(frozen=True)
class Inputs:
    """uint32 words of one operation: a [count] or [count * 32], b and c [count]; result_words to come."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray
    result_words: int


def words(values: object) -> np.ndarray:
    """The values as uint32, modulo 2^32."""
    return np.array(values, np.uint64).astype(np.uint32)


def scalar_inputs(name: str) -> Inputs:
    """All pairs of edges; the third word goes through what matters to the operation."""
    thirds = SHIFTS if name in SHIFTING else SELECTORS if name == "byte_perm" else EDGES
    pairs = list(itertools.product(EDGES, EDGES))
    a, b = (words(part) for part in zip(*pairs, strict=True))
    c = words([thirds[(index + index // len(EDGES)) % len(thirds)] for index in range(len(pairs))])
    return Inputs(a, b, c, len(pairs))


def bin_inputs(name: str) -> Inputs:
    """Every bin, and the one behind the last."""
    bins = words(range((1 << int(name.removeprefix(FLOOR))) + 1))
    unused = np.zeros_like(bins)
    return Inputs(bins, unused, unused, len(bins))


def lane_values(draw: random.Random) -> list[list[int]]:
    """What the lanes of a warp bring: distinct, equal, few, edges, single ones and zeros."""
    return [
        [0x01000000 * lane + 7 for lane in range(LANES)],
        [0x3F800000] * LANES,
        [draw.choice((0, 1, 5, FULL)) for _ in range(LANES)],
        [draw.choice(EDGES) for _ in range(LANES)],
        [int(lane == 31) for lane in range(LANES)],
        [0] * LANES,
        *([draw.getrandbits(32) for _ in range(LANES)] for _ in range(RANDOM_WORDS // 6)),
    ]


def warp_inputs(name: str) -> Inputs:
    """Values under whole and partial masks; for shuffles every argument and width, out of range too."""
    draw = random.Random(SEED)
    shuffles = name.startswith("shfl")
    arguments: tuple[int, ...] = ARGUMENTS if shuffles else (0,)
    if name in ("shfl_up", "shfl_down"):
        arguments = tuple(argument for argument in ARGUMENTS if argument >= 0)
    if name == "shfl_xor":
        arguments = tuple(argument for argument in ARGUMENTS if 0 <= argument < LANES)
    cases = list(itertools.product(lane_values(draw), MASKS, arguments, WIDTHS if shuffles else (32,)))
    a = words([values for values, _, _, _ in cases]).reshape(-1)
    b = words([mask for _, mask, _, _ in cases])
    c = words([(argument & 0xFFFF) | width << 16 for _, _, argument, width in cases])
    return Inputs(a, b, c, len(a))


def argument_and_width(inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
    """What warp_inputs() packed into c: int64 [count] each."""
    argument = inputs.c.astype(np.uint16).view(np.int16)
    return argument.astype(np.int64), (inputs.c >> 16).astype(np.int64)


def atomic_inputs(name: str) -> Inputs:
    """Inputs of an atomic: those of scalars, some made to be equal for compare-and-swap."""
    inputs = scalar_inputs(name)
    # A compare-and-swap that never succeeds would show little: every third one compares with what is there.
    b = np.where(np.arange(len(inputs.a)) % 3 == 0, inputs.a, inputs.b) if name == "atomic_cas" else inputs.b
    return Inputs(inputs.a, b, inputs.c, 2 * len(inputs.a))


def inputs_of(name: str) -> Inputs:
    """The inputs of the operation called `name` in intrinsics.cuh; the same at every call."""
    if name.startswith("atomic"):
        return atomic_inputs(name)
    if name.startswith(("shfl", "ballot", "match", "reduce")) or name in ("any", "all", "active_mask"):
        return warp_inputs(name)
    if name.startswith(FLOOR):
        return bin_inputs(name)
    return scalar_inputs(name)


class Parameters(ctypes.Structure):
    """Parameters of intrinsics.cuh."""

    _fields_ = [
        ("a", ctypes.c_void_p),
        ("b", ctypes.c_void_p),
        ("c", ctypes.c_void_p),
        ("result", ctypes.c_void_p),
        ("operation", ctypes.c_int32),
        ("count", ctypes.c_int32),
    ]


class Call(ctypes.Structure):
    """Arguments of emulated.cpp."""

    _fields_ = [
        ("parameters", Parameters),
        ("a_words", ctypes.c_int64),
        ("words", ctypes.c_int64),
        ("result_words", ctypes.c_int64),
    ]


def operation_names(library: ctypes.CDLL) -> list[str]:
    """Names in the order of their numbers."""
    library.intrinsics_name.restype = ctypes.c_char_p
    return [library.intrinsics_name(number).decode() for number in range(library.intrinsics_count())]
