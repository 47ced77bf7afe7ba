"""A whole call: the oracle and the model give what the contract's words give, in every combination."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import call_in_words
import pytest
import torch
from drawn_calls import calls
from hypothesis import given

import persistent_topk
from persistent_topk import reference
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Selection
from persistent_topk.reference.policy import TINY

ENTRIES = (persistent_topk.topk, reference.topk, oracle.topk)
LOGITS = torch.tensor([[1.0, 3.0, 2.0, 3.0], [4.0, 4.0, 0.0, 5.0]])
LENGTHS = torch.tensor([4, 3], dtype=torch.int32)
BY_MODULE = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__module__)


def check_against_words(entry: Callable[..., Any], arguments: dict[str, Any]) -> None:
    places, values, columns = call_in_words.answer(arguments)
    found = entry(**arguments)
    if not (arguments.get("return_values") or arguments.get("return_columns")):
        found = Selection(found)
    assert isinstance(found, Selection)
    assert found.indices.dtype == arguments.get("index_dtype", torch.int32)
    assert found.indices.shape == (arguments["logits"].shape[0], arguments["k"])
    assert places == found.indices.tolist()
    assert (found.values is not None) == arguments.get("return_values", False)
    assert (found.columns is not None) == arguments.get("return_columns", False)
    if found.values is not None:
        assert found.values.dtype == arguments["logits"].dtype
        assert values == call_in_words.bits(found.values)
    if found.columns is not None:
        assert found.columns.dtype == torch.int32
        assert columns == found.columns.tolist()


@given(calls())
def test_the_oracle_is_the_words(arguments: dict[str, Any]) -> None:
    check_against_words(oracle.topk, arguments)


@given(calls(most_columns=300))
def test_the_model_is_the_words(arguments: dict[str, Any]) -> None:
    check_against_words(lambda **all_: reference.topk(**all_, policy=TINY), arguments)


@given(calls())
def test_the_public_entry_is_the_words(arguments: dict[str, Any]) -> None:
    check_against_words(persistent_topk.topk, arguments)
