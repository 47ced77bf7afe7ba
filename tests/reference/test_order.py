"""reference/order.py and cuda/kernel/order.cuh: each right, and equal to each other."""

from __future__ import annotations

import ctypes
import math
import subprocess
from pathlib import Path

import native
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from persistent_topk.reference.order import (
    GREATEST_KEY,
    LOWEST_KEY,
    ZERO_KEY,
    bin_floor_key,
    fp16_bin,
    half_code,
    key_to_float,
    ordered_key,
)

TWIN = native.SHARED / "order_twin.cpp"
JUDGE = native.SHARED / "exhaustive_order.cpp"
BIN_BITS = (8, 11)
SAMPLE_STRIDE = 61  # of the 2^32 floats; all rounding boundaries of binary16 are visited besides
FLOAT_BITS = st.integers(0, 2**32 - 1)


def floats(bits) -> torch.Tensor:
    """float32 tensor of the given bit patterns."""
    return torch.from_numpy(np.asarray(bits, dtype=np.uint64).astype(np.uint32).view(np.float32).copy())


def bits_of(values: torch.Tensor) -> np.ndarray:
    return values.numpy().view(np.uint32)


def dense_sample() -> torch.Tensor:
    """Every exponent, every half and midpoint between halves with neighbours, subnormals, NaNs."""
    exponents = np.arange(256, dtype=np.uint64)[:, None] << 23
    mantissas = np.concatenate([np.arange(64), 2 ** np.arange(23), 2**23 - 1 - np.arange(64)]).astype(
        np.uint64
    )
    every_exponent = (exponents | mantissas).ravel()
    codes = np.arange(2 * 0x7C00 + 1)  # 5 exponent and 11 mantissa bits: halves and midpoints in turn
    exponent, mantissa = codes >> 11, codes & 0x7FF
    value = np.where(exponent == 0, np.ldexp(mantissa, -25), np.ldexp(2048.0 + mantissa, exponent - 26))
    boundary = value.astype(np.float32).view(np.uint32).astype(np.int64)
    near = np.clip(boundary[:, None] + np.arange(-3, 4), 0, 2**31 - 1).ravel().astype(np.uint64)
    scattered = np.random.default_rng(0).integers(0, 2**31, 1 << 18).astype(np.uint64)
    magnitudes = np.concatenate([every_exponent, near, scattered])
    return floats(np.concatenate([magnitudes, magnitudes | (1 << 31)]))


@pytest.fixture(scope="module")
def twin_library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return ctypes.CDLL(
        str(native.compile(tmp_path_factory.mktemp("order") / "twin.so", [TWIN], "-O2", "-shared", "-fPIC"))
    )


def run_twin(library: ctypes.CDLL, values: torch.Tensor) -> list[np.ndarray]:
    """keys, bins of 11 bits, bins of 8 bits, bits of the floats that the keys stand for; by C++."""
    outputs = [np.zeros(values.numel(), np.uint32) for _ in range(4)]
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in outputs]
    library.order_twin(ctypes.c_void_p(values.data_ptr()), ctypes.c_int64(values.numel()), *pointers)
    return outputs


def test_the_pytorch_twin_equals_the_cpp_twin(twin_library: ctypes.CDLL) -> None:
    values = dense_sample()
    keys, bins11, bins8, back = run_twin(twin_library, values)
    assert np.array_equal(keys, ordered_key(values).numpy())
    assert np.array_equal(bins11, fp16_bin(values, 11).numpy())
    assert np.array_equal(bins8, fp16_bin(values, 8).numpy())
    assert np.array_equal(back, bits_of(key_to_float(ordered_key(values))))


@pytest.mark.parametrize("bits", BIN_BITS)
def test_bin_floors_equal_those_of_the_cpp_twin(twin_library: ctypes.CDLL, bits: int) -> None:
    function = getattr(twin_library, f"bin_floor_key_{bits}")
    function.restype = ctypes.c_uint32
    for bin in range((1 << bits) + 1):
        assert bin_floor_key(bin, bits) == function(bin), hex(bin)


def run_judge(folder: Path, stride: int, fast_math: bool) -> None:
    """Hold order.cuh, built plain or to flush subnormals, to independent definitions."""
    unsafe = ["-ffast-math"] if fast_math else []
    tested = native.compile(folder / "twin.o", [TWIN], "-O2", "-c", *unsafe)
    processor = ["-march=native"] if native.supports("-march=native") else []
    program = native.compile(folder / "judge", [JUDGE, tested], "-O2", "-pthread", *processor)
    words = [str(program), str(stride), "2", *(["flush"] if fast_math else [])]
    judged = subprocess.run(words, capture_output=True, text=True)
    assert (judged.returncode, judged.stdout) == (0, "order holds\n"), judged.stderr


