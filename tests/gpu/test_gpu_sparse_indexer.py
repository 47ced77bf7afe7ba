"""The engine's layer on a GPU: rows that CTAs share, compiled and captured steps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from indexer_on_a_device import (  # noqa: F401  tests of any device
    CONTEXT,
    CONTEXTS,
    QUERY_START,
    ROWS,
    K,
    expected,
    model,
    step,
    test_a_compiled_layer_selects_the_same,
    test_a_first_call_that_is_compiled_allocates_nothing_and_is_compiled_once,
    test_layers_share_a_workspace_and_are_right,
    test_vllms_argument_order_takes_the_longest_length_as_a_hint_only,
    test_without_sequences_no_row_sees_a_column,
)

from persistent_topk.cuda import gpu
from persistent_topk.cuda.sparse_indexer import (
    SparseIndexer,
    WorkspaceManager,
    causal_lengths,
    persistent_topk,
)

# Decode rows that several CTAs share.
LONG_ROWS, LONG_CONTEXT, LONG_K = 3, 70_000, 2048

Step = Callable[[], list[torch.Tensor]]


def as_called(run: Step) -> Step:
    return run


def as_compiled(run: Step) -> Step:
    return torch.compile(run, fullgraph=True)


def as_captured(run: Step) -> Step:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = run()

    def replay() -> list[torch.Tensor]:
        graph.replay()
        return found

    return replay


@pytest.mark.parametrize("way", [as_called, as_compiled, as_captured])
def test_two_layers_select_from_rows_that_ctas_share(way: Callable[[Step], Step]) -> None:
    assert gpu.plan_for(LONG_ROWS, LONG_CONTEXT, LONG_K, torch.cuda.current_device()).ctas > 1
    generator = torch.Generator(device="cuda").manual_seed(7)
    scores = torch.randn(2, LONG_ROWS, LONG_CONTEXT, generator=generator, device="cuda")
    manager = WorkspaceManager("cuda")
    calls = [(SparseIndexer(LONG_K, LONG_ROWS, LONG_CONTEXT, manager), logits) for logits in scores]
    lengths = torch.zeros(LONG_ROWS, dtype=torch.int32, device="cuda")
    run = way(lambda: [layer(logits, lengths) for layer, logits in calls])
    for batch in ([LONG_CONTEXT, LONG_CONTEXT - 1, LONG_CONTEXT // 2], [LONG_K, LONG_CONTEXT, 5]):
        lengths.copy_(torch.tensor(batch, dtype=torch.int32))
        for logits, indices in zip(scores, run(), strict=True):
            assert torch.equal(expected(logits, lengths, LONG_K), indices.cpu())


def test_a_first_call_that_is_captured_allocates_nothing() -> None:
    layer = model("cuda", 1)[0]
    logits, lengths = step("cuda", 0)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        before = torch.cuda.memory_stats()["allocation.all.allocated"]
        found = layer(logits, lengths)
        after = torch.cuda.memory_stats()["allocation.all.allocated"]
    graph.replay()
    assert before == after and torch.equal(expected(logits, lengths), found.cpu())


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_layer_stays_on_the_device_that_it_was_built_for() -> None:
    with torch.cuda.device(1):
        manager = WorkspaceManager("cuda")
    layer = SparseIndexer(K, ROWS, CONTEXT, manager)
    logits, lengths = step("cuda:1", 0)
    assert torch.equal(expected(logits, lengths), layer(logits, lengths).cpu())
    assert {manager.workspace().device, layer.indices.device} == {torch.device("cuda", 1)}


def test_a_captured_step_follows_the_batch() -> None:
    layers = model("cuda")
    scores = [step("cuda", number)[0] for number in range(len(layers))]
    start = torch.tensor(QUERY_START, device="cuda")
    contexts = torch.tensor(CONTEXTS, dtype=torch.int32, device="cuda")

    def run() -> list[torch.Tensor]:
        lengths = causal_lengths(start, contexts, ROWS)
        return [layer(logits, lengths) for layer, logits in zip(layers, scores, strict=True)]

    run()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found = run()
    for batch in ([1500, 40, 700, 900], [5, 1500, 1, 5], [0, 64, 65, 1500]):
        contexts.copy_(torch.tensor(batch, dtype=torch.int32))
        graph.replay()
        lengths = causal_lengths(start, contexts, ROWS)
        for logits, indices in zip(scores, found, strict=True):
            assert torch.equal(expected(logits, lengths), indices.cpu())


def test_a_graph_captured_with_a_short_hint_is_right_for_long_rows() -> None:
    rows, columns, k = 4, 150000, 2048
    logits = torch.randn(rows, columns, device="cuda")
    lengths = torch.full((rows,), 100, dtype=torch.int32, device="cuda")
    output = torch.empty(rows, k, dtype=torch.int32, device="cuda")
    workspace = torch.empty(1 << 20, dtype=torch.uint8, device="cuda")
    persistent_topk(logits, lengths, output, workspace, k, 100)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        persistent_topk(logits, lengths, output, workspace, k, 100)
    for length in (150000, 3000, 149999, 0):
        lengths.fill_(length)
        graph.replay()
        assert torch.equal(expected(logits, lengths, k), output.cpu())
