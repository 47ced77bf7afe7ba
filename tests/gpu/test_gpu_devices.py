"""Calls on a GPU that is not the current one: tensors say where a call runs, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from gpu_calls import POISON

import persistent_topk
from persistent_topk.cuda import calls, gpu
from persistent_topk.cuda.capture import capturing
from persistent_topk.reference import oracle

pytestmark = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")

CURRENT, OTHER = 0, 1
# Rows, columns, k of the entries: narrow ones of both policies that have them, wide, shared, dense.
CALLS = {
    "narrowest": (3, 3000, 64),
    "narrow": (3, 9000, 64),
    "narrow-in-many-rows": (200, 8192, 512),
    "wide": (100, 40_000, 512),
    "shared": (2, 200_000, 2048),
    "dense": (300, 20_000, 512),
}
every_call = pytest.mark.parametrize(("rows", "columns", "k"), CALLS.values(), ids=list(CALLS))


@pytest.fixture(autouse=True)
def current_device() -> Iterator[None]:
    """The first GPU is current, and still is when the test has ended."""
    with torch.cuda.device(CURRENT):
        yield
        assert torch.cuda.current_device() == CURRENT, "a call left another device current"


def batch(rows: int, columns: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal scores and lengths of any row, on the other GPU."""
    generator = torch.Generator(device=f"cuda:{OTHER}").manual_seed(seed)
    logits = torch.randn((rows, columns), generator=generator, device=generator.device)
    shape, device = (rows,), generator.device
    lengths = torch.randint(columns // 2, columns + 1, shape, generator=generator, device=device)
    return logits, lengths.int()


@every_call
def test_a_call_runs_where_its_tensors_are(rows: int, columns: int, k: int) -> None:
    logits, lengths = batch(rows, columns, seed=1)
    found = persistent_topk.topk(logits, lengths, k)
    assert found.device == logits.device
    assert torch.equal(found.cpu(), oracle.topk(logits.cpu(), lengths.cpu(), k))


@every_call
def test_a_cooperative_call_runs_where_its_tensors_are(rows: int, columns: int, k: int) -> None:
    logits, lengths = batch(rows, columns, seed=2)
    size = calls.lay_out(rows, columns, OTHER, cooperative=True).workspace_bytes
    workspace = torch.full((size,), 0xA5, dtype=torch.uint8, device=logits.device)
    output = torch.full((rows, k), POISON, dtype=torch.int32, device=logits.device)
    calls.launch(logits, lengths, output, workspace, k, cooperative=True)
    assert torch.equal(output.cpu(), oracle.topk(logits.cpu(), lengths.cpu(), k))


@every_call
def test_a_graph_of_the_other_device_is_replayed_from_this_one(rows: int, columns: int, k: int) -> None:
    logits, lengths = batch(rows, columns, seed=3)
    output = torch.full((rows, k), POISON, dtype=torch.int32, device=logits.device)
    workspace = torch.empty(gpu.workspace_size(rows, columns, k, OTHER), dtype=torch.uint8, device=OTHER)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.device(OTHER), capturing(graph, torch.cuda.Stream(OTHER)):
        torch.ops.persistent_topk.topk_out(logits, lengths, output, workspace, k)
    logits.copy_(batch(rows, columns, seed=4)[0])
    graph.replay()
    torch.cuda.synchronize(OTHER)
    assert torch.equal(output.cpu(), oracle.topk(logits.cpu(), lengths.cpu(), k))


def test_tensors_of_two_devices_are_refused_by_name() -> None:
    logits, lengths = batch(2, 100, seed=5)
    with pytest.raises(ValueError, match="lengths"):
        persistent_topk.topk(logits, lengths.to(CURRENT), 4)
    output = torch.full((2, 4), POISON, dtype=torch.int32, device=CURRENT)
    workspace = torch.empty(1, dtype=torch.uint8, device=OTHER)
    with pytest.raises(ValueError, match="output"):
        torch.ops.persistent_topk.topk_out(logits, lengths, output, workspace, 4)
