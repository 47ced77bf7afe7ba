"""Kinds of wrong slots: each has its words, the cause of a row comes first, and our poison is no number."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.judging.faults import Fault, faults_of, rank_of
from persistent_topk.verify.judging.judge import Expected, Slots
from persistent_topk.verify.judging.measurement import TELLING, order_of, same_cause
from persistent_topk.verify.judging.told_apart import told_apart
from persistent_topk.verify.properties import EVERY_NAME
from persistent_topk.verify.targets.target import POISONS

NAN = float("nan")
WIDE = int.from_bytes(POISONS[0].to_bytes(4, "little", signed=True) * 2, "little", signed=True)


def slots_of(rows: list[list[float]], answer: list[list[int]], lengths: list[int] | None = None) -> Slots:
    case = lay_out([bits_of(np.array(row, float)) for row in rows], len(answer[0]), lengths=lengths)
    return Slots(Expected.of(case), torch.tensor(answer))


def words(row: list[float], answer: list[int], length: int | None = None) -> str:
    slots = slots_of([row], [answer], None if length is None else [length])
    return "; ".join(faults_of(slots, 0).words())


# row, length, answer, the cause, what is said first
KINDS: list[tuple[list[float], int, list[int], Fault, str]] = [
    ([3, 1, 2], 3, [0, POISONS[0]], Fault.UNWRITTEN, "slot 1 was never written"),
    ([3, 1, 2], 3, [POISONS[1]] * 2, Fault.UNWRITTEN, "none of its 2 slots was ever written"),
    ([3, 1, 2], 3, [0, WIDE], Fault.UNWRITTEN, "slot 1 was never written"),
    ([3, 1], 2, [0, 1, POISONS[0], -1], Fault.UNWRITTEN, "slot 2 was never written"),
    ([3, 1, 2], 3, [-1, 0], Fault.PADDING, "slot 0 holds the padding, -1, where a column is due"),
    ([3, 1, 2], 2, [0, 2], Fault.BEYOND, "slot 1 holds column 2, beyond the length, 2"),
    ([3, 1, 2], 1, [0, 2], Fault.BEYOND, "slot 1 holds column 2, beyond the length, 1"),
    ([3, 1, 2], 3, [0, 3], Fault.OUTSIDE, "slot 1 holds 3, which is no column of the row"),
    ([3, 1, 2], 3, [0, 0], Fault.TWICE, "slots 0 and 1 both hold column 0"),
    ([3, 1, 2], 3, [0, 1], Fault.LOST, "1 of 2 expected columns is missing: 2 (2.0)"),
    ([3, NAN, 2], 3, [0, 2], Fault.NAN, "1 of 2 expected columns is missing: 1 (NaN (0x7FC00000))"),
    ([3, 2, 2], 3, [0, 2], Fault.TIE, "1 of 2 expected columns is missing: 1 (2.0)"),
    (
        [3],
        1,
        [0, 0],
        Fault.BEHIND,
        "slot 1, behind the 1 column of the row, holds 0 in place of the padding, -1",
    ),
    ([3], 0, [-1, 0], Fault.BEHIND, "slot 1, of a row without columns, holds 0 in place of the padding, -1"),
]


@pytest.mark.parametrize(("row", "length", "answer", "cause", "told"), KINDS)
def test_each_wrong_slot_has_a_kind(
    row: list[float], length: int, answer: list[int], cause: Fault, told: str
) -> None:
    assert cause is faults_of(slots_of([row], [answer], [length]), 0).cause
    assert words(row, answer, length).split("; ")[0] == told


def test_a_right_row_has_no_kind() -> None:
    assert faults_of(slots_of([[3, 1, 2]], [[0, 2]]), 0).cause is None
    assert faults_of(slots_of([[3, 1, 2]], [[2, 0]]), 0).cause is None, "an order is judged by itself"


def test_the_cause_comes_first_and_poison_is_no_number() -> None:
    told = words([5, 4, 3, 2, 1], [POISONS[0], -1, 9, 0])
    assert told.startswith(
        "slot 0 was never written; slot 1 holds the padding, -1, where a column is due; "
        "slot 2 holds 9, which is no column of the row; 3 of 4 expected columns are missing"
    )
    assert str(POISONS[0]) not in told


def test_an_equal_value_in_the_place_of_another_is_told_as_such() -> None:
    told = words([3, 2, 2], [0, 2])
    assert told.endswith("1 column of equal value was selected instead: 2 (2.0)")


def test_the_answer_to_another_row_is_recognised() -> None:
    rows = [[3.0, 1, 2, 0], [0, 1, 2, 3]]
    assert faults_of(slots_of(rows, [[0, 2], [0, 2]]), 1).as_row == 0
    assert faults_of(slots_of(rows, [[0, 2], [0, 1]]), 1).as_row is None
    assert faults_of(slots_of(rows[1:], [[0, 2]]), 0).as_row is None
    its_nan_lost = slots_of([[1, float("nan"), 2, 0], [1, 0, 2, 0]], [[0, 2], [0, 2]])
    assert faults_of(its_nan_lost, 0).as_row is None, (
        "row 1 is the same without its NaN, and explains nothing"
    )


@pytest.mark.parametrize(
    ("second", "cause", "told"),
    [
        ([0, 1], Fault.LOST, "slot 1 was 2, then 1; when, 1 of 2 expected columns is missing: 2 (2.0)"),
        (
            [0, POISONS[1]],
            Fault.UNWRITTEN,
            "slot 1 was 2, then never written; when, slot 1 was never written",
        ),
        ([2, 0], Fault.ORDER, "row 0 differs when in 2 of 2 slots: slot 0 was 0, then 2"),
        ([0, 3], Fault.TIE, "1 column of equal value was selected instead: 3 (2.0)"),
    ],
)
def test_two_answers_differ_for_a_reason(second: list[int], cause: Fault, told: str) -> None:
    row = [3.0, 1, 2, 2]
    found = told_apart(np.array([False]), slots_of([row], [[0, 2]]), slots_of([row], [second]), "when")
    assert found is not None and found.cause == cause.value
    assert told in found.broken and str(POISONS[1]) not in found.broken


def test_no_difference_is_none() -> None:
    slots = slots_of([[3.0, 1]], [[0]])
    assert told_apart(np.array([True]), slots, slots, "when") is None


def test_every_property_has_its_place_among_those_of_one_cause() -> None:
    assert sorted(EVERY_NAME) == sorted(TELLING)


def test_what_explains_the_others_comes_first() -> None:
    order = [
        ("exact-set", "crash", True),
        ("fully-written", Fault.UNWRITTEN.value, True),
        ("exact-set", Fault.UNWRITTEN.value, True),
        ("exact-set", Fault.LOST.value, True),
        ("nan-first", Fault.NAN.value, True),
        ("exact-set", Fault.NAN.value, True),
        ("repeatable-set", Fault.TIE.value, True),
        ("lowest-column-ties", Fault.TIE.value, True),
        ("ascending-order", Fault.ORDER.value, True),
        ("trace-agreement", "", True),
        ("fully-written", Fault.UNWRITTEN.value, False),
    ]
    assert order == sorted(order, key=lambda item: order_of(*item))


def test_without_a_known_cause_nothing_is_the_same() -> None:
    assert same_cause("crash", "crash")
    assert not same_cause("", "") and not same_cause("crash", "hang")
    assert rank_of("crash") < rank_of(Fault.UNWRITTEN.value) < rank_of(Fault.ORDER.value) < rank_of("")
