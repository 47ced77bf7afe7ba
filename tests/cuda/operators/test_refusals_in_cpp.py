"""What the C++ operators refuse is told in Python's words, before a launch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from operators_in_cpp import InCpp

from persistent_topk import ops

pytestmark = pytest.mark.xdist_group("operators in C++")

ROWS = torch.tensor([5, 5, 5], dtype=torch.int32)
TABLE = torch.zeros(3, 2, dtype=torch.int32)
WRONG: dict[str, dict[str, Any]] = {
    "float64 logits": {"logits": torch.zeros(3, 5).double()},
    "one dimension": {"logits": torch.zeros(5)},
    "columns apart": {"logits": torch.zeros(5, 3).t()},
    "logits elsewhere": {"logits": torch.zeros(3, 5, device="meta")},
    "k of 0": {"k": 0},
    "k of 4097": {"k": 4097},
    "int64 lengths": {"lengths": ROWS.long()},
    "lengths of three dimensions": {"lengths": ROWS.view(1, 1, 3)},
    "two lengths": {"lengths": ROWS[:2]},
    "lengths apart": {"lengths": torch.zeros(3, 2, dtype=torch.int32)[:, 0]},
    "lengths of [2, 3], apart": {"lengths": torch.zeros(1, 3, 2, dtype=torch.int32)[:, :, 0]},
    "lengths elsewhere": {"lengths": ROWS.to("meta")},
    "queries of 0": {"queries": 0},
    "queries with lengths of rows": {"queries": 3, "lengths": ROWS.view(1, 3)},
    "queries that give other rows": {"queries": 2},
    "a ratio of 0": {"compress_ratio": 0},
    "queries without lengths": {"queries": 3, "lengths": None},
    "a ratio without lengths": {"compress_ratio": 3, "lengths": None},
    "float starts": {"starts": ROWS.float()},
    "two starts": {"starts": ROWS[:2]},
    "ends with lengths": {"ends": ROWS},
    "two ends": {"ends": ROWS[:2], "lengths": None},
    "float offsets": {"offsets": ROWS.float()},
    "offsets with a table": {"offsets": ROWS, "page_table": TABLE, "page_size": 1},
    "a table without a size": {"page_table": TABLE},
    "a table of int64": {"page_table": TABLE.long(), "page_size": 1},
    "a table of one dimension": {"page_table": ROWS, "page_size": 1},
    "a table apart": {"page_table": torch.zeros(2, 3, dtype=torch.int32).t(), "page_size": 1},
    "a table elsewhere": {"page_table": TABLE.to("meta"), "page_size": 1},
    "pages of 3": {"page_table": TABLE, "page_size": 3},
    "pages of 0": {"page_table": TABLE, "page_size": 0},
    "a short table": {"page_table": TABLE[:2], "page_size": 1},
    "two table rows": {"page_table": TABLE, "page_size": 1, "table_rows": ROWS[:2]},
    "two table starts": {"page_table": TABLE, "page_size": 1, "table_starts": ROWS[:2]},
    "a size without a table": {"page_size": 1},
    "table rows without a table": {"table_rows": ROWS},
    "table starts without a table": {"table_starts": ROWS},
    "a float output": {"output": torch.zeros(3, 2)},
    "a flat output": {"output": torch.zeros(6, dtype=torch.int32)},
    "a wide output": {"output": torch.zeros(3, 4, dtype=torch.int32)},
    "an output apart": {"output": torch.zeros(2, 3, dtype=torch.int32).t()},
    "an output that overlaps": {"output": torch.zeros(2, dtype=torch.int32).expand(3, 2)},
    "an output elsewhere": {"output": torch.zeros(3, 2, dtype=torch.int32, device="meta")},
    "int64 columns": {"columns_out": torch.zeros(3, 2, dtype=torch.int64)},
    "values of another dtype": {"values_out": torch.zeros(3, 2, dtype=torch.float16)},
    "values that overlap": {"values_out": torch.zeros(2).expand(3, 2)},
    "a workspace apart": {"workspace": torch.zeros(8, 2)[:, 0]},
    "a workspace elsewhere": {"workspace": torch.zeros(8, device="meta")},
}


def words_of(function: Any, arguments: dict[str, Any]) -> str:
    given = dict(arguments)
    first = [given.pop(name) for name in ("logits", "lengths", "output", "workspace", "k")]
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*first, **given)
    return str(caught.value)


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_are_told_in_pythons_words(in_cpp: InCpp, wrong: str) -> None:
    right = {
        "logits": torch.zeros(3, 5),
        "lengths": ROWS,
        "output": torch.zeros(3, 2, dtype=torch.int32),
        "workspace": None,
        "k": 2,
    }
    arguments = (
        right | WRONG[wrong] | ({"lengths": None} if "ends" in WRONG[wrong] and "two" in wrong else {})
    )
    assert words_of(ops.select_out, arguments) == words_of(in_cpp.select_out, arguments)
    assert [] == in_cpp.kernel.calls


@pytest.mark.parametrize(
    "name",
    ["lengths", "output", "starts", "page_table", "table_rows", "table_starts", "columns_out", "values_out"],
)
def test_the_one_tensor_elsewhere_is_named_among_all(in_cpp: InCpp, name: str) -> None:
    right: dict[str, Any] = {
        "logits": torch.zeros(3, 5),
        "lengths": ROWS,
        "output": torch.zeros(3, 2, dtype=torch.int32),
        "workspace": None,
        "k": 2,
        "starts": ROWS,
        "page_table": TABLE,
        "table_rows": ROWS,
        "table_starts": ROWS,
        "page_size": 1,
        "columns_out": torch.zeros(3, 2, dtype=torch.int32),
        "values_out": torch.zeros(3, 2),
    }
    told = words_of(in_cpp.select_out, right | {name: right[name].to("meta")})
    assert f"{name} is on device meta; expected cpu, that of logits" == told
    assert [] == in_cpp.kernel.calls
    in_cpp.select_out(**right)  # a refusal leaves nothing behind
    assert 1 == len(in_cpp.kernel.calls)


@pytest.mark.parametrize(
    "wrong",
    [
        {"logits": torch.zeros(3, 5).bfloat16()},
        {"lengths": ROWS.view(1, 3)},
        {"k": 0},
        {"output": torch.zeros(3, 2, dtype=torch.int64)},
        {"output": torch.zeros(3, 3, dtype=torch.int32)},
        {"output": torch.zeros(6, dtype=torch.int32)},
        {"output": torch.zeros(2, 3, dtype=torch.int32).t()},
        {"output": torch.zeros(3, 2, dtype=torch.int32, device="meta")},
        {"workspace": torch.zeros(3, 2, device="meta")},
        {"workspace": torch.zeros(3, 2).t()},
    ],
)
def test_wrong_arguments_of_a_plain_call_are_told_in_pythons_words(
    in_cpp: InCpp, wrong: dict[str, Any]
) -> None:
    right = {
        "logits": torch.zeros(3, 5),
        "lengths": ROWS,
        "output": torch.zeros(3, 2, dtype=torch.int32),
        "workspace": torch.zeros(1),
        "k": 2,
    }
    assert words_of(ops.topk_out, right | wrong) == words_of(in_cpp.topk_out, right | wrong)
    assert [] == in_cpp.kernel.calls
