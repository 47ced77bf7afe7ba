"""The calls of TensorRT-LLM, on the device of the fixture `device`."""

from __future__ import annotations

import pytest
import torch
from engine_oracle import Draws, expected, of_rows

from persistent_topk.cuda.engines import trtllm


@pytest.mark.parametrize(("next_n", "ratio"), [(1, 1), (2, 4), (6, 1), (1, 128)])
def test_trtllm_decode_divides_tokens_of_queries(draws: Draws, next_n: int, ratio: int) -> None:
    lengths = [250 * ratio + 1, 0, -2, 77 * ratio]
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
