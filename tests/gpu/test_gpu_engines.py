"""The engines' calls on a GPU."""

from __future__ import annotations

import pytest
import torch
from engine_oracle import Draws, expected
from flashinfer_calls import *  # noqa: F403  tests of any device
from sglang_calls import *  # noqa: F403  tests of any device
from trtllm_calls import *  # noqa: F403  tests of any device
from vllm_calls import *  # noqa: F403  tests of any device

from persistent_topk.cuda.engines import sglang, vllm


@pytest.fixture
def draws() -> Draws:
    return Draws.on("cuda")


def test_a_decode_step_of_vllm_is_captured_and_replayed_with_other_lengths() -> None:
    draws, rows, k = Draws.on("cuda"), 16, 512
    logits, lengths, output = draws.logits(rows, 9000), draws.integers(0, 9000, rows), draws.output(rows, k)
    workspace = torch.empty(1 << 20, dtype=torch.uint8, device="cuda")
    vllm.persistent_topk(logits, lengths, output, workspace, k, 9000)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        vllm.persistent_topk(logits, lengths, output, workspace, k, 9000)
    for seed in range(3):
        lengths.copy_(Draws.on("cuda", seed).integers(0, 9000, rows))
        graph.replay()
        torch.cuda.synchronize()
        assert torch.equal(expected(logits, lengths.tolist(), k), output.cpu())


def test_a_prefill_of_sglang_is_captured_and_replayed_with_other_sequences() -> None:
    draws, rows, k = Draws.on("cuda"), 24, 256
    score, table = draws.logits(rows, 5000), draws.integers(0, 10**6, 3, 5000)
    lengths, starts = draws.integers(0, 3000, rows), draws.integers(0, 2000, rows)
    cu_seqlens = draws.table(0, 4, 9, rows)
    graph = torch.cuda.CUDAGraph()
    sglang.fast_topk_transform_fused(score, lengths, table, cu_seqlens, k, starts)
    with torch.cuda.graph(graph):
        places = sglang.fast_topk_transform_fused(score, lengths, table, cu_seqlens, k, starts)
    cu_seqlens.copy_(draws.table(0, 0, 20, rows))
    graph.replay()
    torch.cuda.synchronize()
    entries = table.tolist()

    def place(row: int, column: int) -> int:
        return entries[1 if row < 20 else 2][column]

    wanted = expected(score, lengths.tolist(), k, starts.tolist(), place)
    assert torch.equal(wanted, places.cpu())
