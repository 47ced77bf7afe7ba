"""The C++ operators on a CPU: what they pass to the kernel, and what they refuse, compared with Python's.

They are registered for CPU tensors in a namespace of their own, over a kernel that only remembers its calls.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from clocks import HANG_SECONDS
from operators_in_cpp import NAMESPACE, STREAM, InCpp, Kernel, skip_unless_it_compiles
from random_calls import random_call
from torch import Tensor

from persistent_topk.cuda.build import BuildError
from persistent_topk.cuda.library import CHOOSE_POLICY
from persistent_topk.cuda.operators import library
from persistent_topk.cuda.structs import CallRecord
from persistent_topk.reference.call import Call, Selection

pytestmark = pytest.mark.xdist_group("operators in C++")
ROWS = torch.tensor([5, 5, 5], dtype=torch.int32)


def outputs_of(call: Call, beyond: int = 0) -> Selection:
    def rows(dtype: torch.dtype) -> Tensor:
        return torch.empty(call.rows, call.k + beyond, dtype=dtype)[:, : call.k]

    return Selection(
        rows(call.index_dtype),
        rows(call.logits.dtype) if call.return_values else None,
        rows(torch.int32) if call.return_columns else None,
    )


def where(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that select_out takes by name."""
    others = {"logits", "lengths", "k", "return_values", "return_columns", "index_dtype"}
    return {name: value for name, value in arguments.items() if name not in others}


@pytest.mark.parametrize("seed", range(60))
def test_a_call_reaches_the_kernel_as_python_passes_it(in_cpp: InCpp, seed: int) -> None:
    arguments = random_call(seed, most_rows=5, most_columns=60, most_k=20)
    call = Call(**arguments)
    outputs = outputs_of(call, beyond=seed % 3)
    workspace = torch.empty(8, dtype=torch.uint8)
    in_cpp.select_out(
        call.logits,
        call.lengths,
        outputs.indices,
        workspace,
        call.k,
        columns_out=outputs.columns,
        values_out=outputs.values,
        **where(arguments),
    )
    assert bytes(CallRecord.of(call, outputs)) == bytes(in_cpp.last.call)
    rest = (in_cpp.last.stream, in_cpp.last.policy, in_cpp.last.device, in_cpp.last.cooperative)
    assert (STREAM, CHOOSE_POLICY, 0, 0) == rest
    assert (workspace.data_ptr(), None) == (in_cpp.last.workspace, in_cpp.last.trace)


@pytest.mark.parametrize("seed", range(20))
def test_select_makes_what_it_returns(in_cpp: InCpp, seed: int) -> None:
    arguments = random_call(seed, most_rows=5, most_columns=60, most_k=20)
    call = Call(**arguments)
    found = Selection(*in_cpp.select(**arguments))
    for made, wanted in zip(found, outputs_of(call), strict=True):
        assert (wanted is None) == (made is None)
        if wanted is not None and made is not None:
            assert (wanted.shape, wanted.dtype, wanted.stride()) == (made.shape, made.dtype, made.stride())
    assert bytes(CallRecord.of(call, found)) == bytes(in_cpp.last.call)


def test_a_plain_call_reaches_the_kernel(in_cpp: InCpp) -> None:
    logits, lengths = torch.zeros(4, 9)[:, :7], torch.tensor([7, 3, 0, -1], dtype=torch.int32)
    output, workspace = torch.empty(4, 3, dtype=torch.int32), torch.empty(0)
    in_cpp.topk_out(logits, lengths, output, workspace, 3)
    assert bytes(CallRecord.plain(logits, lengths, output, 3)) == bytes(in_cpp.last.call)


def test_a_table_without_pages_is_one(in_cpp: InCpp) -> None:
    output = torch.empty(2, 3, dtype=torch.int32)
    table = torch.empty(2, 0, dtype=torch.int32)
    in_cpp.select_out(torch.zeros(2, 5), None, output, None, 3, page_table=table, page_size=4)
    call = Call(torch.zeros(2, 5), None, 3, page_table=table, page_size=4)
    wanted = CallRecord.of(call, Selection(output))
    assert wanted.page_table == in_cpp.last.call.page_table != 0
    assert (2, 0, 2) == (in_cpp.last.call.tables, in_cpp.last.call.pages, in_cpp.last.call.page_bits)


