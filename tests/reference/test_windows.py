"""Where a row begins and how many columns it has, in the words of the contract, at every edge."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.reference.call import Call
from persistent_topk.reference.windows import row_tokens, row_windows

LEAST, MOST = -(2**31), 2**31 - 1


def int32(*entries: int) -> torch.Tensor:
    return torch.tensor(entries, dtype=torch.int32)


def windows(lengths: torch.Tensor | None, columns: int = 10, **options) -> list[tuple[int, int]]:
    """(start, columns) of each row."""
    rows = options.pop("rows", None) or lengths.numel() * options.get("queries", 1)
    found = row_windows(Call(torch.zeros(rows, columns), lengths, 1, **options))
    assert (torch.int64, torch.int64) == (found.starts.dtype, found.columns.dtype)
    return list(zip(found.starts.tolist(), found.columns.tolist(), strict=True))


@pytest.mark.parametrize(
    ("length", "columns"), [(LEAST, 0), (-1, 0), (0, 0), (1, 1), (9, 9), (10, 10), (11, 10), (MOST, 10)]
)
def test_a_length_is_clamped_to_the_columns(length: int, columns: int) -> None:
    assert [(0, columns)] == windows(int32(length))


@pytest.mark.parametrize(
    ("start", "length", "window"),
    [
        (LEAST, MOST, (0, 10)),
        (-1, 3, (0, 3)),
        (0, 3, (0, 3)),
        (3, 3, (3, 3)),
        (8, 3, (8, 2)),
        (8, -3, (8, 0)),
        (10, 3, (10, 0)),
        (11, 3, (10, 0)),
        (MOST, MOST, (10, 0)),
    ],
)
def test_a_length_counts_from_the_start(start: int, length: int, window: tuple[int, int]) -> None:
    assert [window] == windows(int32(length), starts=int32(start))


@pytest.mark.parametrize(
    ("start", "end", "window"),
    [
        (0, 10, (0, 10)),
        (0, 11, (0, 10)),
        (2, 7, (2, 5)),
        (7, 2, (7, 0)),
        (7, 7, (7, 0)),
        (-5, 2, (0, 2)),
        (3, LEAST, (3, 0)),
        (LEAST, MOST, (0, 10)),
        (MOST, MOST, (10, 0)),
    ],
)
def test_an_end_is_a_column_of_the_logits(start: int, end: int, window: tuple[int, int]) -> None:
    assert [window] == windows(None, rows=1, starts=int32(start), ends=int32(end))


def test_without_a_start_a_window_begins_at_the_first_column() -> None:
    assert [(0, 4), (0, 0)] == windows(None, rows=2, ends=int32(4, -4))


def test_without_lengths_or_ends_a_window_has_all_columns_behind_its_start() -> None:
    assert [(0, 10), (0, 10)] == windows(None, rows=2)
    assert [(4, 6), (10, 0)] == windows(None, rows=2, starts=int32(4, 12))


def test_lengths_of_a_batch_are_those_of_its_rows_in_order() -> None:
    assert [(0, 1), (0, 2), (0, 3), (0, 4)] == windows(int32(1, 2, 3, 4).view(2, 2))


@pytest.mark.parametrize(
    ("length", "tokens"),
    [(5, [3, 4, 5]), (2, [0, 1, 2]), (1, [0, 0, 1]), (0, [0, 0, 0]), (-7, [0, 0, 0]), (LEAST, [0, 0, 0])],
)
def test_the_last_query_sees_all_tokens_and_the_one_before_one_less(length: int, tokens: list[int]) -> None:
    assert tokens == row_tokens(int32(length), 3).tolist()
    assert [(0, columns) for columns in tokens] == windows(int32(length), queries=3)


def test_queries_follow_each_other_within_a_sequence() -> None:
    assert [(0, 4), (0, 5), (0, 0), (0, 1)] == windows(int32(5, 1), queries=2)


@pytest.mark.parametrize(
    ("tokens", "columns"), [(0, 0), (3, 0), (4, 1), (7, 1), (8, 2), (40, 10), (44, 10), (-1, 0), (MOST, 10)]
)
def test_tokens_that_fill_no_column_are_left_out(tokens: int, columns: int) -> None:
    assert [(0, columns)] == windows(int32(tokens), compress_ratio=4)


def test_queries_are_counted_in_tokens_and_then_compressed() -> None:
    assert [(0, 1), (0, 2), (0, 2), (0, 2)] == windows(int32(10), queries=4, compress_ratio=4)


def test_starts_are_columns_and_are_not_compressed() -> None:
    assert [(3, 2)] == windows(int32(8), starts=int32(3), compress_ratio=4)


def test_the_greatest_ratio_leaves_no_column() -> None:
    assert [(0, 1), (0, 0)] == windows(int32(MOST, MOST - 1), compress_ratio=MOST)


@pytest.mark.parametrize("start", [LEAST, 0, MOST])
def test_no_columns_at_all(start: int) -> None:
    assert [(0, 0)] == windows(int32(MOST), columns=0, starts=int32(start))
    assert [(0, 0)] == windows(None, columns=0, rows=1, starts=int32(start), ends=int32(5))
