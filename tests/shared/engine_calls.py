"""Calls of each engine, and what a few lines of torch say of them: for a CPU, the emulator and a GPU.

The oracle of a row: the columns of its window in a stable order of value, greatest first; the first k of
them, ascending, then -1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from persistent_topk.cuda.engines import flashinfer, sglang, trtllm, vllm

PADDING = -1


def selected(row: Tensor, begin: int, columns: int, k: int) -> list[int]:
    """The k greatest of row[begin : begin + columns], as counted from its start, ascending."""
    window = row[max(0, begin) :][: max(0, columns)].float()
    return sorted(torch.sort(window, descending=True, stable=True).indices[:k].tolist())


def padded(rows: Iterable[Sequence[int]], k: int) -> Tensor:
    return torch.tensor([[*row, *[PADDING] * (k - len(row))] for row in rows], dtype=torch.int32).view(-1, k)


def expected(
    logits: Tensor,
    columns: Sequence[int],
    k: int,
    begins: Sequence[int] | None = None,
    place: Callable[[int, int], int] = lambda row, column: column,
) -> Tensor:
    """What each row selects, as `place` of row and column: int32 [rows, k]."""
    begins = [0] * len(columns) if begins is None else begins
    chosen = [selected(row, *where, k) for row, *where in zip(logits.cpu(), begins, columns, strict=True)]
    return padded([[place(r, column) for column in row] for r, row in enumerate(chosen)], k)


def of_rows(lengths: Sequence[int], queries: int, ratio: int = 1) -> list[int]:
    """Columns of each row, of sequences of so many tokens."""
    return [max(0, n - queries + 1 + j) // ratio for n in lengths for j in range(queries)]


@dataclass(frozen=True)
class Draws:
    """Inputs on a device, of one seed."""

    device: str
    generator: torch.Generator

    @classmethod
    def on(cls, device: str, seed: int = 1) -> Draws:
        return cls(device, torch.Generator().manual_seed(seed))

    def logits(self, rows: int, columns: int, dtype: torch.dtype = torch.float32, beyond: int = 3) -> Tensor:
        """Few distinct values, so that ties decide; the row stride is `beyond` over the columns."""
        drawn = torch.randn(rows, columns + beyond, generator=self.generator).mul(3).round()
        return drawn.to(self.device, dtype)[:, :columns]

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        drawn = torch.randint(low, high, shape, generator=self.generator, dtype=torch.int32)
        return drawn.to(self.device)

    def table(self, *values: int) -> Tensor:
        return torch.tensor(values, dtype=torch.int32, device=self.device)

    def output(self, rows: int, k: int, beyond: int = 0) -> Tensor:
        whole = torch.full((rows, k + beyond), -777, dtype=torch.int32, device=self.device)
        return whole[:, :k]


@pytest.fixture
def draws(device: str) -> Draws:
    return Draws.on(device)


def test_a_tie_goes_to_the_lowest_column(device: str) -> None:
    scores = torch.tensor([[1.0, 2.0, 2.0, 2.0, 0.0]], device=device)
    lengths = torch.tensor([5], dtype=torch.int32, device=device)
    assert [[1, 2]] == sglang.fast_topk_v2(scores, lengths, 2).tolist()


@pytest.mark.parametrize("call", [vllm.persistent_topk, vllm.cooperative_topk])
@pytest.mark.parametrize("shape", [(6,), (6, 1), (2, 3)])
def test_vllm_selects_of_lengths_of_any_shape(draws: Draws, call: Callable, shape: tuple[int, ...]) -> None:
    logits, lengths = draws.logits(6, 300), [300, 0, -4, 7, 299, 4000]
    output = draws.output(6, 16, beyond=5)
    workspace = torch.empty(1 << 20, dtype=torch.uint8, device=draws.device)
    call(logits, draws.table(*lengths).view(shape), output, workspace, 16, 300)
    assert torch.equal(expected(logits, lengths, 16), output.cpu())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_vllm_prefill_counts_from_the_start_of_a_window(draws: Draws, dtype: torch.dtype) -> None:
    logits = draws.logits(6, 301, dtype)
    starts, ends = [0, 5, 40, 300, 7, 290], [301, 9, 40, 301, 3, 9000]
    output = draws.output(6, 20)
    vllm.top_k_per_row_prefill(
        logits, draws.table(*starts), draws.table(*ends), output, 6, logits.stride(0), 1, 20
    )
    columns = [min(end, 301) - start for start, end in zip(starts, ends, strict=True)]
    assert torch.equal(expected(logits, columns, 20, starts), output.cpu())


@pytest.mark.parametrize("next_n", range(1, 7))
def test_vllm_decode_gives_a_row_one_column_more_than_the_row_before(draws: Draws, next_n: int) -> None:
    lengths = [300, 0, -3, next_n - 1, 33]
    rows = len(lengths) * next_n
    logits, output = draws.logits(rows, 300), draws.output(rows, 24)
    of_each = of_rows(lengths, next_n)
    for seq_lens in (draws.table(*lengths), draws.table(*of_each).view(-1, next_n)):
        output.fill_(-777)
        vllm.top_k_per_row_decode(logits, next_n, seq_lens, output, rows, logits.stride(0), 1, 24)
        assert torch.equal(expected(logits, of_each, 24), output.cpu())


def test_vllm_takes_lengths_of_sequences_in_a_column_of_their_own(draws: Draws) -> None:
    logits, output = draws.logits(8, 100), draws.output(8, 9)
    seq_lens = draws.table(100, 2).view(2, 1)
    vllm.top_k_per_row_decode(logits, 4, seq_lens, output, 8, logits.stride(0), 1, 9)
    assert torch.equal(expected(logits, of_rows([100, 2], 4), 9), output.cpu())


def test_vllm_leaves_what_is_behind_num_rows(draws: Draws) -> None:
    logits, output = draws.logits(4, 50), draws.output(4, 6)
    vllm.top_k_per_row_decode(logits, 1, draws.table(50, 50, 50, 50), output, 3, logits.stride(0), 1, 6)
    assert torch.equal(expected(logits[:3], [50] * 3, 6), output[:3].cpu())
    assert [-777] * 6 == output[3].tolist()


def test_sglang_selects_within_windows(draws: Draws) -> None:
    score, starts, lengths = draws.logits(5, 200), [0, 13, 200, 7, 150], [200, 100, 3, 0, 99]
    found = sglang.fast_topk_v2(score, draws.table(*lengths), 32, draws.table(*starts))
    assert torch.equal(expected(score, lengths, 32, starts), found.cpu())


@pytest.mark.parametrize("windows", [False, True])
def test_sglang_maps_rows_to_pages_by_cu_seqlens(draws: Draws, windows: bool) -> None:
    score, lengths = draws.logits(6, 90), [90, 40, 5, 0, 90, 90]
    starts = [0, 3, 9, 0, 50, 0] if windows else [0] * 6
    table = draws.integers(0, 10**6, 3, 90)
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


@pytest.mark.parametrize(("next_n", "ratio"), [(1, 1), (2, 4), (6, 1), (1, 128)])
def test_trtllm_decode_divides_tokens_of_queries(draws: Draws, next_n: int, ratio: int) -> None:
    lengths = [250 * ratio + 1, 0, -2]
    rows = next_n * len(lengths)
    logits, output = draws.logits(rows, 250), draws.output(rows, 40)
    trtllm.indexer_topk_decode(logits, draws.table(*lengths), output, next_n, 32, compress_ratio=ratio)
    assert torch.equal(expected(logits, of_rows(lengths, next_n, ratio), 32), output[:, :32].cpu())
    assert bool((output[:, 32:] == -777).all())


def test_trtllm_prefill_counts_from_the_start_of_a_window(draws: Draws) -> None:
    logits, starts, ends = draws.logits(3, 90), [0, 4, 80], [90, 4, 90]
    output = draws.output(3, 11)
    trtllm.indexer_topk_prefill(logits, draws.table(*starts), draws.table(*ends), output, 11)
    columns = [end - start for start, end in zip(starts, ends, strict=True)]
    assert torch.equal(expected(logits, columns, 11, starts), output.cpu())
