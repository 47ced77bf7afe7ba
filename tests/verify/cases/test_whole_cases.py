"""Cases of whole calls: dtypes, where rows begin and end however it is said, and what a copy has to keep."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import call_in_words
import numpy as np
import pytest
import torch
from drawn_calls import calls
from hypothesis import given, settings
from whole_cases import SETTING, WHOLE, case_of, family_cases

from persistent_topk.reference.call import Call
from persistent_topk.verify.cases.asking import numbers_of, options_of, tensors_of
from persistent_topk.verify.cases.case import Case, lay_out, rebuild, said_as
from persistent_topk.verify.cases.dtypes import DTYPES, memory_of, narrowed, widened
from persistent_topk.verify.cases.families import Family
from persistent_topk.verify.cases.simpler import plainer, simpler
from persistent_topk.verify.cases.variants import VARIANTS, WINDOW, with_legal_lengths

MOST_VISITS = 250  # of a family


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_every_pattern_of_16_bits_is_widened_to_its_value_and_back(dtype: torch.dtype) -> None:
    logits = torch.arange(1 << 16, dtype=torch.int32).to(torch.int16).view(dtype)
    wide = torch.from_numpy(widened(logits).view(np.int32)).view(torch.float32)
    expected = logits.float()
    assert torch.equal(expected.isnan(), wide.isnan())
    assert torch.equal(expected.nan_to_num(), wide.nan_to_num())
    assert np.array_equal(memory_of(logits), memory_of(narrowed(widened(logits), dtype)))


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_narrowing_rounds_as_torch_does_and_keeps_every_nan_one(dtype: torch.dtype) -> None:
    random = np.random.default_rng(4)
    bits = random.integers(0, 1 << 32, 1 << 16, np.uint32)
    bits[:4] = 0x7F800001, 0xFF800001, 0x7FC00000, 0xFFFFFFFF
    floats = torch.from_numpy(bits.view(np.int32)).view(torch.float32)
    found, expected = narrowed(bits, dtype), floats.to(dtype)
    assert torch.equal(expected.isnan(), found.isnan())
    assert torch.equal(expected.nan_to_num(), found.nan_to_num())
    assert np.array_equal(floats.signbit().numpy(), found.signbit().numpy())


@settings(max_examples=200)
@given(calls())
def test_windows_are_those_of_the_contract_however_they_are_said(arguments: dict[str, Any]) -> None:
    case = case_of(arguments)
    windows = [call_in_words.window(arguments, row) for row in range(case.rows)]
    assert [start for start, _ in windows] == case.starts.tolist()
    assert [end - start for start, end in windows] == case.clamped.tolist()
    whole = widened(case.logits)
    for row, (start, end) in enumerate(windows):
        assert np.array_equal(whole[row, start:end], case.bits()[row, : end - start])


@settings(max_examples=100)
@given(calls())
def test_a_rebuilt_case_says_its_lengths_as_it_did(arguments: dict[str, Any]) -> None:
    case = case_of(arguments)
    again = rebuild(case, case.bits(), lengths=case.row_lengths.numpy())
    assert (case.asks, case.k, case.columns) == (again.asks, again.k, again.columns)
    assert case.row_lengths.tolist() == again.row_lengths.tolist()
    assert np.array_equal(
        case.bits()[:, : case.room.min(initial=0)], again.bits()[:, : case.room.min(initial=0)]
    )


@pytest.mark.parametrize("said", ["ends", "queries", "compress_ratio", "batch", "nothing"])
def test_other_lengths_are_said_in_the_same_way_where_it_can_say_them(said: str) -> None:
    ints = lambda *values: torch.tensor(values, dtype=torch.int32)  # noqa: E731
    starts = {"starts": ints(1, 2, 0, 3)}
    given, options = {
        "ends": (None, {"ends": ints(6, 7, 8, 9)}),
        "queries": (ints(7, 5), {"queries": 2}),
        "compress_ratio": (ints(13, 9, 4, 6), {"compress_ratio": 2}),
        "batch": (ints(7, 5, 4, 3).view(2, 2), {}),
        "nothing": (None, {}),
    }[said]
    storage = torch.zeros(48)
    case = Case(storage, 0, 12, 12, given, 2, options={**options, **starts}, rows=4)
    fewer = np.array([3, 4, 1, 2]) if said != "nothing" else case.room
    other = said_as(case, case, fewer)
    assert case.asks == other.asks and fewer.tolist() == other.row_lengths.tolist()
    odd = said_as(case, case, np.array([3, 9, 1, 2]))
    assert [3, 9, 1, 2] == odd.row_lengths.tolist()
    if said in ("queries", "nothing"):
        assert ("starts",) == odd.asks  # said by starts and lengths


@pytest.mark.parametrize("family", WHOLE, ids=lambda family: family.name)
def test_every_case_of_a_family_is_a_call_that_can_be_right(family: Family) -> None:
    for visit in range(min(family.size, MOST_VISITS)):
        case = family.make(SETTING, family.parameters(visit, 2), visit)
        call = Call(case.logits, case.lengths, case.k, **case.options)
        assert case.rows == call.rows and set(case.asks) <= set(family.asks)


@pytest.mark.parametrize("case", family_cases(), ids=lambda case: str(case.origin))
def test_a_copy_has_the_same_memory_and_another_has_not(case: Case) -> None:
    copy = case.copy()
    assert copy.has_same_memory(case) and copy.digest() == case.digest()
    for name, tensor in copy.tensors.items():
        other = copy.copy()
        memory = memory_of(other.tensors[name])
        if tensor.numel():
            memory.flat[0] ^= 1
            assert not other.has_same_memory(case) and other.digest() != case.digest(), name
    again = options_of(numbers_of(case.options), tensors_of(case.options))
    assert replace(case, options=again).digest() == case.digest()


@pytest.mark.parametrize("case", family_cases(), ids=lambda case: str(case.origin))
def test_simpler_cases_ask_for_less_of_the_same_rows(case: Case) -> None:
    assert () == plainer(case).asks
    for other in simpler(case):
        assert set(other.asks) < set(case.asks)
        other.copy()
        for row in range(case.rows):
            n = int(case.clamped[row])
            assert n == other.clamped[row]
            assert np.array_equal(case.bits()[row, :n], other.bits()[row, :n])


@pytest.mark.parametrize("step", VARIANTS)
def test_forms_of_a_whole_call_have_its_rows(step: str) -> None:
    found = 0
    for case in family_cases():
        for variant in VARIANTS[step](case):
            found += 1
            for row, source in enumerate(variant.source):
                n = int(case.clamped[source])
                assert n == variant.case.clamped[row]
                assert np.array_equal(case.bits()[source, :n], variant.case.bits()[row, :n])
    assert found


def test_another_head_wins_where_the_first_one_loses() -> None:
    starts = torch.tensor([2, 0], dtype=torch.int32)
    rows = [np.arange(3, dtype=np.uint32), np.arange(4, dtype=np.uint32)]
    case = lay_out(rows, 2, options={"starts": starts})
    (variant,) = VARIANTS[WINDOW](case)
    assert [3, 1] == variant.case.starts.tolist()
    heads = [variant.case.logits[0, :3], variant.case.logits[1, :1]]
    assert all(bool((head == -torch.inf).all()) for head in heads)
    assert [] == list(VARIANTS[WINDOW](lay_out(rows, 2)))


def test_legal_lengths_leave_no_window_without_a_column() -> None:
    for case in family_cases():
        legal = with_legal_lengths(case)
        assert ((legal.clamped >= 1) | (case.room == 0)).all() and (
            legal.row_lengths.numpy() <= case.room
        ).all()
