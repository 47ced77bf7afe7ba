"""The engine's layer around the operator: mixed batches, shared workspace, compile, graphs."""

from __future__ import annotations

import pytest
import torch
from gpu_calls import EVERY_DEVICE, needs_gpu

from persistent_topk.cuda.sparse_indexer import (
    SparseIndexer,
    WorkspaceManager,
    causal_lengths,
    persistent_topk,
)
from persistent_topk.reference import oracle
from persistent_topk.reference.indexer import IndexerShape, indexer_logits

SMALL_INDEXER = IndexerShape(heads=4, head_dim=32, rotary_dim=16)
CONTEXT, K = 1500, 64
# Three decode rows and a prefill chunk of five queries; two rows of padding behind them.
QUERY_START, CONTEXTS, ROWS = [0, 1, 2, 3, 8], [1500, 40, 700, 900], 10


def step(device: str, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of one layer and the rows' lengths."""
    logits, _ = indexer_logits(ROWS, CONTEXT, seed=layer, shape=SMALL_INDEXER)
    start = torch.tensor(QUERY_START, device=device)
    contexts = torch.tensor(CONTEXTS, dtype=torch.int32, device=device)
    return logits.to(device), causal_lengths(start, contexts, ROWS)


def expected(logits: torch.Tensor, lengths: torch.Tensor, k: int = K) -> torch.Tensor:
    return oracle.topk(logits.cpu(), lengths.cpu(), k)


def model(device: str, layers: int = 3) -> list[SparseIndexer]:
    manager = WorkspaceManager(device)
    return [SparseIndexer(K, ROWS, CONTEXT, manager) for _ in range(layers)]


def test_each_row_sees_the_columns_up_to_its_own_position() -> None:
    _, lengths = step("cpu", 0)
    assert [1500, 40, 700, 896, 897, 898, 899, 900, 0, 0] == lengths.tolist()


@pytest.mark.parametrize("device", EVERY_DEVICE)
def test_layers_share_a_workspace_and_are_right(device: str) -> None:
    layers = model(device)
    assert len({layer.manager.workspace().data_ptr() for layer in layers}) == 1
    for number, layer in enumerate(layers):
        logits, lengths = step(device, number)
        assert torch.equal(expected(logits, lengths), layer(logits, lengths).cpu())


@pytest.mark.parametrize("device", EVERY_DEVICE)
def test_a_compiled_layer_selects_the_same(device: str) -> None:
    layer = model(device, 1)[0]
    logits, lengths = step(device, 1)
    backend = "inductor" if device == "cuda" else "aot_eager"  # inductor would need a C++ compile here
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    assert torch.equal(expected(logits, lengths), compiled(logits, lengths).cpu())


@pytest.mark.parametrize("device", EVERY_DEVICE)
def test_vllms_argument_order_takes_the_longest_length_as_a_hint_only(device: str) -> None:
    logits, lengths = step(device, 2)
    output = torch.empty(ROWS, K, dtype=torch.int32, device=device)
    workspace = torch.empty(16, dtype=torch.uint8, device=device)
    persistent_topk(logits, lengths.view(2, -1), output, workspace, K, 8)
    assert torch.equal(expected(logits, lengths), output.cpu())


def test_a_workspace_in_use_does_not_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = WorkspaceManager("cpu")
    manager.reserve(4, 100, 8)
    manager.workspace()
    monkeypatch.setattr("persistent_topk.cuda.gpu.workspace_size", lambda *_: 1 << 20)
    with pytest.raises(RuntimeError, match="before the first one runs"):
        manager.reserve(4, 100, 8)


def test_more_rows_than_planned_are_refused() -> None:
    logits = torch.zeros(ROWS + 1, CONTEXT)
    with pytest.raises(ValueError, match="max_rows"):
        model("cpu", 1)[0](logits, torch.zeros(ROWS + 1, dtype=torch.int32))


class TestOnGpu:
    pytestmark = needs_gpu

    def test_a_captured_step_follows_the_batch(self) -> None:
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

    def test_a_graph_captured_with_a_short_hint_is_right_for_long_rows(self) -> None:
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
