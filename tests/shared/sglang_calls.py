"""The calls of SGLang, on the device of the fixture `device`."""

from __future__ import annotations

import pytest
import torch
from engine_oracle import PADDING, Draws, expected

from persistent_topk.cuda.engines import sglang


def test_a_tie_goes_to_the_lowest_column(device: str) -> None:
    scores = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0]], device=device)
    lengths = torch.tensor([5], dtype=torch.int32, device=device)
    assert [[1, 2]] == sglang.fast_topk_v2(scores, lengths, 2).tolist()


def test_sglang_selects_within_windows(draws: Draws) -> None:
    score, starts, lengths = draws.logits(5, 200), [0, 13, 200, 7, 150], [200, 100, 3, 0, 99]
    found = sglang.fast_topk_v2(score, draws.table(*lengths), 32, draws.table(*starts))
    assert torch.equal(expected(score, lengths, 32, starts), found.cpu())


@pytest.mark.parametrize("windows", [False, True])
def test_sglang_maps_rows_to_pages_by_cu_seqlens(draws: Draws, windows: bool) -> None:
    score, lengths = draws.logits(6, 90), [90, 40, 5, 0, 90, 90]
    starts = [0, 3, 9, 0, 50, 0] if windows else [0] * 6
    table = draws.integers(0, 10**6, 4, 90)  # one row more than there are sequences
    cu_seqlens = [0, 2, 2, 5]  # the second sequence has no rows, and the last row no sequence
    found = sglang.fast_topk_transform_fused(
        score,
        draws.table(*lengths),
        table,
        draws.table(*cu_seqlens),
        16,
        draws.table(*starts) if windows else None,
    )
    owner, entries = [0, 0, 2, 2, 2, None], table.tolist()

    def place(row: int, column: int) -> int:
        sequence = owner[row]
        return PADDING if sequence is None else entries[sequence][column]

    assert torch.equal(expected(score, lengths, 16, starts, place), found.cpu())


def test_sglang_maps_windows_by_cu_seqlens_where_sequences_are_as_many_as_rows(draws: Draws) -> None:
    score, table, starts = draws.logits(3, 90), draws.integers(0, 10**6, 3, 90), draws.table(0, 5, 9)
    found = sglang.fast_topk_transform_fused(
        score, draws.table(90, 8, 30), table, draws.table(0, 2, 2, 3), 16, starts
    )
    entries, owner = table.tolist(), [0, 0, 2]
    wanted = expected(score, [90, 8, 30], 16, [0, 5, 9], lambda row, column: entries[owner[row]][column])
    assert torch.equal(wanted, found.cpu())


def test_sglang_maps_a_row_a_sequence_without_cu_seqlens(draws: Draws) -> None:
    score, table = draws.logits(3, 90), draws.integers(0, 10**6, 3, 90)
    unread = draws.table(7, 7, 7, 7)
    found = sglang.fast_topk_transform_fused(score, draws.table(90, 8, 0), table, unread, 16)
    entries = table.tolist()
    assert torch.equal(
        expected(score, [90, 8, 0], 16, place=lambda row, column: entries[row][column]), found.cpu()
    )


def test_sglang_adds_offsets(draws: Draws) -> None:
    score, lengths, starts, offsets = draws.logits(4, 80), [80, 3, 0, 60], [0, 70, 5, 20], [5, 0, 9, 10**9]
    found = sglang.fast_topk_transform_ragged_fused(
        score, draws.table(*lengths), draws.table(*offsets), 8, draws.table(*starts)
    )
    wanted = expected(score, lengths, 8, starts, lambda row, column: offsets[row] + column)
    assert torch.equal(wanted, found.cpu())
    output, before = draws.output(4, 8), score.clone()
    sglang.topk_transform_ragged_v2(
        score,
        draws.table(*lengths),
        out_offsets=draws.table(*offsets),
        out_indices=output,
        row_starts=draws.table(*starts),
    )
    assert torch.equal(wanted, output.cpu()) and torch.equal(before, score)


@pytest.mark.parametrize("page_size", [1, 2, 4, 8, 16, 32, 64, 128])
def test_sglang_writes_places_of_pages_and_columns_beside_them(draws: Draws, page_size: int) -> None:
    scores, lengths = draws.logits(3, 300), [300, 0, 131]
    pages = draws.integers(0, 1000, 3, -(-300 // page_size))
    out, raw, entries = draws.output(3, 40), draws.output(3, 40), pages.tolist()
    seq_lens = draws.table(*lengths)
    plan = sglang.plan_topk_v2(seq_lens)
    sglang.topk_transform_paged_v2(scores, seq_lens, pages, out, page_size, plan, raw)

    def place(row: int, column: int) -> int:
        return entries[row][column // page_size] * page_size + column % page_size

    assert torch.equal(expected(scores, lengths, 40, place=place), out.cpu())
    assert torch.equal(expected(scores, lengths, 40), raw.cpu())


def test_sglang_writes_columns_without_a_table(draws: Draws) -> None:
    scores, seq_lens, out = draws.logits(2, 64), draws.table(64, 9), draws.output(2, 12)
    sglang.topk_transform_paged_v2(scores, seq_lens, None, out, 64, sglang.plan_topk_v2(seq_lens))
    assert torch.equal(expected(scores, [64, 9], 12), out.cpu())


def test_a_plan_has_the_shape_of_sglangs(draws: Draws) -> None:
    seq_lens = draws.table(3, 4, 5)
    plan = sglang.plan_topk_v2(seq_lens)
    assert ((4, 2), torch.int32) == (tuple(plan.shape), plan.dtype)
    assert plan is sglang.plan_topk_v2(seq_lens, 7, out=plan)
