"""The engine's layer around the operator: mixed batches, shared workspace, compile, graphs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from gpu_calls import EVERY_DEVICE, needs_gpu
from torch._dynamo.testing import CompileCounterWithBackend

from persistent_topk.cuda import gpu
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
# Decode rows that several CTAs share.
LONG_ROWS, LONG_CONTEXT, LONG_K = 3, 70_000, 2048


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
def test_without_sequences_no_row_sees_a_column(device: str) -> None:
    nobody = torch.zeros(0, dtype=torch.int32, device=device)
    lengths = causal_lengths(torch.zeros(1, dtype=torch.int32, device=device), nobody, 3)
    assert lengths.dtype == torch.int32 and [0, 0, 0] == lengths.tolist()


def test_starts_of_another_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="query_start has 5 entries; expected 4, one more"):
        causal_lengths(torch.tensor(QUERY_START), torch.tensor(CONTEXTS[1:]), ROWS)


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
def test_a_first_call_that_is_compiled_allocates_nothing_and_is_compiled_once(device: str) -> None:
    layer = model(device, 1)[0]
    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, fullgraph=True, backend=counter)
    for number in range(2):
        logits, lengths = step(device, number)
        assert torch.equal(expected(logits, lengths), compiled(logits, lengths).cpu())
    assert 1 == counter.frame_count
    assert torch.empty not in [node.target for node in counter.graphs[0].graph.nodes]


@pytest.mark.parametrize("device", EVERY_DEVICE)
def test_vllms_argument_order_takes_the_longest_length_as_a_hint_only(device: str) -> None:
    logits, lengths = step(device, 2)
    output = torch.empty(ROWS, K, dtype=torch.int32, device=device)
    workspace = torch.empty(16, dtype=torch.uint8, device=device)
    persistent_topk(logits, lengths.view(2, -1), output, workspace, K, 8)
    assert torch.equal(expected(logits, lengths), output.cpu())


def test_lengths_that_are_not_one_behind_the_other_are_refused() -> None:
    output = torch.empty(6, K, dtype=torch.int32)
    lengths = torch.zeros(3, 2, dtype=torch.int32).T
    with pytest.raises(ValueError, match=r"lengths has shape \[2, 3\] and strides \(1, 2\)"):
        persistent_topk(torch.zeros(6, 100), lengths, output, torch.empty(1), K, 100)


def test_a_workspace_grows_with_the_layers_until_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = WorkspaceManager("cpu")
    with pytest.raises(RuntimeError, match="no workspace on cpu"):
        manager.workspace()
    monkeypatch.setattr(gpu, "workspace_size", lambda rows, *_: rows)
    for rows in (4, 9, 2):
        manager.reserve(rows, 100, 8)
    assert 9 == manager.workspace().numel()
    manager.reserve(9, 100, 8)
    with pytest.raises(RuntimeError, match="of 9 bytes is in use and 10 are asked for"):
        manager.reserve(10, 100, 8)


def test_cuda_is_the_device_that_is_current_at_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert torch.device("cuda", 3) == WorkspaceManager("cuda").device
    assert torch.device("cuda", 1) == WorkspaceManager("cuda:1").device


@pytest.mark.parametrize(("rows", "columns", "word"), [(ROWS + 1, 9, "rows"), (1, CONTEXT + 1, "columns")])
def test_larger_steps_than_planned_are_refused(rows: int, columns: int, word: str) -> None:
    with pytest.raises(ValueError, match=f"{word}; expected at most max_{word} = "):
        model("cpu", 1)[0](torch.zeros(rows, columns), torch.zeros(rows, dtype=torch.int32))


@pytest.mark.parametrize(("k", "error"), [(0, ValueError), (5000, ValueError), (2.0, TypeError)])
def test_a_layer_is_not_built_for_a_k_that_no_call_can_have(k: int, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"k is {k}"):
        SparseIndexer(k, ROWS, CONTEXT, WorkspaceManager("cpu"))


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


class TestOnGpu:
    pytestmark = needs_gpu

    @pytest.mark.parametrize("way", [as_called, as_compiled, as_captured])
    def test_two_layers_select_from_rows_that_ctas_share(self, way: Callable[[Step], Step]) -> None:
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

    def test_a_first_call_that_is_captured_allocates_nothing(self) -> None:
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
    def test_a_layer_stays_on_the_device_that_it_was_built_for(self) -> None:
        with torch.cuda.device(1):
            manager = WorkspaceManager("cuda")
        layer = SparseIndexer(K, ROWS, CONTEXT, manager)
        logits, lengths = step("cuda:1", 0)
        assert torch.equal(expected(logits, lengths), layer(logits, lengths).cpu())
        assert {manager.workspace().device, layer.indices.device} == {torch.device("cuda", 1)}

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
