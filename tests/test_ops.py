"""The operators on a CPU, and as torch sees them: schema, fake and meta tensors, compile, vmap."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from random_calls import random_call, same
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

import persistent_topk
from persistent_topk import ops  # noqa: F401  registers the operators
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Selection

OPERATORS = torch.ops.persistent_topk
OF_RESULTS = ("return_values", "return_columns", "index_dtype")
POISON = -777
INTEGERS = torch.zeros(3, 2, dtype=torch.int32)


def small_call(seed: int) -> dict[str, Any]:
    return random_call(seed, most_rows=6, most_columns=300, most_k=40)


def outputs_of(call: Call, beyond: int = 0) -> Selection:
    """Poisoned tensors for it, whose rows are `beyond` further apart than they are long."""

    def rows(dtype: torch.dtype) -> Tensor:
        return torch.full((call.rows, call.k + beyond), POISON, dtype=dtype)[:, : call.k]

    return Selection(
        rows(call.index_dtype),
        rows(call.logits.dtype) if call.return_values else None,
        rows(torch.int32) if call.return_columns else None,
    )


def into(outputs: Selection, arguments: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    """The arguments of select_out for a call that writes these."""
    where = {name: value for name, value in arguments.items() if name not in OF_RESULTS}
    first = tuple(where.pop(name) for name in ("logits", "lengths", "k"))
    beside = {"columns_out": outputs.columns, "values_out": outputs.values}
    return (*first[:2], outputs.indices, None, first[2]), where | beside


@pytest.mark.parametrize("seed", range(40))
def test_select_out_writes_the_oracles_answer_beside_nothing_else(seed: int) -> None:
    arguments = small_call(seed)
    call, beyond = Call(**arguments), seed % 3
    outputs = outputs_of(call, beyond)
    given, options = into(outputs, arguments)
    OPERATORS.select_out(*given, **options)
    assert same(
        call.returned(Selection(*(each if each is None else each.contiguous() for each in outputs))),
        oracle.topk(**arguments),
    )
    for written in outputs:
        if written is not None and beyond:
            whole = written.as_strided((call.rows, beyond), written.stride(), call.k)
            assert bool((whole == POISON).all()), "columns behind k were written"


@pytest.mark.parametrize("seed", range(20))
def test_select_returns_the_oracles_answer(seed: int) -> None:
    arguments = small_call(seed)
    found = Selection(*OPERATORS.select(**arguments))
    assert same(Call(**arguments).returned(found), oracle.topk(**arguments))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("name", ["select", "select_out"])
def test_an_operator_passes_opcheck(name: str, seed: int) -> None:
    arguments = small_call(seed)
    arguments["logits"].nan_to_num_(0)  # opcheck compares outputs as numbers
    if name == "select":
        first = tuple(arguments.pop(each) for each in ("logits", "lengths", "k"))
        torch.library.opcheck(OPERATORS.select, first, arguments)
    else:
        torch.library.opcheck(OPERATORS.select_out, *into(outputs_of(Call(**arguments)), arguments))


@pytest.mark.parametrize("dynamic", [False, True])
def test_topk_is_compiled_whole(dynamic: bool) -> None:
    compiled = torch.compile(persistent_topk.topk, fullgraph=True, backend="aot_eager", dynamic=dynamic)
    for seed in range(4):
        arguments = small_call(seed)
        assert same(compiled(**arguments), oracle.topk(**arguments))


def test_a_compiled_step_writes_into_its_buffers() -> None:
    arguments = {"logits": torch.randn(3, 90), "lengths": torch.tensor([90, 0, 9], dtype=torch.int32), "k": 5}
    output = torch.full((3, 5), POISON, dtype=torch.int32)

    def step(logits: Tensor) -> Tensor:
        OPERATORS.select_out(logits * 2, arguments["lengths"], output, None, 5)
        return output + 1

    found = torch.compile(step, fullgraph=True, backend="aot_eager")(arguments["logits"])
    assert torch.equal(oracle.topk(**arguments) + 1, found)
    assert torch.equal(oracle.topk(**arguments), output)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_fake_tensors_give_shapes(device: str) -> None:
    with FakeTensorMode():
        logits = torch.empty(3, 90, dtype=torch.bfloat16, device=device)
        lengths = torch.empty(3, dtype=torch.int32, device=device)
        indices, values, columns = persistent_topk.topk(
            logits, lengths, 5, return_values=True, index_dtype=torch.int64
        )
    assert columns is None and values is not None
    assert ((3, 5), torch.int64, device) == (tuple(indices.shape), indices.dtype, indices.device.type)
    assert ((3, 5), torch.bfloat16, device) == (tuple(values.shape), values.dtype, values.device.type)


def test_meta_tensors_give_shapes() -> None:
    logits = torch.empty(3, 90, device="meta")
    found = persistent_topk.topk(logits, None, 5, return_columns=True)
    assert [(3, 5), (3, 5)] == [tuple(each.shape) for each in found if each is not None]
    assert found.values is None and "meta" == found.indices.device.type
    OPERATORS.select_out(logits, None, found.indices, None, 5)


def test_a_flat_fake_is_refused_when_it_is_traced() -> None:
    with pytest.raises(RuntimeError, match="logits has 1 dimensions; expected 2"):
        OPERATORS.select(torch.empty(9, device="meta"), None, 5)


@pytest.mark.parametrize(
    "call",
    [
        lambda logits: OPERATORS.select(logits, None, 4),
        lambda logits: OPERATORS.select_out(logits, None, logits.new_zeros(3, 4, dtype=torch.int32), None, 4),
    ],
)
def test_vmap_says_that_it_does_not(call: Any) -> None:
    with pytest.raises(NotImplementedError, match="has no rule for vmap; expected the batch among the rows"):
        torch.vmap(call)(torch.randn(2, 3, 9))


def test_gradients_stop_at_the_selection() -> None:
    logits = torch.randn(2, 9, requires_grad=True)
    found = persistent_topk.topk(logits, None, 3, return_values=True)
    assert found.values is not None and not found.indices.requires_grad


@pytest.mark.parametrize("module", ["ops", "cuda.gpu", "cuda.sparse_indexer", "cuda.engines.vllm"])
def test_what_needs_the_operators_opens_the_door(module: str) -> None:
    script = (
        f"import torch; assert not hasattr(torch.ops.persistent_topk, 'select')\n"
        f"import persistent_topk.{module}\n"
        f"print(torch.ops.persistent_topk.select(torch.tensor([[1.0, 3.0, 2.0]]), None, 2)[0].tolist())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "[[1, 2]]\n" == done.stdout, done.stderr


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"output": torch.zeros(3, 2)}, TypeError, "output has dtype torch.float32; expected torch.int32 or"),
        ({"output": INTEGERS.flatten()}, ValueError, "output has shape [6]; expected 2 dimensions"),
        ({"output": INTEGERS.repeat(1, 2)}, ValueError, "output has shape [3, 4]; expected [3, 2]"),
        ({"output": INTEGERS.view(2, 3).t()}, ValueError, "output has column stride 3"),
        ({"output": INTEGERS[:1].expand(3, 2)}, ValueError, "output has row stride 0; expected 2 or more"),
        ({"columns_out": torch.zeros(3, 2)}, TypeError, "columns_out has dtype torch.float32; expected"),
        ({"values_out": INTEGERS}, TypeError, "values_out has dtype torch.int32; expected torch.float32"),
        ({"workspace": torch.zeros(8, 2)[:, 0]}, ValueError, "workspace has strides (2,); expected a contig"),
    ],
)
def test_a_tensor_that_cannot_be_written_is_named(wrong: dict[str, Any], error: type, words: str) -> None:
    arguments: dict[str, Any] = {"output": torch.zeros(3, 2, dtype=torch.int32), "workspace": None} | wrong
    first = (torch.zeros(3, 5), None, arguments.pop("output"), arguments.pop("workspace"), 2)
    with pytest.raises(error) as caught:
        OPERATORS.select_out(*first, **arguments)
    assert words in str(caught.value)


def test_rows_of_one_may_have_any_stride() -> None:
    output = torch.zeros(9, dtype=torch.int32)[:2].as_strided((1, 2), (0, 1))
    OPERATORS.select_out(torch.tensor([[1.0, 3.0, 2.0]]), None, output, None, 2)
    assert [[1, 2]] == output.tolist()
