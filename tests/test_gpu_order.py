"""The value order on the device over all 2^32 floats: order.cuh and its instructions against PyTorch."""

from __future__ import annotations

import ctypes

import pytest
import torch
from gpu_calls import TESTS

from persistent_topk.cuda.build import build
from persistent_topk.cuda.library import arch_of
from persistent_topk.reference.order import GREATEST_KEY, half_code, ordered_key

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device that torch can use"),
]

SLAB = 1 << 26
ABOVE, EQUAL = 1, 2
BOUNDS = (0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x00000001, 0x80000005, 0x7F800000, 0xFF800000)
NAN = 0x7FFFFFFF


def as_float(bits: int) -> torch.Tensor:
    return torch.tensor([bits - (1 << 32) if bits >> 31 else bits], dtype=torch.int32).view(torch.float32)


@pytest.mark.parametrize("flags", [(), ("-use_fast_math",)], ids=["default", "fast-math"])
def test_every_float_has_the_same_key_and_bin_on_the_device(flags: tuple[str, ...]) -> None:
    library = ctypes.CDLL(str(build(TESTS / "order_device.cu", arch_of(0), flags)))
    keys, codes, packed, compared = (torch.empty(SLAB, dtype=torch.int32, device="cuda") for _ in range(4))
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in (keys, codes, packed, compared)]
    place = torch.arange(SLAB, device="cuda", dtype=torch.int64)
    for number, first in enumerate(range(0, 1 << 32, SLAB)):
        bound = BOUNDS[number % len(BOUNDS)]
        torch.cuda.synchronize()
        assert library.order_of_range(ctypes.c_uint(first), SLAB, ctypes.c_uint(bound), *pointers) == 0
        torch.cuda.synchronize()
        floats = ((place + first) & GREATEST_KEY).to(torch.int32).view(torch.float32)
        expected = ordered_key(floats)
        assert torch.equal(expected, keys.long() & GREATEST_KEY)
        assert torch.equal(half_code(floats), codes)
        assert torch.equal(codes, packed), "the packed conversion differs from the integer definition"
        bound_key = int(ordered_key(as_float(bound)))
        nan = expected == GREATEST_KEY
        above = (expected > bound_key) | nan
        equal = (expected == bound_key) & ~nan
        assert torch.equal(above.int() * ABOVE + equal.int() * EQUAL, compared)


def test_every_comparison_with_nan_is_above_and_never_equal() -> None:
    library = ctypes.CDLL(str(build(TESTS / "order_device.cu", arch_of(0))))
    found = [torch.empty(SLAB, dtype=torch.int32, device="cuda") for _ in range(4)]
    pointers = [ctypes.c_void_p(tensor.data_ptr()) for tensor in found]
    torch.cuda.synchronize()
    assert library.order_of_range(ctypes.c_uint(0x7F000000), SLAB, ctypes.c_uint(NAN), *pointers) == 0
    torch.cuda.synchronize()
    assert bool((found[3] == ABOVE).all())
