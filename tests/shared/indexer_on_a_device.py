"""The engine's layer around the operator, on the device of the fixture `device`."""

from __future__ import annotations

import torch
from torch._dynamo.testing import CompileCounterWithBackend

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


def test_without_sequences_no_row_sees_a_column(device: str) -> None:
    nobody = torch.zeros(0, dtype=torch.int32, device=device)
    lengths = causal_lengths(torch.zeros(1, dtype=torch.int32, device=device), nobody, 3)
    assert lengths.dtype == torch.int32 and [0, 0, 0] == lengths.tolist()


def test_layers_share_a_workspace_and_are_right(device: str) -> None:
    layers = model(device)
    assert len({layer.manager.workspace().data_ptr() for layer in layers}) == 1
    for number, layer in enumerate(layers):
        logits, lengths = step(device, number)
        assert torch.equal(expected(logits, lengths), layer(logits, lengths).cpu())


def test_a_compiled_layer_selects_the_same(device: str) -> None:
    layer = model(device, 1)[0]
    logits, lengths = step(device, 1)
    backend = "inductor" if device == "cuda" else "aot_eager"  # inductor would need a C++ compile here
    compiled = torch.compile(layer, fullgraph=True, backend=backend)
    assert torch.equal(expected(logits, lengths), compiled(logits, lengths).cpu())


def test_a_first_call_that_is_compiled_allocates_nothing_and_is_compiled_once(device: str) -> None:
    layer = model(device, 1)[0]
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, fullgraph=True, backend=counter)
    for number in range(2):
        logits, lengths = step(device, number)
        assert torch.equal(expected(logits, lengths), compiled(logits, lengths).cpu())
    assert 1 == counter.frame_count
    assert torch.empty not in [node.target for node in counter.graphs[0].graph.nodes]


def test_vllms_argument_order_takes_the_longest_length_as_a_hint_only(device: str) -> None:
    logits, lengths = step(device, 2)
    output = torch.empty(ROWS, K, dtype=torch.int32, device=device)
    workspace = torch.empty(16, dtype=torch.uint8, device=device)
    persistent_topk(logits, lengths.view(2, -1), output, workspace, K, 8)
    assert torch.equal(expected(logits, lengths), output.cpu())
