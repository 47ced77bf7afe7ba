"""A whole call: the oracle and the model give what the contract's words give, in every combination."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import call_in_words
import numpy as np
import pytest
import torch
from drawn_calls import calls
from hypothesis import given, settings
from hypothesis import strategies as st

import persistent_topk
from persistent_topk import reference
from persistent_topk.reference import oracle
from persistent_topk.reference.call import Call, Options, Selection
from persistent_topk.reference.plan import H100, make_plan
from persistent_topk.reference.policy import TINY
from persistent_topk.reference.trace import new_trace

LOGITS = torch.tensor([[1.0, 3.0, 2.0, 3.0], [4.0, 4.0, 0.0, 5.0]])
LENGTHS = torch.tensor([4, 3], dtype=torch.int32)


def tensors_of(answer: torch.Tensor | Selection) -> list[torch.Tensor]:
    return [answer] if isinstance(answer, torch.Tensor) else [each for each in answer if each is not None]


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


LENGTHS_OF_TWO = torch.tensor([[4, 3]], dtype=torch.int32)
OFFSETS = torch.tensor([10, 20], dtype=torch.int32)
MORE_THAN_PLAIN: dict[str, dict[str, Any]] = {
    "logits": {"logits": LOGITS.half()},
    "lengths": {"lengths": LENGTHS_OF_TWO},
    "starts": {"starts": OFFSETS},
    "ends": {"lengths": None, "ends": OFFSETS},
    "queries": {"lengths": LENGTHS[:1], "queries": 2},
    "compress_ratio": {"compress_ratio": 2},
    "offsets": {"offsets": OFFSETS},
    "page_table": {"page_table": LENGTHS_OF_TWO.expand(2, 2), "page_size": 2},
    "return_values": {"return_values": True},
    "return_columns": {"return_columns": True},
    "index_dtype": {"index_dtype": torch.int64},
}


def test_a_call_of_logits_lengths_and_k_is_plain() -> None:
    assert Call(LOGITS, LENGTHS, 2).is_plain
    neutral: dict[str, Any] = {"starts": None, "queries": 1, "compress_ratio": 1, "index_dtype": torch.int32}
    assert Call(LOGITS, LENGTHS, 2, **neutral).is_plain
    for dtype in (torch.bfloat16, torch.float16):
        assert ("logits",) == Call(LOGITS.to(dtype), LENGTHS, 2).extras


@pytest.mark.parametrize("name", MORE_THAN_PLAIN)
def test_a_call_says_what_makes_it_more_than_plain(name: str) -> None:
    call = Call(**{"logits": LOGITS, "lengths": LENGTHS, "k": 2, **MORE_THAN_PLAIN[name]})
    assert not call.is_plain
    assert name in call.extras
    assert {name, "lengths", "page_size"} >= set(call.extras)


def test_a_call_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Call(LOGITS, LENGTHS, 2).k = 3  # type: ignore[misc]


def test_the_public_signature_is_that_of_a_call() -> None:
    """Name by name, in one order, with the same defaults but for the one that torch would be imported for."""
    public = inspect.signature(persistent_topk.topk).parameters
    fields = inspect.signature(Call).parameters
    assert list(fields) == list(public)
    assert [name for name in fields if fields[name].default != public[name].default] == ["index_dtype"]
    keywords = [name for name, each in public.items() if each.kind is inspect.Parameter.KEYWORD_ONLY]
    assert keywords == list(fields)[3:]
    assert set(keywords) == set(Options.__annotations__)


def test_a_selection_is_public() -> None:
    found = persistent_topk.topk(LOGITS, LENGTHS, 2, return_values=True, return_columns=True, offsets=OFFSETS)
    assert isinstance(found, persistent_topk.Selection)
    indices, values, columns = found
    assert [[11, 13], [20, 21]] == indices.tolist()
    assert [[3.0, 3.0], [4.0, 4.0]] == values.tolist()
    assert [[1, 3], [0, 1]] == columns.tolist()


def test_a_page_table_and_a_window_together() -> None:
    """Pages are those of the columns counted from the start, from the row's first page on."""
    table = torch.tensor([[0, 70, 80]], dtype=torch.int32)
    starts, first = torch.tensor([1, 2], dtype=torch.int32), torch.tensor([1, 1], dtype=torch.int32)
    rows = torch.tensor([0, 0], dtype=torch.int32)
    pages = {"page_table": table, "page_size": 2, "table_rows": rows, "table_starts": first}
    assert [[140, 160], [140, 141]] == oracle.topk(LOGITS, None, 2, starts=starts, **pages).tolist()


@given(calls(), st.integers(0, 2**32))
def test_what_lies_outside_the_windows_does_not_matter(arguments: dict[str, Any], seed: int) -> None:
    expected = oracle.topk(**arguments)
    logits = arguments["logits"]
    changed = logits.clone()
    noise = np.random.default_rng(seed).integers(0, 2**15, logits.shape).astype(np.int16)
    for row in range(len(logits)):
        start, end = call_in_words.window(arguments, row)
        for outside in (slice(0, start), slice(end, None)):
            changed[row, outside] = torch.from_numpy(noise[row, outside].view(np.float16)).to(logits.dtype)
    found = oracle.topk(**{**arguments, "logits": changed})
    for before, after in zip(tensors_of(expected), tensors_of(found), strict=True):
        assert torch.equal(before.view(torch.uint8), after.view(torch.uint8))


@settings(max_examples=100)
@given(calls())
def test_inputs_are_left_alone(arguments: dict[str, Any]) -> None:
    tensors = [value for value in arguments.values() if isinstance(value, torch.Tensor)]
    before = [tensor.contiguous().view(torch.uint8).clone() for tensor in tensors]
    persistent_topk.topk(**arguments)
    after = [tensor.contiguous().view(torch.uint8) for tensor in tensors]
    assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))


@given(calls(most_columns=300))
def test_the_trace_of_a_window_is_that_of_a_row_of_its_own(arguments: dict[str, Any]) -> None:
    """The model sees the window as a row of float32 that begins at its first column."""
    logits, k = arguments["logits"], arguments["k"]
    bounds = [call_in_words.window(arguments, row) for row in range(len(logits))]
    alone = torch.zeros(logits.shape)
    for row, (start, end) in enumerate(bounds):
        alone[row, : end - start] = logits[row, start:end].float()
    lengths = torch.tensor([end - start for start, end in bounds], dtype=torch.int32)
    shape = len(logits), make_plan(*logits.shape, H100, TINY).records
    traced, expected = new_trace(*shape), new_trace(*shape)
    reference.topk(**arguments, policy=TINY, trace=traced)
    reference.topk(alone, lengths, k, policy=TINY, trace=expected)
    assert np.array_equal(expected, traced)


@settings(max_examples=100)
@given(calls())
def test_the_public_entry_is_the_words(arguments: dict[str, Any]) -> None:
    check_against_words(persistent_topk.topk, arguments)
