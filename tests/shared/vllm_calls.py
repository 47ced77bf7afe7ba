"""The calls of vLLM, on the device of the fixture `device`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from engine_oracle import Draws, expected, of_rows

from persistent_topk.cuda.engines import vllm


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


def test_vllm_reads_the_first_of_a_longer_buffer_of_lengths(draws: Draws) -> None:
    logits, output = draws.logits(4, 50), draws.output(4, 6)
    vllm.top_k_per_row_decode(logits, 2, draws.table(50, 9, 3, 1), output, 4, logits.stride(0), 1, 6)
    assert torch.equal(expected(logits, of_rows([50, 9], 2), 6), output.cpu())


def test_vllm_leaves_what_is_behind_num_rows(draws: Draws) -> None:
    logits, output = draws.logits(4, 50), draws.output(4, 6)
    vllm.top_k_per_row_decode(logits, 1, draws.table(50, 50, 50, 50), output, 3, logits.stride(0), 1, 6)
    assert torch.equal(expected(logits[:3], [50] * 3, 6), output[:3].cpu())
    assert [-777] * 6 == output[3].tolist()
