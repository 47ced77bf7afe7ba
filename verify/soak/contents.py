"""Kinds of rows made on the device, many at a time: the contents of verify/cases/values.py as tensors.

Each takes a generator, a device shape (rows, columns) and k, and returns int32 bit patterns.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Shape = tuple[int, int]
Content = Callable[[torch.Generator, Shape, int], Tensor]
CONTENTS: dict[str, Content] = {}

ONE = 0x3F800000
INFINITY = 0x7F800000
MANTISSA = 0x007FFFFF
SIGN = -(1 << 31)
FP16_OVERFLOW = 65520.0
MASK = -1e30


def content(make: Content) -> Content:
    """Registers a kind under its function's name."""
    CONTENTS[make.__name__] = make
    return make


def gaussian(generator: torch.Generator, shape: Shape) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def uniform(generator: torch.Generator, shape: Shape) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def integers(generator: torch.Generator, shape: Shape, low: int, high: int) -> Tensor:
    return torch.randint(low, high, shape, generator=generator, device=generator.device, dtype=torch.int32)


def bits(values: Tensor) -> Tensor:
    return values.contiguous().view(torch.int32)


def some(generator: torch.Generator, shape: Shape, fraction: float) -> Tensor:
    return uniform(generator, shape) < fraction


@content
def normal(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape))


@content
def behind_relu(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    """Half of the row ties at zero."""
    return bits(gaussian(generator, shape).clamp_(min=0))


@content
def one_coarse_bin(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(uniform(generator, shape) * 0.245 + 1)


@content
def one_fine_bin(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(uniform(generator, shape) * 0.0145 + 1)


@content
def low_bits(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return integers(generator, shape, 0, 1 << 10) | 0x3F900000


@content
def last_bit(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return integers(generator, shape, 0, 2) | ONE


@content
def bit_ramp(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    ramp = torch.arange(shape[1], device=generator.device, dtype=torch.int32) + ONE
    return ramp.expand(shape).contiguous()


@content
def equal(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, (shape[0], 1)).expand(shape))


@content
def few_values(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape).mul_(8).round_().div_(4))


@content
def hundredths(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape).mul_(100).round_().div_(100))


@content
def bfloat16(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape).bfloat16().float())


@content
def both_zeros(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    zeros = integers(generator, shape, 0, 2) * SIGN
    return torch.where(some(generator, shape, 0.9), zeros, normal(generator, shape, k))


@content
def infinities(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    signed = integers(generator, shape, 0, 2) * SIGN | INFINITY
    return torch.where(some(generator, shape, 0.5), signed, normal(generator, shape, k))


def nan_bits(generator: torch.Generator, shape: Shape) -> Tensor:
    """NaN of both signs, quiet and signalling, any payload."""
    payload = integers(generator, shape, 1, MANTISSA + 1)
    return integers(generator, shape, 0, 2) * SIGN | INFINITY | payload


@content
def some_nan(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    fraction = uniform(generator, (shape[0], 1)) ** 4
    chosen = uniform(generator, shape) < fraction
    return torch.where(chosen, nan_bits(generator, shape), normal(generator, shape, k))


@content
def subnormal(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return integers(generator, shape, 0, 2) * SIGN | integers(generator, shape, 0, MANTISSA + 1)


@content
def beyond_fp16(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    """Finite, and all in the coarse bins of the infinities."""
    sizes = uniform(generator, shape).mul_(100).exp2_() * FP16_OVERFLOW
    return bits(sizes) | integers(generator, shape, 0, 2) * SIGN


@content
def masked(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    """Few scores; most positions hold -1e30 or -inf."""
    masks = torch.where(some(generator, shape, 0.5), MASK, -torch.inf)
    return bits(torch.where(some(generator, shape, 0.02), gaussian(generator, shape), masks))


@content
def any_bits(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return integers(generator, shape, SIGN, -SIGN)


@content
def plateau(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    """About as many ties at the k-th place as are needed, from half to four times."""
    share = uniform(generator, (shape[0], 1)) * 2 * k / max(shape[1], 1)
    drawn = uniform(generator, shape)
    low = gaussian(generator, shape).clamp_(max=0.5)
    tied = torch.where(drawn < share * 2, 1.0, low)
    return bits(torch.where(drawn < share / 4, gaussian(generator, shape).abs_() + 2, tied))


@content
def ascending(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape).sort(dim=1).values)


@content
def descending(generator: torch.Generator, shape: Shape, k: int) -> Tensor:
    return bits(gaussian(generator, shape).mul_(50).round_().sort(dim=1, descending=True).values)


def mixed_rows(generator: torch.Generator, shape: Shape, k: int) -> tuple[Tensor, list[str]]:
    """float32 [rows, columns] of up to four kinds, a run of rows each; and the kinds' names."""
    rows, columns = shape
    names = list(CONTENTS)
    kinds = torch.randperm(len(names), generator=torch.Generator().manual_seed(generator.initial_seed()))
    chosen = [names[int(kind)] for kind in kinds[: min(rows, 4)]]
    edges = [rows * i // len(chosen) for i in range(len(chosen) + 1)]
    parts = [
        CONTENTS[name](generator, (end - begin, columns), k)
        for name, begin, end in zip(chosen, edges[:-1], edges[1:], strict=True)
    ]
    return torch.cat(parts).view(torch.float32), chosen
