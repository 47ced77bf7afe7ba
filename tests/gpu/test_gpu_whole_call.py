"""The whole call on a GPU: any dtype, window and place, against the oracle, and replayed with others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from random_calls import DTYPES, random_call, same

from persistent_topk import topk
from persistent_topk.cuda.calls import launch_record
from persistent_topk.cuda.structs import CallRecord
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection

SHORT_CALLS, LONG_CALLS = 240, 48
REPLAYS = 4


def on_gpu(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same, at the same strides and alignment."""

    def moved(tensor: torch.Tensor) -> torch.Tensor:
        whole = torch.empty(0, dtype=tensor.dtype).set_(tensor.untyped_storage())
        return whole.cuda().as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())

    return {name: moved(one) if isinstance(one, torch.Tensor) else one for name, one in arguments.items()}


@pytest.mark.parametrize("seed", range(SHORT_CALLS))
def test_any_call_is_the_oracles(seed: int) -> None:
    arguments = random_call(seed, most_rows=40, most_columns=9000, most_k=2100)
    assert same(topk(**on_gpu(arguments)), oracle.topk(**arguments))


@pytest.mark.parametrize("seed", range(LONG_CALLS))
def test_any_call_of_long_rows_is_the_oracles(seed: int) -> None:
    arguments = random_call(seed, most_rows=8, most_columns=400_000, most_k=4096)
    assert same(topk(**on_gpu(arguments)), oracle.topk(**arguments))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_graph_is_replayed_with_other_windows_and_pages(dtype: torch.dtype) -> None:
    rows, columns, k, size = 24, 70_000, 2048, 64
    generator = torch.Generator("cuda").manual_seed(3)
    logits = torch.randn(rows, columns, device="cuda", generator=generator).to(dtype)
    integers = [torch.zeros(rows, dtype=torch.int32, device="cuda") for _ in range(3)]
    lengths, starts, table_starts = integers
    table = torch.zeros(rows, columns // size + 8, dtype=torch.int32, device="cuda")
    call = Call(
        logits,
        lengths,
        k,
        starts=starts,
        page_table=table,
        table_starts=table_starts,
        page_size=size,
        return_values=True,
        return_columns=True,
    )
    outputs = Selection(
        torch.empty(rows, k, dtype=torch.int32, device="cuda"),
        torch.empty(rows, k, dtype=dtype, device="cuda"),
        torch.empty(rows, k, dtype=torch.int32, device="cuda"),
    )
    record = CallRecord.of(call, outputs)
    launch_record(record, logits)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        launch_record(record, logits)
    for _ in range(REPLAYS):
        for tensor, most in ((lengths, columns), (starts, columns // 2), (table_starts, 8), (table, 10**6)):
            tensor.random_(0, most, generator=generator)
        graph.replay()
        torch.cuda.synchronize()
        assert same(outputs, oracle.topk(**{name: getattr(call, name) for name in call.__dataclass_fields__}))
