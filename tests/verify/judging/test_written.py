"""Places, columns and values in answers: what is due, which columns places stand for, and each fault told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import call_in_words
import numpy as np
import pytest
import torch
from drawn_calls import calls
from hypothesis import given, settings
from whole_cases import case_of

from persistent_topk.reference import oracle
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.judging.examination import Subject
from persistent_topk.verify.judging.faults import Fault, faults_of
from persistent_topk.verify.judging.judge import JUDGES, Expected
from persistent_topk.verify.judging.reading import slots_of
from persistent_topk.verify.judging.written import NO_COLUMN, columns_of, places_of
from persistent_topk.verify.targets.results import answer_of
from persistent_topk.verify.targets.target import POISONS, Answer

EVERY = frozenset(JUDGES)
ROW = bits_of(np.array([5.0, 1.0, 4.0, 4.0, 3.0]))


def right_answer(case: Case) -> Answer:
    return answer_of(oracle.topk(case.logits, case.lengths, case.k, **case.options))


def broken(case: Case, answer: Answer) -> set[str]:
    slots = slots_of(case, Expected.of(case), answer, -1, EVERY)
    return {name for name, judge in JUDGES.items() if len(judge(slots).broken)}


def told(case: Case, answer: Answer) -> tuple[Fault | None, str]:
    faults = faults_of(slots_of(case, Expected.of(case), answer, -1, EVERY), 0)
    return faults.cause, "; ".join(faults.words())


def at_offsets(*offsets: int, **options: Any) -> Case:
    return lay_out([ROW] * len(offsets), 2, options={"offsets": torch.tensor(offsets), **options})


def in_pages(table: list[int], size: int = 2, **options: Any) -> Case:
    pages = torch.tensor([table], dtype=torch.int32)
    return lay_out([ROW], 3, options={"page_table": pages, "page_size": size, **options})


@settings(max_examples=200)
@given(calls())
def test_due_places_are_those_of_the_contract(arguments: dict[str, Any]) -> None:
    case = case_of(arguments)
    columns = np.tile(np.arange(case.columns), (case.rows, 1))
    expected = [
        [call_in_words.place(arguments, row, column) for column in range(case.columns)]
        for row in range(case.rows)
    ]
    assert expected == places_of(case, columns).tolist()


@settings(max_examples=200)
@given(calls())
def test_the_right_answer_to_any_call_breaks_nothing(arguments: dict[str, Any]) -> None:
    case = case_of(arguments)
    places, values, columns = call_in_words.answer(arguments)
    beside = {
        name: np.array(found, np.int64).reshape(case.rows, case.k)
        for name, found in (("values", values), ("columns", columns))
        if arguments.get(f"return_{name}")
    }
    answer = Answer(np.array(places, np.int64).reshape(case.rows, case.k), **beside)
    assert set() == broken(case, answer)
    assert Subject(case).expected.k == case.k  # the oracle is right to the judge, too


@settings(max_examples=200)
@given(calls())
def test_a_changed_answer_breaks_something(arguments: dict[str, Any]) -> None:
    case = case_of(arguments)
    answer = right_answer(case)
    if not answer.indices.size:
        return
    for name in ("indices", "values", "columns"):
        whole = getattr(answer, name)
        if whole is not None:
            changed = whole.copy()
            changed.flat[-1] ^= 1
            assert broken(case, replace(answer, **{name: changed})), name


def test_columns_are_found_by_their_places() -> None:
    case = in_pages([7, 3, 5])
    due = np.array([[0, 2, 3]])
    assert [[14, 6, 7]] == places_of(case, due).tolist()
    assert due.tolist() == columns_of(case, due, Answer(np.array([[14, 6, 7]])), -1).tolist()
    assert [[3, 0, 2]] == columns_of(case, due, Answer(np.array([[7, 14, 6]])), -1).tolist()
    assert [[0, NO_COLUMN, 3]] == columns_of(case, due, Answer(np.array([[14, 99, 7]])), -1).tolist()
    unwritten = columns_of(case, due, Answer(np.array([[14, POISONS[0], 7]])), -1)
    assert [[0, POISONS[0], 3]] == unwritten.tolist()


def test_a_slot_without_a_place_stands_for_the_greatest_column_without_one() -> None:
    case = in_pages([7, -1, 5])  # columns 2 and 3 have no place
    assert [[14, -1, -1]] == places_of(case, np.array([[0, 2, 3]])).tolist()
    assert set() == broken(case, Answer(np.array([[14, -1, -1]])))
    assert set() == broken(case, Answer(np.array([[14, -1, -1]]), columns=np.array([[0, 2, 3]])))
    assert {"exact-set", "in-range-unique"} <= broken(case, Answer(np.array([[-1, -1, -1]])))
    assert "exact-set" in broken(case, Answer(np.array([[14, -1, 10]])))


def test_pages_that_columns_share_are_told_apart_once_each() -> None:
    case = in_pages([4, 4, 4])
    assert set() == broken(case, Answer(np.array([[8, 8, 9]])))
    assert "in-range-unique" in broken(case, Answer(np.array([[8, 8, 8]]))) or "exact-set" in broken(
        case, Answer(np.array([[8, 8, 8]]))
    )


FAULTS: dict[str, tuple[Case, Answer, Fault, str, set[str]]] = {
    "an offset that was not added": (
        at_offsets(100),
        Answer(np.array([[0, 2]])),
        Fault.PLACE,
        "slot 0 holds place 0, which is that of no column of the row, and 1 more slot alike",
        {"translation", "in-range-unique", "exact-set"},
    ),
    "another place beside the right column": (
        at_offsets(100, return_columns=True),
        Answer(np.array([[100, 103]]), columns=np.array([[0, 2]])),
        Fault.PLACE,
        "slot 1 holds place 103 for column 2, expected 102",
        {"translation"},
    ),
    "an offset on the padding": (
        lay_out([ROW], 7, options={"offsets": torch.tensor([100]), "return_columns": True}),
        Answer(np.array([[100, 101, 102, 103, 104, -1, 99]]), columns=np.array([[0, 1, 2, 3, 4, -1, -1]])),
        Fault.PLACE,
        "slot 6, which stands for no column, holds place 99, expected -1",
        {"translation"},
    ),
    "a place cut to 32 bits": (
        at_offsets(1 << 33, index_dtype=torch.int64, return_columns=True),
        Answer(np.array([[0, 2]]), columns=np.array([[0, 2]])),
        Fault.PLACE,
        f"slot 0 holds place 0 for column 0, expected {1 << 33}, and 1 more slot alike",
        {"translation"},
    ),
    "a lost value behind right places": (
        at_offsets(100),
        Answer(np.array([[100, 101]])),
        Fault.LOST,
        "1 of 2 expected columns is missing: 2 (4.0); 1 column was selected instead: 1 (1.0)",
        {"exact-set"},
    ),
    "the value of another column": (
        lay_out([ROW], 2, options={"return_values": True}),
        Answer(np.array([[0, 2]]), values=bits_of(np.array([[5.0, 1.0]])).astype(np.int64)),
        Fault.VALUE,
        "slot 1, of column 2, has the value of bits 0x3F800000, expected 0x40800000",
        {"values-match"},
    ),
    "a value in the padding": (
        lay_out([ROW[:1]], 2, options={"return_values": True}),
        Answer(np.array([[0, -1]]), values=bits_of(np.array([[5.0, 0.0]])).astype(np.int64)),
        Fault.VALUE,
        "slot 1, of no column, has the value of bits 0x0, expected 0xFF800000",
        {"values-match"},
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_and_breaks_what_it_is_of(name: str) -> None:
    case, answer, fault, words, promises = FAULTS[name]
    cause, found = told(case, answer)
    assert (fault, True) == (cause, words in found), found
    assert promises == broken(case, answer)


def test_the_values_of_who_was_not_asked_for_them_may_be_padded_by_anything() -> None:
    case = lay_out([ROW[:1]], 2)
    assert set() == broken(
        case, Answer(np.array([[0, -1]]), values=bits_of(np.array([[5.0, 7.0]])).astype(np.int64))
    )
    wrong = Answer(np.array([[0, -1]]), values=bits_of(np.array([[4.0, 7.0]])).astype(np.int64))
    assert {"values-match"} == broken(case, wrong)
