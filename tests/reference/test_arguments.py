"""Arguments that cannot be right are named, with their value and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import persistent_topk
from persistent_topk import reference
from persistent_topk.reference import oracle
from persistent_topk.reference.arguments import check_arguments
from persistent_topk.reference.policy import MAX_K

ENTRIES = [persistent_topk.topk, reference.topk, oracle.topk]
LOGITS = torch.zeros(2, 8)
LENGTHS = torch.full((2,), 8, dtype=torch.int32)


NESTED = torch.nested.nested_tensor([torch.zeros(3)] * 4, layout=torch.jagged)
WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"logits": [[1.0]]}, TypeError, "logits is of type list; expected a torch.Tensor"),
    ({"logits": np.zeros((2, 8), np.float32)}, TypeError, "logits is of type ndarray"),
    ({"logits": LOGITS.double()}, TypeError, "logits has dtype torch.float64; expected torch.float32"),
    ({"logits": LOGITS.to(torch.float8_e5m2)}, TypeError, "logits has dtype torch.float8_e5m2"),
    ({"logits": LOGITS.to_sparse()}, TypeError, "logits has layout torch.sparse_coo; expected"),
    ({"logits": torch.zeros(8)}, ValueError, r"logits has shape \[8\]; expected 2 dimensions"),
    ({"logits": torch.zeros(1, 2, 8)}, ValueError, r"logits has shape \[1, 2, 8\]"),
    ({"logits": torch.zeros(8, 2).T}, ValueError, "logits has column stride 2; expected 1"),
    ({"logits": torch.zeros(2, 1).expand(2, 8)}, ValueError, "logits has column stride 0; expected 1"),
    ({"logits": LOGITS.to("meta")}, ValueError, "logits is on device meta; expected one of cpu, cuda"),
    ({"logits": torch._neg_view(LOGITS)}, ValueError, "logits is a lazily negated view"),
    ({"lengths": [8, 8]}, TypeError, "lengths is of type list"),
    ({"lengths": LENGTHS.long()}, TypeError, "lengths has dtype torch.int64; expected torch.int32"),
    ({"lengths": LENGTHS[:1]}, ValueError, "lengths has 1 entries; expected 2, one a row"),
    (
        {"lengths": LENGTHS[None, None]},
        ValueError,
        r"lengths has shape \[1, 1, 2\]; expected 1 or 2 dimensions",
    ),
    ({"lengths": LENGTHS.to("meta")}, ValueError, "lengths is on device meta; expected cpu"),
    ({"lengths": torch.zeros(4, dtype=torch.int32)[::2]}, ValueError, "lengths has stride 2; expected 1"),
    ({"logits": NESTED}, TypeError, "logits is a nested tensor"),
    ({"k": 2.0}, TypeError, "k is 2.0 of type float; expected an int"),
    ({"k": True}, TypeError, "k is True of type bool; expected an int"),
    ({"k": None}, TypeError, "k is None"),
    ({"k": torch.tensor(3)}, TypeError, "k is tensor"),
    ({"k": 0}, ValueError, "k is 0; expected 1 to 4096"),
    ({"k": -1}, ValueError, "k is -1; expected 1 to 4096"),
    ({"k": MAX_K + 1}, ValueError, "k is 4097; expected 1 to 4096"),
]

TABLE = torch.zeros(2, 3, dtype=torch.int32)
PAGES = {"page_table": TABLE, "page_size": 4}
STRIDED = torch.zeros(4, dtype=torch.int32)[::2]
WITHOUT_LENGTHS: dict[str, Any] = {"lengths": None}
WRONG_TOGETHER: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"offsets": LENGTHS, **PAGES}, ValueError, "offsets is given with page_table; expected one of them"),
    (
        {"ends": LENGTHS},
        ValueError,
        "ends is given with lengths; expected one of them: pass None for lengths",
    ),
    ({**WITHOUT_LENGTHS, "queries": 2}, ValueError, "queries is 2 and lengths None; expected lengths"),
    ({**WITHOUT_LENGTHS, "compress_ratio": 4}, ValueError, "compress_ratio is 4 and lengths None; expected"),
    (
        {"lengths": LENGTHS[None], "queries": 2},
        ValueError,
        r"queries is 2 and lengths has shape \[1, 2\]; expected lengths \[batch\] with queries",
    ),
    (
        {"queries": 2},
        ValueError,
        "lengths has 2 entries and queries is 2; expected 4 rows of logits, not 2",
    ),
    ({"lengths": torch.zeros(2, 2, dtype=torch.int32)}, ValueError, "lengths has 4 entries; expected 2"),
    (
        {"lengths": torch.zeros(2, 2, dtype=torch.int32)[:, :1]},
        ValueError,
        r"lengths has strides \(2, 1\); expected \(1, 1\) \(contiguous\)",
    ),
    (
        {"page_table": TABLE[:1], "page_size": 4},
        ValueError,
        "page_table has 1 rows and logits 2; expected a row of the table for each of logits, or table_rows",
    ),
    (
        {"page_table": TABLE},
        ValueError,
        "page_size is None and page_table given; expected page_size, a power",
    ),
    ({"page_table": TABLE, "page_size": 3}, ValueError, "page_size is 3; expected a power of two"),
    ({"page_table": TABLE, "page_size": 0}, ValueError, "page_size is 0; expected 1 to 1073741824"),
    ({"page_table": TABLE, "page_size": 2**31}, ValueError, "page_size is 2147483648; expected 1 to"),
    ({"page_table": TABLE, "page_size": 4.0}, TypeError, "page_size is 4.0 of type float; expected an int"),
    (
        {"page_size": 4},
        ValueError,
        "page_size is given without page_table; expected page_table, or no page_s",
    ),
    ({"table_rows": LENGTHS}, ValueError, "table_rows is given without page_table; expected page_table"),
    ({"table_starts": LENGTHS}, ValueError, "table_starts is given without page_table; expected page_table"),
    (
        {"page_table": TABLE[0], "page_size": 4},
        ValueError,
        r"page_table has shape \[3\]; expected 2 dimension",
    ),
    ({"page_table": TABLE.long(), "page_size": 4}, TypeError, "page_table has dtype torch.int64; expected"),
    ({"page_table": [[0]], "page_size": 4}, TypeError, "page_table is of type list"),
    ({"page_table": TABLE.T, "page_size": 4}, ValueError, "page_table has column stride 3; expected 1"),
    (
        {"page_table": TABLE.to("meta"), "page_size": 4},
        ValueError,
        "page_table is on device meta; expected cpu",
    ),
    (
        {"index_dtype": torch.int16},
        TypeError,
        "index_dtype is torch.int16; expected torch.int32 or torch.int64",
    ),
    ({"index_dtype": "int64"}, TypeError, "index_dtype is 'int64'; expected torch.int32 or torch.int64"),
    (
        {"offsets": LENGTHS.float()},
        TypeError,
        "offsets has dtype torch.float32; expected torch.int32 or torch.i",
    ),
    ({"return_values": 1}, TypeError, "return_values is 1 of type int; expected True or False"),
    ({"return_columns": None}, TypeError, "return_columns is None of type NoneType; expected True or False"),
    *(
        case
        for name in ("queries", "compress_ratio")
        for case in (
            ({name: 0}, ValueError, f"{name} is 0; expected 1 to 2147483647"),
            ({name: -2}, ValueError, f"{name} is -2; expected 1 to 2147483647"),
            ({name: 2**31}, ValueError, f"{name} is 2147483648; expected 1 to 2147483647"),
            ({name: 2.0}, TypeError, f"{name} is 2.0 of type float; expected an int"),
            ({name: True}, TypeError, f"{name} is True of type bool; expected an int"),
            ({name: LENGTHS}, TypeError, f"{name} is tensor"),
        )
    ),
    *(
        ({**beside, name: wrong}, error, f"{name} {words}")
        for name, beside in (
            ("starts", {}),
            ("ends", WITHOUT_LENGTHS),
            ("offsets", {}),
            ("table_rows", PAGES),
            ("table_starts", PAGES),
        )
        for wrong, error, words in (
            ([0, 0], TypeError, "is of type list; expected a torch.Tensor"),
            (LENGTHS.short(), TypeError, "has dtype torch.int16; expected torch.int32"),
            (LENGTHS[None], ValueError, r"has shape \[1, 2\]; expected 1 dimensions, \[rows\]"),
            (LENGTHS[:1], ValueError, "has 1 entries; expected 2, one a row of logits"),
            (STRIDED, ValueError, r"has stride 2; expected 1 \(contiguous\)"),
            (LENGTHS.to("meta"), ValueError, "is on device meta; expected cpu, that of logits"),
            (torch._neg_view(LENGTHS), ValueError, "is a lazily negated view; expected plain memory"),
            (LENGTHS.to_sparse(), TypeError, "has layout torch.sparse_coo; expected torch.strided"),
        )
    ),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.__module__}")
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [*WRONG, *WRONG_TOGETHER],
    ids=[words for _, _, words in (*WRONG, *WRONG_TOGETHER)],
)
def test_wrong_arguments(entry: Callable[..., Any], change: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        entry(**{"logits": LOGITS, "lengths": LENGTHS, "k": 3, **change})


@pytest.mark.parametrize(
    "logits",
    [
        torch.zeros(2, 8),
        torch.zeros(2, 16)[:, 3:11],
        torch.zeros(1, 8).expand(2, 8),
        torch.zeros(2, 1),
        torch.zeros(2, 4)[:, ::4],
        torch.zeros(2, 0),
        torch.zeros(2, 8, requires_grad=True),
    ],
    ids=[
        "plain",
        "strided rows",
        "one row, expanded",
        "one column",
        "one strided column",
        "no columns",
        "grad",
    ],
)
def test_right_arguments(logits: torch.Tensor) -> None:
    check_arguments(logits, LENGTHS, 1)
    check_arguments(logits, LENGTHS, MAX_K)
    assert torch.equal(reference.topk(logits, LENGTHS, 3), oracle.topk(logits, LENGTHS, 3))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.__module__}")
@pytest.mark.parametrize("shape", [(0, 8), (0, 0), (3, 0)])
def test_nothing_to_select_from(entry: Callable[..., torch.Tensor], shape: tuple[int, int]) -> None:
    indices = entry(torch.zeros(shape), torch.full(shape[:1], 8, dtype=torch.int32), 5)
    assert indices.dtype == torch.int32 and torch.equal(
        indices, torch.full((shape[0], 5), -1, dtype=torch.int32)
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.__module__}")
@pytest.mark.parametrize("shape", [(0, 5), (0, 1), (3, 0)])
@pytest.mark.parametrize("strides", [(0, 0), (7, 2), (1, 9)])
def test_a_stride_that_no_element_uses_is_no_error(
    entry: Callable[..., torch.Tensor], shape: tuple[int, int], strides: tuple[int, int]
) -> None:
    logits = torch.zeros(64).as_strided(shape, strides)
    lengths = torch.full(shape[:1], 5, dtype=torch.int32)
    assert entry(logits, lengths, 4).tolist() == [[-1] * 4] * shape[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.__module__}")
def test_an_argument_that_there_is_not(entry: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'next_n'"):
        entry(LOGITS, LENGTHS, 3, next_n=2)


def test_a_plain_call_is_of_float32() -> None:
    """What takes plain calls alone says so: ranks, the operator."""
    with pytest.raises(TypeError, match=r"logits has dtype torch.bfloat16; expected torch.float32$"):
        check_arguments(LOGITS.bfloat16(), LENGTHS, 3)
    with pytest.raises(ValueError, match=r"lengths has shape \[1, 2\]; expected 1 dimensions"):
        check_arguments(LOGITS, LENGTHS[None], 3)


def test_an_empty_array_of_numpy_is_taken() -> None:
    logits, lengths = (torch.from_numpy(np.zeros(size, kind)) for size, kind in (((0, 5), "f4"), (0, "i4")))
    assert (0, 4) == tuple(persistent_topk.topk(logits, lengths, 4).shape)
