"""The operators on a GPU: C++ answers as the oracle does, allocates nothing, is captured and compiled."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from random_calls import random_call, same
from test_gpu_whole_call import on_gpu

import persistent_topk
from persistent_topk import ops
from persistent_topk.cuda.operators import library
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection

POISON = -777


def as_select_out(arguments: dict[str, Any], beyond: int = 0) -> tuple[tuple, dict[str, Any], Selection]:
    """The same call into poisoned tensors whose rows are `beyond` apart: its arguments, and these tensors."""
    call = Call(**arguments)

    def rows(dtype: torch.dtype) -> torch.Tensor:
        return torch.full((call.rows, call.k + beyond), POISON, dtype=dtype, device="cuda")[:, : call.k]

    outputs = Selection(
        rows(call.index_dtype),
        rows(call.logits.dtype) if call.return_values else None,
        rows(torch.int32) if call.return_columns else None,
    )
    others = {"logits", "lengths", "k", "return_values", "return_columns", "index_dtype"}
    options = {name: value for name, value in arguments.items() if name not in others}
    options |= {"columns_out": outputs.columns, "values_out": outputs.values}
    return (call.logits, call.lengths, outputs.indices, None, call.k), options, outputs


def a_call_of_all(rows: int = 12, columns: int = 20_000, k: int = 2048) -> dict[str, Any]:
    """One with six optional tensors."""
    generator = torch.Generator("cuda").manual_seed(5)

    def integers(low: int, high: int, *shape: int) -> torch.Tensor:
        return torch.randint(low, high, shape, dtype=torch.int32, device="cuda", generator=generator)

    return {
        "logits": torch.randn(rows, columns, device="cuda", generator=generator),
        "lengths": integers(0, columns, rows),
        "k": k,
        "starts": integers(0, columns // 2, rows),
        "page_table": integers(0, 10**6, 5, columns // 64 + 9),
        "table_rows": integers(0, 5, rows),
        "table_starts": integers(0, 8, rows),
        "page_size": 64,
        "return_values": True,
        "return_columns": True,
    }


def on_cpu(arguments: dict[str, Any]) -> dict[str, Any]:
    return {n: one.cpu() if isinstance(one, torch.Tensor) else one for n, one in arguments.items()}


def test_the_operators_are_in_cpp() -> None:
    if not library.is_new_enough(torch.__version__):
        pytest.skip(f"needs torch {library.TARGET}")
    assert library.load(0, torch.float32)
    for name in ops.SCHEMAS:
        assert torch._C._dispatch_has_kernel_for_dispatch_key(f"persistent_topk::{name}", "CUDA")


@pytest.mark.parametrize("seed", range(80))
def test_select_out_writes_the_oracles_answer_beside_nothing_else(seed: int) -> None:
    arguments = random_call(seed, most_rows=20, most_columns=9000, most_k=2100)
    beyond = seed % 3
    given, options, outputs = as_select_out(on_gpu(arguments), beyond)
    torch.ops.persistent_topk.select_out(*given, **options)
    wanted = oracle.topk(**arguments)
    found = outputs if isinstance(wanted, Selection) else outputs.indices.contiguous()
    assert same(found, wanted)
    if beyond and outputs.indices.shape[0] > 1:
        whole = outputs.indices.as_strided(
            (outputs.indices.shape[0] - 1, beyond), outputs.indices.stride(), 0
        )
        behind = whole.as_strided(whole.shape, whole.stride(), outputs.indices.shape[1])
        assert bool((behind == POISON).all())


@pytest.mark.parametrize("seed", range(6))
def test_without_cpp_python_answers_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "_has_cpp", lambda _: False)
    arguments = random_call(seed, most_rows=20, most_columns=9000, most_k=2100)
    given, options, outputs = as_select_out(on_gpu(arguments), beyond=2)
    names = ("logits", "lengths", "output", "workspace", "k")
    ops.select_out(**dict(zip(names, given, strict=True)), **options)
    wanted = oracle.topk(**arguments)
    found = outputs if isinstance(wanted, Selection) else outputs.indices
    assert same(found, wanted)
    found = ops.select(**on_gpu(arguments))
    assert same(found if isinstance(wanted, Selection) else found.indices, wanted)


def test_without_cpp_a_plain_call_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ops, "_has_cpp", lambda _: False)
    arguments = a_call_of_all()
    plain = {name: arguments[name] for name in ("logits", "lengths", "k")}
    output = torch.full((12, 2048), POISON, dtype=torch.int32, device="cuda")
    ops.topk_out(**plain, output=output, workspace=torch.empty(0, device="cuda"))
    assert same(output, oracle.topk(**on_cpu(plain)))


@pytest.mark.parametrize("name", ["topk_out", "select_out", "select"])
def test_an_operator_passes_opcheck(name: str) -> None:
    arguments = a_call_of_all(rows=3, columns=500, k=16)
    if name == "select":
        torch.library.opcheck(
            torch.ops.persistent_topk.select,
            tuple(arguments.pop(first) for first in ("logits", "lengths", "k")),
            arguments,
        )
    elif name == "select_out":
        given, options, _ = as_select_out(arguments)
        torch.library.opcheck(torch.ops.persistent_topk.select_out, given, options)
    else:
        output = torch.empty(3, 16, dtype=torch.int32, device="cuda")
        workspace = torch.zeros(64, dtype=torch.uint8, device="cuda")
        given = (arguments["logits"], arguments["lengths"], output, workspace, 16)
        torch.library.opcheck(torch.ops.persistent_topk.topk_out, given)


def test_select_out_allocates_nothing_and_waits_for_nothing() -> None:
    given, options, _ = as_select_out(a_call_of_all())
    torch.ops.persistent_topk.select_out(*given, **options)
    torch.cuda.synchronize()
    before = torch.cuda.memory_stats()["allocation.all.allocated"]
    torch.cuda.set_sync_debug_mode("error")
    try:
        torch.ops.persistent_topk.select_out(*given, **options)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert before == torch.cuda.memory_stats()["allocation.all.allocated"]


def test_a_graph_of_select_out_is_replayed_with_other_windows_and_pages() -> None:
    arguments = a_call_of_all()
    given, options, outputs = as_select_out(arguments)
    torch.ops.persistent_topk.select_out(*given, **options)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        torch.ops.persistent_topk.select_out(*given, **options)
    for most, name in ((20_000, "lengths"), (10_000, "starts"), (8, "table_starts"), (10**6, "page_table")):
        arguments[name].random_(0, most)
    graph.replay()
    torch.cuda.synchronize()
    assert same(outputs, oracle.topk(**on_cpu(arguments)))


def test_the_stream_is_that_of_the_caller() -> None:
    arguments, stream = a_call_of_all(), torch.cuda.Stream()
    given, options, outputs = as_select_out(arguments)
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        given[0].add_(1)  # what follows on the stream sees it
        torch.ops.persistent_topk.select_out(*given, **options)
    stream.synchronize()
    assert same(outputs, oracle.topk(**on_cpu(arguments)))


def test_topk_is_compiled_whole() -> None:
    arguments = a_call_of_all()
    compiled = torch.compile(persistent_topk.topk, fullgraph=True)
    assert same(compiled(**arguments), oracle.topk(**on_cpu(arguments)))
    plain = {name: arguments[name] for name in ("logits", "lengths", "k")}
    assert same(compiled(**plain), oracle.topk(**on_cpu(plain)))


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"logits": torch.float64}, TypeError, "logits has dtype torch.float64"),
        ({"k": 0}, ValueError, "k is 0; expected 1 to 4096"),
        ({"k": "4"}, TypeError, "k is '4' of type str"),
        ({"lengths": torch.int64}, TypeError, "lengths has dtype torch.int64"),
        ({"page_size": 3}, ValueError, "page_size is 3; expected a power of two"),
        ({"index_dtype": torch.float32}, TypeError, "index_dtype is torch.float32"),
    ],
)
def test_topk_names_a_wrong_argument_as_on_a_cpu(changed: dict[str, Any], error: type, words: str) -> None:
    arguments = a_call_of_all()
    for name, value in changed.items():
        was = arguments.get(name)
        arguments[name] = was.to(value) if isinstance(was, torch.Tensor) else value
    with pytest.raises(error, match=words):
        persistent_topk.topk(**arguments)


@pytest.mark.parametrize(
    "name", ["lengths", "starts", "page_table", "table_rows", "columns_out", "values_out"]
)
def test_a_tensor_that_is_not_on_the_gpu_is_named(name: str) -> None:
    given, options, _ = as_select_out(a_call_of_all())
    arguments = dict(zip(("logits", "lengths", "output", "workspace", "k"), given, strict=True)) | options
    arguments[name] = arguments[name].cpu()
    first = [arguments.pop(each) for each in ("logits", "lengths", "output", "workspace", "k")]
    with pytest.raises(ValueError, match=f"{name} is on device cpu; expected cuda:0, that of logits"):
        torch.ops.persistent_topk.select_out(*first, **arguments)


def test_vmap_says_that_it_does_not() -> None:
    with pytest.raises(NotImplementedError, match="has no rule for vmap; expected the batch among the rows"):
        torch.vmap(lambda logits: torch.ops.persistent_topk.select(logits, None, 4))(
            torch.randn(2, 3, 9, device="cuda")
        )


def test_an_empty_call_returns() -> None:
    assert (0, 4) == tuple(persistent_topk.topk(torch.empty(0, 9, device="cuda"), None, 4).shape)
    found = persistent_topk.topk(torch.empty(2, 0, device="cuda"), None, 4)
    assert [[-1] * 4] * 2 == found.tolist()
