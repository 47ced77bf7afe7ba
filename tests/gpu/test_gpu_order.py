"""The value order on the device over all 2^32 floats: order.cuh and its instructions against PyTorch."""

from __future__ import annotations

import ctypes

import pytest
import torch
from gpu_calls import GPU_TESTS

from persistent_topk.cuda.build import Unit, build
from persistent_topk.cuda.library import arch_of
from persistent_topk.reference.order import GREATEST_KEY, half_code, ordered_key

SLAB = 1 << 26
ABOVE, BETWEEN = 1, 2
# Pairs (low, high) of bit patterns that a slab's floats are compared with.
BOUNDS = (
    (0x00000000, 0x3F800000),
    (0xBF800000, 0x80000000),
    (0x80000005, 0x00000001),
    (0xFF800000, 0x7F800000),
    (0x00000001, 0x00000003),
    (0xFF7FFFFF, 0xBF800001),
)
NAN = 0x7FFFFFFF


def key_of(bits: int) -> int:
    signed = bits - (1 << 32) if bits >> 31 else bits
    return int(ordered_key(torch.tensor([signed], dtype=torch.int32).view(torch.float32)))


class Device:
    """order_device.cu over slabs: keys, codes, packed codes and comparisons, int32 [SLAB] each."""

    def __init__(self, flags: tuple[str, ...] = ()) -> None:
        self.library = ctypes.CDLL(str(build([Unit(GPU_TESTS / "order_device.cu")], arch_of(0), flags)))
        self.results = [torch.empty(SLAB, dtype=torch.int32, device="cuda") for _ in range(4)]

    def run(self, first: int, low: int, high: int) -> list[torch.Tensor]:
        numbers = [ctypes.c_uint(number) for number in (first, SLAB, low, high)]
        torch.cuda.synchronize()
        error = self.library.order_of_range(*numbers, *(ctypes.c_void_p(r.data_ptr()) for r in self.results))
        torch.cuda.synchronize()
        assert error == 0
        return self.results


@pytest.mark.parametrize("flags", [(), ("-use_fast_math",)], ids=["default", "fast-math"])
def test_every_float_has_the_same_key_and_bin_on_the_device(flags: tuple[str, ...]) -> None:
    device = Device(flags)
    place = torch.arange(SLAB, device="cuda", dtype=torch.int64)
    for number, first in enumerate(range(0, 1 << 32, SLAB)):
        low, high = BOUNDS[number % len(BOUNDS)]
        keys, codes, packed, compared = device.run(first, low, high)
        floats = ((place + first) & GREATEST_KEY).to(torch.int32).view(torch.float32)
        expected = ordered_key(floats)
        assert torch.equal(expected, keys.long() & GREATEST_KEY)
        assert torch.equal(half_code(floats), codes)
        assert torch.equal(codes, packed), "the packed conversion differs from the integer definition"
        nan = expected == GREATEST_KEY
        above_low, above_high = ((expected > key_of(bound)) | nan for bound in (low, high))
        assert torch.equal(above_low.int() * ABOVE + (above_low & ~above_high).int() * BETWEEN, compared)


def test_every_float_is_above_a_bound_that_is_nan() -> None:
    compared = Device().run(0x7F000000, NAN, NAN)[3]
    assert bool((compared == ABOVE).all())


def test_between_nan_and_a_number_lies_what_is_not_above_that() -> None:
    first, high = 0x7F000000, 0x7F400000
    compared = Device().run(first, NAN, high)[3]
    floats = (torch.arange(SLAB, device="cuda") + first).to(torch.int32).view(torch.float32)
    expected = ABOVE + BETWEEN * (ordered_key(floats) <= key_of(high)).int()
    assert torch.equal(expected, compared)
