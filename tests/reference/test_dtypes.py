"""Every bfloat16 and every float16 is ordered as the float32 that it converts to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from persistent_topk import reference
from persistent_topk.reference import oracle
from persistent_topk.reference.dtypes import LOGITS_DTYPES, bits_of, widened
from persistent_topk.reference.order import GREATEST_KEY, fp16_bin, half_code, ordered_key
from persistent_topk.reference.policy import TINY

NARROW = pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
PATTERNS = 1 << 16


def every(dtype: torch.dtype) -> torch.Tensor:
    """All 2^16 values, in the order of their bits."""
    return torch.from_numpy(np.arange(PATTERNS, dtype=np.uint16).view(np.int16)).view(dtype)


def by_definition(dtype: torch.dtype) -> np.ndarray:
    """The values as float64, from sign, exponent and mantissa."""
    exponent_bits, mantissa_bits = (8, 7) if dtype == torch.bfloat16 else (5, 10)
    bits = np.arange(PATTERNS)
    exponent = bits >> mantissa_bits & (1 << exponent_bits) - 1
    mantissa = bits & (1 << mantissa_bits) - 1
    bias, last = (1 << exponent_bits - 1) - 1, (1 << exponent_bits) - 1
    significand = np.where(exponent > 0, mantissa + (1 << mantissa_bits), mantissa).astype(np.float64)
    magnitude = np.ldexp(significand, np.maximum(exponent, 1) - bias - mantissa_bits)
    magnitude[exponent == last] = np.where(mantissa[exponent == last] == 0, np.inf, np.nan)
    return np.where(bits >> 15 == 1, -magnitude, magnitude)


@NARROW
def test_widening_keeps_every_value(dtype: torch.dtype) -> None:
    found = widened(every(dtype))
    assert found.dtype == torch.float32
    expected = by_definition(dtype)
    assert np.array_equal(found.double().numpy(), expected, equal_nan=True)
    number = ~np.isnan(expected)
    assert np.array_equal(np.signbit(found.numpy())[number], np.signbit(expected)[number])


@NARROW
def test_keys_and_bins_are_those_of_the_float32(dtype: torch.dtype) -> None:
    values = every(dtype)
    as_float32 = torch.from_numpy(by_definition(dtype).astype(np.float32))
    assert torch.equal(ordered_key(values), ordered_key(as_float32))
    assert torch.equal(half_code(values), half_code(as_float32))
    for bits in (8, 9, 10, 11):
        assert torch.equal(fp16_bin(values, bits), fp16_bin(as_float32, bits))


@NARROW
def test_keys_order_all_values(dtype: torch.dtype) -> None:
    """Neighbours in the order of values have keys that rise, and are equal for zeros and NaN alone."""
    numbers = by_definition(dtype)
    order = np.argsort(numbers, kind="stable")  # numpy puts NaN last
    keys = ordered_key(every(dtype)).numpy()[order]
    ordered = numbers[order]
    rises = (ordered[1:] > ordered[:-1]) | (np.isnan(ordered[1:]) & ~np.isnan(ordered[:-1]))
    assert np.array_equal(keys[1:] > keys[:-1], rises)
    assert (keys[1:] >= keys[:-1]).all()
    assert np.array_equal(keys == GREATEST_KEY, np.isnan(ordered))


@NARROW
@pytest.mark.parametrize("k", [1, 300, 4096])
def test_all_values_in_one_row(dtype: torch.dtype, k: int) -> None:
    shuffled = every(dtype)[torch.randperm(PATTERNS, generator=torch.Generator().manual_seed(k))]
    numbers = by_definition(dtype)[bits_of(shuffled).numpy().view(np.uint16)]
    number = ~np.isnan(numbers)
    falling = np.where(number, -numbers, 0.0)
    first = np.lexsort((np.arange(PATTERNS), falling, number))[:k]  # by the last of these first
    expected = [sorted(first.tolist())]
    assert expected == oracle.topk(shuffled[None], None, k).tolist()
    assert expected == reference.topk(shuffled[None], None, k).tolist()


def test_half_codes_of_float16_are_exact() -> None:
    values = every(torch.float16)
    finite = ~values.isnan()
    bits = bits_of(values).int() & 0xFFFF
    expected = torch.where(bits >= 0x8000, 0xFFFF - bits, bits + 0x8000)
    expected[values == 0] = 0x8000
    assert torch.equal(expected[finite], half_code(values)[finite])


@NARROW
def test_flush_to_zero_changes_no_key(dtype: torch.dtype) -> None:
    expected = ordered_key(every(dtype))
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor has no flush-to-zero mode")
    try:
        assert torch.equal(expected, ordered_key(every(dtype)))
    finally:
        torch.set_flush_denormal(False)


@given(st.sampled_from(LOGITS_DTYPES[1:]), st.integers(1, 40), st.integers(0, 99))
def test_the_selection_is_that_of_the_logits_converted_to_float32(
    dtype: torch.dtype, k: int, seed: int
) -> None:
    patterns = np.random.default_rng(seed).integers(0, PATTERNS, (2, 200), np.uint16)
    logits = torch.from_numpy(patterns.view(np.int16)).view(dtype)
    lengths = torch.tensor([200, 77], dtype=torch.int32)
    expected = oracle.topk(logits.float(), lengths, k)
    assert torch.equal(expected, oracle.topk(logits, lengths, k))
    assert torch.equal(expected, reference.topk(logits, lengths, k, policy=TINY))


@pytest.mark.parametrize("dtype", LOGITS_DTYPES)
def test_bits_are_a_view(dtype: torch.dtype) -> None:
    values = torch.ones(3, 4, dtype=dtype, requires_grad=True)
    assert bits_of(values).data_ptr() == values.data_ptr()
    assert bits_of(values).element_size() == values.element_size()
