"""Contents of rows, by name: what a row of n logits may look like, as bit patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Content = Callable[[np.random.Generator, int], np.ndarray]

ONE = 0x3F800000
NEGATIVE = 0x80000000
INFINITY = 0x7F800000
MANTISSA = 0x007FFFFF
LOW_BITS = 10  # values that differ in so few low bits share every FP16 bin
FP16_OVERFLOW = 65520.0  # the least float32 that rounds to binary16's infinity
MASK = -1e30  # what attention code writes to masked positions


def bits_of(values: np.ndarray | float) -> np.ndarray:
    """uint32 bit patterns of float32 values."""
    return np.ascontiguousarray(np.asarray(values, np.float32)).view(np.uint32)


def bit_of(value: float) -> int:
    """The bit pattern of one float32 value."""
    return int(bits_of(value)[0])


def normal(random: np.random.Generator, n: int) -> np.ndarray:
    return bits_of(random.standard_normal(n, np.float32))


def half_zero(random: np.random.Generator, n: int) -> np.ndarray:
    """Normal scores behind a ReLU: half of the row ties at zero."""
    return bits_of(np.maximum(random.standard_normal(n, np.float32), 0))


def negative(random: np.random.Generator, n: int) -> np.ndarray:
    return bits_of(-np.abs(random.standard_normal(n, np.float32)))


def one_bin(random: np.random.Generator, n: int) -> np.ndarray:
    """All in [1.0, 1.245): one bin of the 8-bit coarse histogram holds the row."""
    return bits_of(1.0 + 0.245 * random.random(n, np.float32))


def one_fine_bin(random: np.random.Generator, n: int) -> np.ndarray:
    """All in [1.0, 1.015): one bin of 8, 11 and even 12 bits holds the row."""
    return bits_of(1.0 + 0.0145 * random.random(n, np.float32))


def low_bits(random: np.random.Generator, n: int) -> np.ndarray:
    return (0x3F900000 | random.integers(0, 1 << LOW_BITS, n)).astype(np.uint32)


def last_bit(random: np.random.Generator, n: int) -> np.ndarray:
    return (ONE | random.integers(0, 2, n)).astype(np.uint32)


def bit_ramp(random: np.random.Generator, n: int) -> np.ndarray:
    return (ONE + np.arange(n)).astype(np.uint32)


def equal(random: np.random.Generator, n: int) -> np.ndarray:
    return np.full(n, bit_of(random.standard_normal()), np.uint32)


def few(random: np.random.Generator, n: int) -> np.ndarray:
    return bits_of(np.round(random.standard_normal(n, np.float32) * 8) / 4)


def rounded(random: np.random.Generator, n: int) -> np.ndarray:
    """Scores rounded to hundredths: a few hundred ties at any threshold of a long row."""
    return bits_of(np.round(random.standard_normal(n, np.float32) * 100) / 100)


def bfloat16(random: np.random.Generator, n: int) -> np.ndarray:
    return normal(random, n) & np.uint32(0xFFFF0000)


def both_zeros(random: np.random.Generator, n: int) -> np.ndarray:
    """Mostly zeros of either sign, some values around."""
    zeros = random.integers(0, 2, n).astype(np.uint32) * np.uint32(NEGATIVE)
    return np.where(random.random(n) < 0.9, zeros, normal(random, n))


def infinities(random: np.random.Generator, n: int) -> np.ndarray:
    signs = random.integers(0, 2, n).astype(np.uint32) * np.uint32(NEGATIVE)
    return np.where(random.random(n) < 0.5, signs | np.uint32(INFINITY), normal(random, n))


def nan_bits(random: np.random.Generator, n: int) -> np.ndarray:
    """NaN of both signs, quiet and signalling, with random payloads."""
    signs = random.integers(0, 2, n).astype(np.uint32) * np.uint32(NEGATIVE)
    return signs | np.uint32(INFINITY) | random.integers(1, MANTISSA + 1, n).astype(np.uint32)


def some_nan(random: np.random.Generator, n: int) -> np.ndarray:
    fraction = random.choice([0.001, 0.5, 0.83])
    return np.where(random.random(n) < fraction, nan_bits(random, n), normal(random, n))


def subnormal(random: np.random.Generator, n: int) -> np.ndarray:
    signs = random.integers(0, 2, n).astype(np.uint32) * np.uint32(NEGATIVE)
    return signs | random.integers(0, MANTISSA + 1, n).astype(np.uint32)


def collapse(random: np.random.Generator, n: int) -> np.ndarray:
    """Finite, of either sign, and all in the coarse bins of the infinities."""
    sizes = FP16_OVERFLOW * np.exp2(random.random(n) * 100)
    return bits_of(sizes * random.choice([-1.0, 1.0], n))


def collapse_edge(random: np.random.Generator, n: int) -> np.ndarray:
    """Within a few float32 steps of 65520, where binary16 turns to infinity."""
    edge = bit_of(FP16_OVERFLOW)
    return (edge + random.integers(-4, 5, n)).astype(np.uint32)


def masked(random: np.random.Generator, n: int) -> np.ndarray:
    """Few scores, most positions masked, by -1e30 and by -inf."""
    masks = np.where(random.random(n) < 0.5, np.float32(MASK), np.float32(-np.inf))
    return np.where(random.random(n) < 0.02, normal(random, n), bits_of(masks))


def any_bits(random: np.random.Generator, n: int) -> np.ndarray:
    return random.integers(0, 1 << 32, n, dtype=np.uint64).astype(np.uint32)


CONTENTS: dict[str, Content] = {
    "normal": normal,
    "half-zero": half_zero,
    "negative": negative,
    "one-bin": one_bin,
    "one-fine-bin": one_fine_bin,
    "low-bits": low_bits,
    "last-bit": last_bit,
    "bit-ramp": bit_ramp,
    "equal": equal,
    "few": few,
    "rounded": rounded,
    "bfloat16": bfloat16,
    "both-zeros": both_zeros,
    "infinities": infinities,
    "all-nan": nan_bits,
    "some-nan": some_nan,
    "subnormal": subnormal,
    "collapse": collapse,
    "collapse-edge": collapse_edge,
    "masked": masked,
    "any-bits": any_bits,
}


def ordered_keys(bits: np.ndarray) -> np.ndarray:
    """uint32 keys whose unsigned order is the contract's: the judge's own statement of it, apart from
    the reference's so that one slip cannot hide in both."""
    magnitude = bits & np.uint32(0x7FFFFFFF)
    keys = np.where(bits >> np.uint32(31) == 1, ~bits, bits | np.uint32(NEGATIVE))
    keys = np.where(magnitude == 0, np.uint32(NEGATIVE), keys)
    return np.where(magnitude > INFINITY, np.uint32(0xFFFFFFFF), keys)


def in_order(bits: np.ndarray, order: str) -> np.ndarray:
    """`bits` as drawn, or sorted "ascending" or "descending" by the contract's order."""
    if order == "drawn":
        return bits
    ascending = bits[np.argsort(ordered_keys(bits), kind="stable")]
    return ascending if order == "ascending" else ascending[::-1].copy()


ORDERS = ("drawn", "ascending", "descending")
