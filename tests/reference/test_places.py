"""What is written for a column: its place by offsets or pages, in 64 bits, and the bits of its logit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection
from persistent_topk.reference.places import answer, places_of, values_of

LEAST32, MOST32, LEAST64, MOST64 = -(2**31), 2**31 - 1, -(2**63), 2**63 - 1
INT32, INT64 = torch.int32, torch.int64
COLUMNS = torch.tensor([[0, 1, 5, -1]], dtype=INT32)


def places(columns: torch.Tensor = COLUMNS, **options: Any) -> list[int]:
    """The places of one row's columns, of six."""
    call = Call(torch.zeros(1, 6), None, columns.shape[1], **options)
    found = places_of(call, columns)
    assert options.get("index_dtype", INT32) == found.dtype
    return found[0].tolist()


def one(entry: int, dtype: torch.dtype = INT32) -> torch.Tensor:
    return torch.tensor([entry], dtype=dtype)


@pytest.mark.parametrize("index_dtype", [INT32, INT64])
def test_columns_are_their_own_places(index_dtype: torch.dtype) -> None:
    assert [0, 1, 5, -1] == places(index_dtype=index_dtype)


@pytest.mark.parametrize("dtype", [INT32, INT64])
@pytest.mark.parametrize("index_dtype", [INT32, INT64])
def test_an_offset_is_added_to_every_column(dtype: torch.dtype, index_dtype: torch.dtype) -> None:
    assert [100, 101, 105, -1] == places(offsets=one(100, dtype), index_dtype=index_dtype)
    assert [-9, -8, -4, -1] == places(offsets=one(-9, dtype), index_dtype=index_dtype)


@pytest.mark.parametrize(
    ("offset", "index_dtype", "expected"),
    [
        (MOST32 - 1, INT32, [MOST32 - 1, MOST32, -1, -1]),
        (MOST32, INT32, [MOST32, -1, -1, -1]),
        (MOST32 + 1, INT32, [-1, -1, -1, -1]),
        (LEAST32, INT32, [LEAST32, LEAST32 + 1, LEAST32 + 5, -1]),
        (LEAST32 - 1, INT32, [-1, LEAST32, LEAST32 + 4, -1]),
        (LEAST32 - 6, INT32, [-1, -1, -1, -1]),
        (MOST32, INT64, [MOST32, MOST32 + 1, MOST32 + 5, -1]),
        (MOST64 - 1, INT64, [MOST64 - 1, MOST64, -1, -1]),
        (MOST64, INT64, [MOST64, -1, -1, -1]),
        (LEAST64, INT64, [LEAST64, LEAST64 + 1, LEAST64 + 5, -1]),
        (MOST64, INT32, [-1, -1, -1, -1]),
        (LEAST64, INT32, [-1, -1, -1, -1]),
    ],
)
def test_a_place_that_the_output_cannot_hold_is_lost_alone(
    offset: int, index_dtype: torch.dtype, expected: list[int]
) -> None:
    assert expected == places(offsets=one(offset, INT64), index_dtype=index_dtype)


def test_places_beyond_int32_from_int32_offsets() -> None:
    assert [MOST32, MOST32 + 1, MOST32 + 5, -1] == places(offsets=one(MOST32), index_dtype=INT64)


def table(*entries: int) -> torch.Tensor:
    return torch.tensor([entries], dtype=INT32)


@pytest.mark.parametrize(
    ("size", "expected"), [(1, [10, 11, 15, -1]), (2, [20, 21, 25, -1]), (4, [40, 41, 45, -1])]
)
def test_a_column_is_in_the_page_of_its_number(size: int, expected: list[int]) -> None:
    assert expected == places(page_table=table(10, 11, 12, 13, 14, 15), page_size=size)


def test_pages_may_lie_in_any_order() -> None:
    assert [18, 19, 5, -1] == places(page_table=table(9, 7, 2), page_size=2)


def test_a_page_outside_the_table_is_lost_alone() -> None:
    assert [8, 9, -1, -1] == places(page_table=table(4, 4), page_size=2)
    assert [-1, -1, -1, -1] == places(page_table=torch.zeros(1, 0, dtype=INT32), page_size=2)


def test_a_negative_entry_is_lost_alone() -> None:
    assert [-1, -1, 9, -1] == places(page_table=table(-1, 7, 4), page_size=2)
    assert [6, 7, -1, -1] == places(page_table=table(3, 7, LEAST32), page_size=2)


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (0, [2, 3, 9, -1]),
        (1, [6, 7, 13, -1]),
        (2, [8, 9, -1, -1]),
        (3, [12, 13, -1, -1]),
        (4, [-1, -1, -1, -1]),
        (-1, [-1, -1, 7, -1]),
        (-2, [-1, -1, 3, -1]),
        (-3, [-1, -1, -1, -1]),
        (MOST32, [-1, -1, -1, -1]),
        (LEAST32, [-1, -1, -1, -1]),
    ],
)
def test_a_table_start_counts_pages(start: int, expected: list[int]) -> None:
    found = places(page_table=table(1, 3, 4, 6), page_size=2, table_starts=one(start))
    assert expected == found


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (0, [0, 1, -1]),
        (1, [8, 9, -1]),
        (2, [-1] * 3),
        (-1, [-1] * 3),
        (MOST32, [-1] * 3),
        (LEAST32, [-1] * 3),
    ],
)
def test_table_rows_say_whose_row_of_the_table_it_is(row: int, expected: list[int]) -> None:
    pages = torch.tensor([[0], [2]], dtype=INT32)
    columns = torch.tensor([[0, 1, -1]], dtype=INT32)
    assert expected == places(columns, page_table=pages, page_size=4, table_rows=one(row))


