"""Contents of rows, by name: what logits may look like, as bit patterns.

Each is stated once, for any number of rows on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...reference.policy import DEFAULT_K
from .draws import Draw, NumpyDraw, Shape, TorchDraw

ONE = 0x3F800000
NEGATIVE = 0x80000000
SIGN = -(1 << 31)  # NEGATIVE as an int32
INFINITY = 0x7F800000
MANTISSA = 0x007FFFFF
LOW_BITS = 10  # values that differ in so few low bits share every FP16 bin
ABOVE_ONE = 0x3F900000  # 1.125: its low bits are zero
FP16_OVERFLOW = 65520.0  # the least float32 that rounds to binary16's infinity
MASK = -1e30  # what attention code writes to masked positions

Make = Callable[[Draw, Shape, int], Tensor]


def bits_of(values: np.ndarray | float) -> np.ndarray:
    """uint32 bit patterns of float32 values."""
    return np.ascontiguousarray(np.asarray(values, np.float32)).view(np.uint32)


def bit_of(value: float) -> int:
    """The bit pattern of one float32 value."""
    return int(bits_of(value)[0])


@dataclass(frozen=True)
class Content:
    """One kind of row. make(draw, (rows, columns), k): int32 [rows, columns] of bit patterns, where k columns
    of each row will be selected."""

    make: Make

    def __call__(self, random: np.random.Generator, n: int, k: int = DEFAULT_K) -> np.ndarray:
        """One row: uint32 [n]."""
        return self.make(NumpyDraw(random), (1, n), k)[0].numpy().view(np.uint32)

    def rows(self, generator: torch.Generator, shape: Shape, k: int) -> Tensor:
        """float32 [rows, columns] on the generator's device."""
        return self.make(TorchDraw(generator), shape, k).view(torch.float32)


CONTENTS: dict[str, Content] = {}


def content(make: Make) -> Make:
    """Registers a kind under its function's name, with dashes."""
    CONTENTS[make.__name__.replace("_", "-")] = Content(make)
    return make


def patterns(values: Tensor) -> Tensor:
    """int32 bit patterns of float32 values."""
    return values.contiguous().view(torch.int32)


def signs(draw: Draw, shape: Shape) -> Tensor:
    """Bit patterns of +0 and -0."""
    return draw.integers(shape, 0, 2) * SIGN


@content
def normal(draw: Draw, shape: Shape, k: int) -> Tensor:
    return patterns(draw.normal(shape))


@content
def half_zero(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Normal scores behind a ReLU: half of the row ties at zero."""
    return patterns(draw.normal(shape).clamp_(min=0))


@content
def negative(draw: Draw, shape: Shape, k: int) -> Tensor:
    return patterns(draw.normal(shape).abs_().neg_())


@content
def one_bin(draw: Draw, shape: Shape, k: int) -> Tensor:
    """All in [1.0, 1.245): one bin of the 8-bit coarse histogram holds the row."""
    return patterns(draw.uniform(shape).mul_(0.245).add_(1))


@content
def one_fine_bin(draw: Draw, shape: Shape, k: int) -> Tensor:
    """All in [1.0, 1.015): one bin of 8, 11 and even 12 bits holds the row."""
    return patterns(draw.uniform(shape).mul_(0.0145).add_(1))


@content
def low_bits(draw: Draw, shape: Shape, k: int) -> Tensor:
    return draw.integers(shape, 0, 1 << LOW_BITS) | ABOVE_ONE


@content
def last_bit(draw: Draw, shape: Shape, k: int) -> Tensor:
    return draw.integers(shape, 0, 2) | ONE


@content
def bit_ramp(draw: Draw, shape: Shape, k: int) -> Tensor:
    ramp = torch.arange(shape[1], device=draw.device, dtype=torch.int32) + ONE
    return ramp.expand(shape).contiguous()


@content
def equal(draw: Draw, shape: Shape, k: int) -> Tensor:
    return patterns(draw.normal((shape[0], 1)).expand(shape))


@content
def few(draw: Draw, shape: Shape, k: int) -> Tensor:
    return patterns(draw.normal(shape).mul_(8).round_().div_(4))


@content
def rounded(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Scores rounded to hundredths: a few hundred ties at any threshold of a long row."""
    return patterns(draw.normal(shape).mul_(100).round_().div_(100))


@content
def bfloat16(draw: Draw, shape: Shape, k: int) -> Tensor:
    return patterns(draw.normal(shape).bfloat16().float())


@content
def both_zeros(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Mostly zeros of either sign, with some values between them."""
    return torch.where(draw.uniform(shape) < 0.9, signs(draw, shape), normal(draw, shape, k))


@content
def infinities(draw: Draw, shape: Shape, k: int) -> Tensor:
    return torch.where(draw.uniform(shape) < 0.5, signs(draw, shape) | INFINITY, normal(draw, shape, k))


@content
def all_nan(draw: Draw, shape: Shape, k: int) -> Tensor:
    """NaN of both signs, quiet and signalling, with any payload."""
    return signs(draw, shape) | INFINITY | draw.integers(shape, 1, MANTISSA + 1)


@content
def some_nan(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Few NaN in most rows, and up to a whole row of them."""
    share = draw.uniform((shape[0], 1)) ** 4
    return torch.where(draw.uniform(shape) < share, all_nan(draw, shape, k), normal(draw, shape, k))


@content
def subnormal(draw: Draw, shape: Shape, k: int) -> Tensor:
    return signs(draw, shape) | draw.integers(shape, 0, MANTISSA + 1)


@content
def collapse(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Finite, of either sign, and all in the coarse bins of the infinities."""
    return patterns(draw.uniform(shape).mul_(100).exp2_().mul_(FP16_OVERFLOW)) | signs(draw, shape)


@content
def collapse_edge(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Within a few float32 steps of 65520, where binary16 turns to infinity."""
    return draw.integers(shape, -4, 5) + bit_of(FP16_OVERFLOW)


@content
def masked(draw: Draw, shape: Shape, k: int) -> Tensor:
    """Few scores, most positions masked, by -1e30 and by -inf."""
    masks = torch.where(draw.uniform(shape) < 0.5, MASK, -torch.inf)
    return patterns(torch.where(draw.uniform(shape) < 0.02, draw.normal(shape), masks))


@content
def any_bits(draw: Draw, shape: Shape, k: int) -> Tensor:
    return draw.integers(shape, SIGN, -SIGN)


@content
def plateau(draw: Draw, shape: Shape, k: int) -> Tensor:
    """About as many ties at the k-th place as are needed, from half to four times."""
    share = draw.uniform((shape[0], 1)) * (2 * k / max(shape[1], 1))
    drawn = draw.uniform(shape)
    tied = torch.where(drawn < share * 2, 1.0, draw.normal(shape).clamp_(max=0.5))
    return patterns(torch.where(drawn < share / 4, draw.normal(shape).abs_() + 2, tied))
