"""The oracle is the contract, sentence by sentence."""

from __future__ import annotations

import math
import struct

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recipes import Recipe, recipes

from persistent_topk.reference import oracle
from persistent_topk.reference.order import ordered_key


def in_words(values: list[float], k: int) -> list[int]:
    """The contract for one row, by Python's own sort and nothing of ours."""

    def place(column: int) -> tuple[bool, float, int]:
        value = values[column]
        return (not math.isnan(value), 0.0 if math.isnan(value) else -value, column)

    return sorted(sorted(range(len(values)), key=place)[:k])


def topk_row(values: torch.Tensor, k: int) -> list[int]:
    return oracle.topk(values[None], torch.tensor([values.numel()], dtype=torch.int32), k)[0].tolist()


@given(recipes(longest_run=20), st.integers(0, 120), st.integers(1, 60))
def test_the_first_columns_in_the_order_of_values(recipe: Recipe, length: int, k: int) -> None:
    row = recipe.row(length)
    expected = in_words(row.tolist(), k)
    assert topk_row(row, k) == expected + [-1] * (k - len(expected))


@given(recipes(), st.integers(1, 300), st.data())
def test_sorting_keys_as_integers_selects_the_same(recipe: Recipe, length: int, data: st.DataObject) -> None:
    row = recipe.row(length)
    k = data.draw(st.integers(1, length))
    by_keys = torch.sort(ordered_key(row), descending=True, stable=True).indices[:k].sort().values
    assert oracle.first_columns(row, k).tolist() == by_keys.tolist()


@pytest.mark.parametrize(
    ("values", "k", "columns"),
    [
        ([1.0, 3.0, 2.0], 2, [1, 2]),
        ([-0.0, 0.0, -0.0, 0.0], 2, [0, 1]),
        ([0.0, -0.0, 1e-45], 2, [0, 2]),
        ([math.inf, math.nan, math.inf, -math.nan], 3, [0, 1, 3]),
        ([-math.inf, -math.inf], 1, [0]),
        ([2.0, 2.0, 2.0], 2, [0, 1]),
    ],
)
def test_examples(values: list[float], k: int, columns: list[int]) -> None:
    assert topk_row(torch.tensor(values), k) == columns


def test_nans_of_any_payload_are_one_value() -> None:
    bits = (0xFFFFFFFF, 0x7F800001, 0xFF800001, 0x7FC00000)
    row = torch.tensor(struct.unpack("<4i", struct.pack("<4I", *bits)), dtype=torch.int32).view(torch.float32)
    assert topk_row(row, 2) == [0, 1]


@pytest.mark.parametrize(
    ("length", "columns"),
    [(-5, [-1, -1]), (0, [-1, -1]), (1, [0, -1]), (2, [0, 1]), (3, [1, 2]), (9, [1, 2])],
)
def test_lengths_are_clamped_to_the_row(length: int, columns: list[int]) -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    assert oracle.topk(logits, torch.tensor([length], dtype=torch.int32), 2).tolist() == [columns]


def test_flush_to_zero_is_refused() -> None:
    """Subnormal numbers would compare equal to zero."""
    lengths = torch.tensor([2], dtype=torch.int32)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor has no flush-to-zero mode")
    try:
        with pytest.raises(RuntimeError, match=r"set_flush_denormal\(True\) is on.*expected"):
            oracle.topk(torch.zeros(1, 2), lengths, 1)
    finally:
        torch.set_flush_denormal(False)
    assert oracle.topk(torch.tensor([[0.0, 1e-45]]), lengths, 1).tolist() == [[1]]


def test_rows_that_are_sorted_in_parts_keep_their_own_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part is of whole rows, and of as many as one sort may take; here of two, of two and of one."""
    logits = torch.randn(5, 10, generator=torch.Generator().manual_seed(0))
    starts = torch.tensor([0, 4, 2, 7, 1], dtype=torch.int32)
    lengths = torch.tensor([9, 4, 8, 2, 6], dtype=torch.int32)
    expected = oracle.topk(logits, lengths, 3, starts=starts)
    assert expected.tolist() == [
        (sorted(in_words(logits[row, start : start + length].tolist(), 3)) + [-1] * 3)[:3]
        for row, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True))
    ]
    monkeypatch.setattr(oracle, "MOST_SORTED", 20)
    assert torch.equal(expected, oracle.topk(logits, lengths, 3, starts=starts))


def test_wide_rows() -> None:
    columns = 1 << 22
    row = torch.zeros(1, columns)
    row[0, columns - 3 :] = 1.0
    selected = oracle.topk(row, torch.tensor([columns], dtype=torch.int32), 5)
    assert selected.tolist() == [[0, 1, columns - 3, columns - 2, columns - 1]]