def test_a_table_without_rows_has_no_place() -> None:
    empty = torch.zeros(0, 3, dtype=INT32)
    assert [-1] * 4 == places(page_table=empty, page_size=4, table_rows=one(0))


@pytest.mark.parametrize(
    ("entry", "size", "index_dtype", "expected"),
    [
        (MOST32, 1, INT32, [MOST32, -1]),
        (2**30 - 1, 2, INT32, [MOST32 - 1, MOST32]),
        (2**30, 2, INT32, [-1, -1]),
        (2**30, 2, INT64, [2**31, 2**31 + 1]),
        (MOST32, 2**30, INT32, [-1, -1]),
        (MOST32, 2**30, INT64, [MOST32 << 30, (MOST32 << 30) + 1]),
        (1, 2**30, INT32, [2**30, 2**30 + 1]),
    ],
)
def test_pages_far_out(entry: int, size: int, index_dtype: torch.dtype, expected: list[int]) -> None:
    columns = torch.tensor([[0, 1]], dtype=INT32)
    found = places(columns, page_table=table(entry), page_size=size, index_dtype=index_dtype)
    assert expected == found


def test_a_table_may_have_any_row_stride_and_more_rows_than_the_logits() -> None:
    wide = torch.arange(40, dtype=INT32).view(4, 10)
    logits, lengths = torch.zeros(3, 4), torch.full((3,), 4, dtype=INT32)
    for pages in (wide[:, 2:6], wide[:1, 2:6].expand(4, 4)):
        expected = [
            [int(pages[row, page]) * 2 + slot for page in (0, 1) for slot in (0, 1)] for row in range(3)
        ]
        assert expected == oracle.topk(logits, lengths, 4, page_table=pages, page_size=2).tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_are_the_bits_in_memory(dtype: torch.dtype) -> None:
    kind = INT32 if dtype == torch.float32 else torch.int16
    quiet, infinity = torch.tensor([torch.nan, torch.inf], dtype=dtype).view(kind).tolist()
    signalling = infinity + 1
    sign = torch.iinfo(kind).min
    bits = torch.tensor([[sign, 0, 1, signalling, signalling + sign, quiet + 3, infinity]], dtype=kind)
    columns = torch.tensor([[0, 1, 2, 3, 4, 5, 6, -1]], dtype=INT32)
    values = values_of(Call(bits.view(dtype), None, 8), columns)
    assert values.dtype == dtype
    assert [*bits[0].tolist(), infinity + sign] == values.view(kind)[0].tolist()


def test_values_are_those_of_the_window() -> None:
    logits = torch.arange(10.0).view(1, 10)
    found = oracle.topk(logits, one(3), 2, starts=one(4), return_values=True)
    assert isinstance(found, Selection)
    assert ([[1, 2]], [[5.0, 6.0]], None) == (found.indices.tolist(), found.values.tolist(), found.columns)


def test_a_lost_place_keeps_its_value_and_its_column() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0]])
    found = oracle.topk(
        logits, None, 4, page_table=table(-1, 5), page_size=2, return_values=True, return_columns=True
    )
    assert [[-1, -1, 10, -1]] == found.indices.tolist()
    assert [[3.0, 1.0, 2.0, -torch.inf]] == found.values.tolist()
    assert [[0, 1, 2, -1]] == found.columns.tolist()


@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (0, 0)])
def test_nothing_selected_has_no_place_and_no_value(shape: tuple[int, int]) -> None:
    call = Call(torch.zeros(shape), None, 2, return_values=True, return_columns=True)
    columns = torch.full((shape[0], 2), -1, dtype=INT32)
    found = answer(call, columns)
    assert isinstance(found, Selection) and found.values is not None and found.columns is not None
    assert [[-1, -1]] * shape[0] == found.indices.tolist() == found.columns.tolist()
    assert [[-torch.inf] * 2] * shape[0] == found.values.tolist()


def test_indices_and_columns_are_two_tensors() -> None:
    found = oracle.topk(torch.zeros(1, 3), None, 2, return_columns=True)
    assert isinstance(found, Selection) and found.columns is not None
    found.indices.fill_(7)
    assert [[0, 1]] == found.columns.tolist()


def test_the_answer_is_the_indices_alone_unless_more_is_asked_for() -> None:
    columns = torch.tensor([[0, 1]], dtype=INT32)
    assert isinstance(answer(Call(torch.zeros(1, 6), None, 2), columns), torch.Tensor)
    for asked, missing in (("values", "columns"), ("columns", "values")):
        found = answer(Call(torch.zeros(1, 6), None, 2, **{f"return_{asked}": True}), columns)
        assert isinstance(found, Selection)
        assert getattr(found, asked) is not None and getattr(found, missing) is None