@pytest.mark.parametrize("fast_math", [False, True])
def test_order_holds_over_a_sample_of_floats(tmp_path: Path, fast_math: bool) -> None:
    run_judge(tmp_path, SAMPLE_STRIDE, fast_math)


@pytest.mark.exhaustive
@pytest.mark.parametrize("fast_math", [False, True])
def test_order_holds_over_all_floats(tmp_path: Path, fast_math: bool) -> None:
    run_judge(tmp_path, 1, fast_math)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("topk::ordered_key(x)", "x == 0 ? topk::kZeroKey - (topk::bits_of(x) != 0) : topk::ordered_key(x)"),
        ("topk::ordered_key(x)", "topk::bits_of(x) | topk::kSignBit"),
        ("topk::fp16_bin<8>(x)", "topk::fp16_bin<8>(topk::float_of(topk::bits_of(x) & ~0x1000u))"),
        ("topk::bin_floor_key<11>(bin)", "topk::bin_floor_key<11>(bin) + (bin == 0x600)"),
    ],
    ids=["-0 apart", "negative numbers mirrored", "half a step lost", "floor too high"],
)
def test_the_judge_fails_a_wrong_order(tmp_path: Path, right: str, wrong: str) -> None:
    """The alarm rings."""
    source = TWIN.read_text()
    assert right in source
    defective = tmp_path / TWIN.name
    defective.write_text(source.replace("../../cuda/kernel", str(native.KERNEL)).replace(right, wrong))
    program = native.compile(tmp_path / "judge", [JUDGE, defective], "-O1", "-pthread")
    judged = subprocess.run([str(program), "99991", "1"], capture_output=True, text=True)
    assert judged.returncode == 1
    assert "expected 0x" in judged.stderr


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (-math.inf, LOWEST_KEY),
        (-0.0, ZERO_KEY),
        (0.0, ZERO_KEY),
        (math.inf, 0xFF800000),
        (math.nan, GREATEST_KEY),
    ],
)
def test_keys_of_note(value: float, key: int) -> None:
    assert ordered_key(torch.tensor([value])).tolist() == [key]


def test_every_nan_has_the_greatest_key_and_the_last_bin() -> None:
    nans = floats([0x7F800001, 0x7FC00000, 0x7FFFFFFF, 0xFF800001, 0xFFC00000, 0xFFFFFFFF])
    assert ordered_key(nans).unique().tolist() == [GREATEST_KEY]
    assert fp16_bin(nans, 11).unique().tolist() == [2047]


@given(st.lists(FLOAT_BITS, min_size=2, max_size=2))
def test_keys_and_bins_are_in_the_order_of_values(bits: list[int]) -> None:
    pair = floats(bits)
    a, b = (float(value) for value in pair)
    before = a < b or (not math.isnan(a) and math.isnan(b))
    same = a == b or (math.isnan(a) and math.isnan(b))
    key_a, key_b = ordered_key(pair).tolist()
    assert (key_a < key_b, key_a == key_b) == (before, same)
    code_a, code_b = half_code(pair).tolist()
    assert code_a <= code_b if key_a <= key_b else code_a >= code_b


def test_codes_are_those_of_a_conversion_to_binary16() -> None:
    values = dense_sample()
    values = values[~values.isnan()]
    half = values.to(torch.float16)
    bits = half.view(torch.int16).to(torch.int32) & 0xFFFF
    expected = torch.where(bits >= 0x8000, 0xFFFF - bits, bits + 0x8000)
    expected[half == 0] = 0x8000
    assert torch.equal(half_code(values), expected)


@pytest.mark.parametrize("bits", range(1, 16))
def test_a_bins_floor_is_its_lowest_key(bits: int) -> None:
    bins = torch.arange(half_code(torch.tensor(-math.inf)) >> (16 - bits), (0xFC00 >> (16 - bits)) + 1)
    floors = torch.tensor([bin_floor_key(bin, bits) for bin in bins.tolist()])
    below = floors[1:] - 1  # never 0x7FFFFFFF, which is no float's key
    assert torch.equal(ordered_key(key_to_float(floors)), floors)
    assert torch.equal(fp16_bin(key_to_float(floors), bits).long(), bins)
    assert torch.equal(fp16_bin(key_to_float(below), bits).long(), bins[:-1])


def test_views_and_shapes_are_kept() -> None:
    values = torch.randn(6, 8, requires_grad=True)[::2, ::3]
    assert ordered_key(values).shape == fp16_bin(values, 11).shape == (3, 3)
    assert torch.equal(key_to_float(ordered_key(values)), values.detach())