@pytest.mark.parametrize(
    "right",
    [
        {"lengths": torch.zeros(4, dtype=torch.int32)[::4]},
        {"lengths": torch.zeros(1, 4, dtype=torch.int32)[:, ::4]},
        {"page_table": torch.zeros(1, 2, dtype=torch.int32), "page_size": 1},
        {"output": torch.zeros(2, dtype=torch.int32).as_strided((1, 2), (0, 1))},
    ],
)
def test_a_row_of_one_may_have_any_stride(in_cpp: InCpp, right: dict[str, Any]) -> None:
    output = torch.zeros(1, 2, dtype=torch.int32)
    arguments = {"lengths": None, "output": output, "workspace": None, "k": 2} | right
    first = [arguments.pop(name) for name in ("lengths", "output", "workspace", "k")]
    in_cpp.select_out(torch.zeros(1, 5), *first, **arguments)
    assert 1 == len(in_cpp.kernel.calls)


def test_rows_of_logits_may_share_a_row_of_the_table(in_cpp: InCpp) -> None:
    output, rows = torch.zeros(3, 2, dtype=torch.int32), torch.zeros(3, dtype=torch.int32)
    table = torch.zeros(1, 5, dtype=torch.int32)
    in_cpp.select_out(
        torch.zeros(3, 5), None, output, None, 2, page_table=table, page_size=1, table_rows=rows
    )
    assert 1 == in_cpp.last.call.tables


def test_another_dtype_of_indices_is_refused(in_cpp: InCpp) -> None:
    with pytest.raises(
        ValueError, match=r"index_dtype is torch.float32; expected torch.int32 or torch.int64"
    ):
        in_cpp.select(torch.zeros(2, 4), None, 2, index_dtype=torch.float32)


def test_a_workspace_that_is_too_small_is_refused_with_the_size(in_cpp: InCpp) -> None:
    in_cpp.kernel.needs = 257
    output, workspace = torch.zeros(3, 2, dtype=torch.int32), torch.empty(256, dtype=torch.uint8)
    words = r"workspace has 256 bytes; expected at least workspace_size\(...\) = 257"
    with pytest.raises(ValueError, match=words):
        in_cpp.topk_out(torch.zeros(3, 5), ROWS, output, workspace, 2)
    with pytest.raises(ValueError, match=words):
        in_cpp.select_out(torch.zeros(3, 5), ROWS, output, workspace, 2)
    assert [] == in_cpp.kernel.calls


def test_without_a_workspace_one_is_made_where_it_is_needed(in_cpp: InCpp) -> None:
    in_cpp.select(torch.zeros(3, 5), ROWS, 2)
    assert None is in_cpp.last.workspace
    in_cpp.kernel.needs = 1000
    in_cpp.select(torch.zeros(3, 5), ROWS, 2)
    assert in_cpp.last.workspace


def test_an_error_of_a_launch_is_told(in_cpp: InCpp) -> None:
    in_cpp.kernel.fails = 700
    with pytest.raises(RuntimeError, match="error 700") as told:
        in_cpp.select(torch.zeros(3, 5), ROWS, 2)
    with pytest.raises(RuntimeError, match="^error 700$"):
        library.raise_kept(told.value)
    library.raise_kept(told.value)  # once


def test_an_error_of_another_origin_is_not_taken_for_an_earlier_one(in_cpp: InCpp) -> None:
    in_cpp.kernel.fails = 700
    with pytest.raises(RuntimeError, match="error 700"):
        in_cpp.select(torch.zeros(3, 5), ROWS, 2)
    library.raise_kept(RuntimeError("CUDA out of memory"))


def test_a_kernel_that_cannot_be_built_is_told(tmp_path: Path) -> None:
    skip_unless_it_compiles()
    broken = InCpp(tmp_path, f"{NAMESPACE}_broken", Kernel(fails=-1))
    with pytest.raises(RuntimeError, match="no compiler") as told:
        broken.select(torch.zeros(3, 5), ROWS, 2)
    with pytest.raises(BuildError, match="^no compiler$"):
        library.raise_kept(told.value)
    broken.kernel.fails = 0  # the compiler is there now
    broken.select(torch.zeros(3, 5).half(), ROWS, 2)
    broken.select(torch.zeros(3, 5).half(), ROWS, 2)
    assert [(0, 0), (0, 2)] == broken.kernel.asked


def test_the_kernel_is_compiled_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=HANG_SECONDS)

    def kernel(*_: object) -> None:
        both.wait()
        raise BuildError("the kernel does not compile")

    def operators() -> Path:
        both.wait()
        return Path("operators.so")

    monkeypatch.setattr(library, "library_for", kernel)
    monkeypatch.setattr(library, "compiled", operators)
    assert Path("operators.so") == library.compiled_beside_the_kernel(0, torch.float32)


@pytest.mark.parametrize(("version", "expected"), [("2.10.1", False), ("2.11.0+cu130", True), ("3.0", True)])
def test_older_torch_keeps_to_python(version: str, expected: bool) -> None:
    assert expected == library.is_new_enough(version)
