"""The calls of FlashInfer, on the device of the fixture `device`."""

from __future__ import annotations

import pytest
import torch
from engine_oracle import Draws, expected, of_rows

from persistent_topk.cuda.engines import flashinfer


def test_flashinfer_returns_values_and_int64_columns(draws: Draws) -> None:
    scores = draws.logits(3, 200, torch.bfloat16)
    values, indices = flashinfer.top_k(scores, 10)
    assert torch.int64 == indices.dtype and torch.equal(expected(scores, [200] * 3, 10).long(), indices.cpu())
    assert torch.equal(scores.gather(1, indices), values)
    assert flashinfer.topk is flashinfer.top_k


@pytest.mark.parametrize("page_size", [1, 16])
def test_flashinfer_maps_windows_to_pages(draws: Draws, page_size: int) -> None:
    scores, lengths, starts = draws.logits(4, 120), [120, 50, 0, 60], [0, 32, 5, 60]
    table, batch = draws.integers(0, 999, 2, 256 // page_size), [1, 0, 0, 1]
    first = starts if page_size == 1 else [0, 2, 1, 3]
    out, raw, entries = draws.output(4, 9), draws.output(4, 9), table.tolist()
    found = flashinfer.top_k_page_table_transform(
        scores,
        table,
        draws.table(*lengths),
        9,
        draws.table(*batch),
        row_starts=draws.table(*starts),
        page_table_row_starts=None if page_size == 1 else draws.table(*first),
        page_size=page_size,
        out=out,
        out_raw_indices=raw,
    )

    def place(row: int, column: int) -> int:
        return entries[batch[row]][first[row] + column // page_size] * page_size + column % page_size

    assert found is out and torch.equal(expected(scores, lengths, 9, starts, place), out.cpu())
    assert torch.equal(expected(scores, lengths, 9, starts), raw.cpu())


def test_flashinfer_adds_offsets(draws: Draws) -> None:
    scores, lengths, offsets = draws.logits(3, 70, torch.float16), [70, 0, 4], [0, 100, 10**6]
    found = flashinfer.top_k_ragged_transform(scores, draws.table(*offsets), draws.table(*lengths), 6)
    wanted = expected(scores, lengths, 6, place=lambda row, column: offsets[row] + column)
    assert torch.equal(wanted, found.cpu())


@pytest.mark.parametrize(("next_n", "ratio"), [(1, 1), (3, 1), (1, 4), (2, 4), (1, 128)])
def test_flashinfer_divides_tokens_of_queries(draws: Draws, next_n: int, ratio: int) -> None:
    lengths = [300 * ratio, 0, -7, next_n * ratio - 1]
    rows = next_n * len(lengths)
    logits = draws.logits(rows, 300)
    indices, values = flashinfer.top_k_varlen(
        logits, draws.table(*lengths), 12, next_n=next_n, compress_ratio=ratio, return_values=True
    )
    wanted = expected(logits, of_rows(lengths, next_n, ratio), 12)
    assert torch.equal(wanted, indices.cpu())
    picked = logits.gather(1, indices.clamp(min=0).long())
    assert values is not None and torch.equal(picked.masked_fill(indices < 0, -torch.inf), values)


def test_flashinfer_writes_windows_by_either_count_into_flat_buffers(draws: Draws) -> None:
    logits, starts, lengths = draws.logits(3, 64), [0, 20, 64], [64, 44, 3]
    flat = draws.output(1, 3 * 7).view(-1)
    arguments = {"row_starts": draws.table(*starts), "out_indices": flat}
    indices, _ = flashinfer.top_k_varlen(logits, draws.table(*lengths), 7, **arguments)
    assert torch.equal(expected(logits, lengths, 7, starts), indices.cpu())
    assert flat.data_ptr() == indices.data_ptr()
    flashinfer.top_k_varlen(logits, draws.table(*lengths), 7, absolute_indices=True, **arguments)
    assert torch.equal(
        expected(logits, lengths, 7, starts, lambda row, column: starts[row] + column), indices.cpu()
    )


@pytest.mark.parametrize("next_n", [1, 3])
def test_flashinfer_maps_rows_of_a_sequence_by_its_pages(draws: Draws, next_n: int) -> None:
    lengths, rows = [60, 9], 2 * next_n
    logits, table = draws.logits(rows, 60), draws.integers(0, 999, 2, 8)
    found, _ = flashinfer.top_k_varlen(
        logits, draws.table(*lengths), 5, next_n=next_n, page_table=table, page_size=8
    )
    entries = table.tolist()

    def place(row: int, column: int) -> int:
        return entries[row // next_n][column // 8] * 8 + column % 8

    assert torch.equal(expected(logits, of_rows(lengths, next_n), 5, place=place), found.cpu())
