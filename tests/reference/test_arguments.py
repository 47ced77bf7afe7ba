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


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.__module__}")
@pytest.mark.parametrize(("change", "error", "words"), WRONG, ids=[words for _, _, words in WRONG])
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


def test_an_empty_array_of_numpy_is_taken() -> None:
    logits, lengths = (torch.from_numpy(np.zeros(size, kind)) for size, kind in (((0, 5), "f4"), (0, "i4")))
    assert (0, 4) == tuple(persistent_topk.topk(logits, lengths, 4).shape)
