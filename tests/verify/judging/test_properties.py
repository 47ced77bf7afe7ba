"""The judge: what one answer says of each promise, on rows where it can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.cases.variants import other_batch, other_layout, other_tail, with_legal_lengths
from persistent_topk.verify.judging.describe import case_in_words, contents, row_in_words
from persistent_topk.verify.judging.judge import JUDGES, Expected, Slots
from persistent_topk.verify.properties import CLAIMS, NAMES, OF_WHOLE_CALLS, parse_claim, promise_of
from persistent_topk.verify.targets.target import POISONS

NAN = float("nan")


def verdicts(row: list[float], answer: list[int], k: int, claims: str = "contract") -> dict[str, bool | None]:
    """What is judged of `answer`; None where the row cannot break the promise."""
    expected = Expected.of(lay_out([bits_of(np.array(row))], k))
    slots = Slots(expected, torch.tensor([answer]), claims=CLAIMS[claims])
    found = {name: judge(slots) for name, judge in JUDGES.items()}
    return {name: bool(v.holds[0]) if v.applies[0] else None for name, v in found.items()}


def broken(row: list[float], answer: list[int], k: int, claims: str = "contract") -> set[str]:
    return {name for name, holds in verdicts(row, answer, k, claims).items() if holds is False}


# row, k, answer, what it breaks
ANSWERS: list[tuple[list[float], int, list[int], set[str]]] = [
    ([3, 1, 2], 2, [0, 2], set()),
    ([3, 1, 2], 2, [2, 0], {"ascending-order"}),
    ([3, 1, 2], 2, [0, 1], {"exact-set"}),
    ([3, 1, 2], 2, [0, 0], {"exact-set", "in-range-unique", "ascending-order"}),
    ([3, 1, 2], 2, [0, 3], {"exact-set", "in-range-unique"}),
    ([3, 1, 2], 2, [0, -1], {"exact-set", "in-range-unique"}),
    ([3, 1], 4, [0, 1, -1, -1], set()),
    ([3, 1], 4, [0, 1, 0, 0], {"padding"}),
    ([3, 1], 4, [-1, 0, 1, -1], {"exact-set", "padding", "in-range-unique"}),
    ([5, 5, 5], 2, [0, 1], set()),
    ([5, 5, 5], 2, [1, 2], {"lowest-column-ties"}),
    ([5, 5, 3, 3], 3, [0, 0, 2], {"in-range-unique", "ascending-order", "lowest-column-ties"}),
    ([0.0, -0.0, -1], 1, [0], set()),
    ([-0.0, 0.0, -1], 1, [1], {"signed-zero-tie"}),
    ([1, NAN, 2], 1, [1], set()),
    ([1, NAN, 2], 1, [2], {"exact-set", "nan-first"}),
    ([NAN, NAN, 2], 1, [1], {"lowest-column-ties"}),
    ([-1, -np.inf, -2], 2, [0, 2], set()),
]


@pytest.mark.parametrize(("row", "k", "answer", "expected"), ANSWERS)
def test_an_answer_breaks(row: list[float], k: int, answer: list[int], expected: set[str]) -> None:
    assert broken(row, answer, k) == expected


def test_rows_with_nan_are_not_judged_where_nan_first_is_not_claimed() -> None:
    assert verdicts([1, NAN, 2], [2], 1, "set")["exact-set"] is None
    assert verdicts([1, NAN, 2], [2], 1, "contract")["exact-set"] is False


def test_a_story_begins_with_the_greatest_that_is_missing() -> None:
    expected = Expected.of(lay_out([bits_of(np.array([1.0, 1, 1, 1, 2]))], 3))
    story = row_in_words(expected, Slots(expected, torch.tensor([[1, 2, 3]])), 0)
    assert "2 of 3 expected columns are missing: 4 (2.0), 0 (1.0)" in story


def test_ties_of_nan_are_not_judged_where_nan_first_is_not_claimed() -> None:
    assert verdicts([NAN, NAN, 2], [1], 1, "set")["lowest-column-ties"] is None
    assert verdicts([NAN, NAN, 2], [1], 1, "contract")["lowest-column-ties"] is False
    assert verdicts([NAN, 2, 2], [0, 2], 2, "set")["lowest-column-ties"] is False, "what is cut is no NaN"


def test_ties_are_not_judged_where_the_values_are_wrong() -> None:
    assert verdicts([5, 5, 5, 1], [3, 0], 2)["lowest-column-ties"] is None


def test_a_row_without_columns_wants_padding_alone() -> None:
    expected = Expected.of(lay_out([bits_of(np.array([1.0, 2.0]))], 2, lengths=[0]))
    slots = Slots(expected, torch.tensor([[-1, -1]]))
    assert {name for name, judge in JUDGES.items() if judge(slots).broken.numel()} == set()
    assert JUDGES["padding"](Slots(expected, torch.tensor([[0, -1]]))).broken.tolist() == [0]


def test_a_row_without_columns_cuts_no_tie() -> None:
    expected = Expected.of(lay_out([bits_of(np.arange(4.0))], 2, lengths=[0]))
    slots = Slots(expected, torch.tensor([[-1, -1]]))
    applying = {name for name, judge in JUDGES.items() if bool(judge(slots).applies)}
    assert {"padding", "exact-set"} == applying


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_a_tie_of_zeros_of_one_sign_is_a_tie_like_any_other(zero: float) -> None:
    found = verdicts([zero, zero, -1], [1], 1)
    assert (found["lowest-column-ties"], found["signed-zero-tie"]) == (False, None)
    found = verdicts([zero, zero, -zero], [1, 2], 2)
    assert (found["lowest-column-ties"], found["signed-zero-tie"]) == (None, False)


def test_claims_are_read() -> None:
    assert parse_claim("contract") == frozenset((*NAMES, *(item.name for item in OF_WHOLE_CALLS)))
    assert parse_claim("set, nan-first") == CLAIMS["set"] | {"nan-first"}
    assert CLAIMS["set"] < CLAIMS["contract"]
    with pytest.raises(ValueError, match="'speed'; expected .* exact-set"):
        parse_claim("set,speed")


@pytest.mark.parametrize("name", NAMES)
def test_every_property_has_a_promise(name: str) -> None:
    assert promise_of(name)


def test_variants_ask_the_same_question() -> None:
    rows = [bits_of(np.array(values, float)) for values in ([1, 2, 3, 4], [5, 6])]
    case = lay_out(rows, 2)
    for variant in (*other_tail(case), *other_layout(case), *other_batch(case)):
        assert variant.case.digest() != case.digest()
        assert variant.case.clamped.tolist() == [int(case.clamped[row]) for row in variant.source]
        for row, source in enumerate(variant.source):
            n = int(case.clamped[source])
            assert variant.case.bits()[row, :n].tolist() == case.bits()[source, :n].tolist()


def test_a_case_without_a_tail_has_no_other_tail() -> None:
    assert not list(other_tail(lay_out([bits_of(np.array([1.0, 2.0]))], 1)))


def test_lengths_are_made_legal() -> None:
    case = lay_out([bits_of(np.ones(3))] * 3, 1, lengths=[-1, 9, 2])
    assert with_legal_lengths(case).lengths.tolist() == [1, 3, 2]


def test_rows_are_told_by_runs_or_by_their_range() -> None:
    assert contents(bits_of(np.array([1.0] * 3 + [0.0] * 2))) == "3 x 1.0, then 2 x 0.0"
    assert contents(bits_of(np.linspace(0, 1, 9))) == "9 values in [0.0, 1.0], 9 distinct"
    assert "NaN (0x7FC00000)" in contents(np.array([0x7FC00000], np.uint32))


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        ([0], "the expected column is missing: 2 (3.0); 1 column was selected instead: 0 (1.0)"),
        (
            [-1],
            "slot 0 holds the padding, -1, where a column is due; the expected column is missing: 2 (3.0)",
        ),
        (
            [-1, 7],
            "slot 0 holds the padding, -1, where a column is due; "
            "slot 1 holds 7, which is no column of the row; "
            "2 of 2 expected columns are missing: 2 (3.0), 1 (2.0)",
        ),
        ([2, 2], "slots 0 and 1 both hold column 2; 1 of 2 expected columns is missing: 1 (2.0)"),
        (
            [2, 2, 2],
            "2 slots repeat a column that an earlier slot holds: columns 2; "
            "2 of 3 expected columns are missing: 1 (2.0), 0 (1.0)",
        ),
        (
            [2, POISONS[0]],
            "slot 1 was never written; 1 of 2 expected columns is missing: 1 (2.0)",
        ),
        (
            [POISONS[1], 2, 0, 5],
            "slot 0 was never written; "
            "slot 3, behind the 3 columns of the row, holds 5 in place of the padding, -1; "
            "1 of 3 expected columns is missing: 1 (2.0)",
        ),
        ([2, 1], "slot 0 holds 2, expected 1"),
    ],
)
def test_each_fault_of_a_row_is_a_sentence(answer: list[int], faults: str) -> None:
    expected = Expected.of(lay_out([bits_of(np.array([1.0, 2.0, 3.0]))], len(answer)))
    words = row_in_words(expected, Slots(expected, torch.tensor([answer])), 0)
    assert f"row 0 (length 3, k {len(answer)}): {faults}" == words


def test_a_disagreement_is_told_with_its_columns() -> None:
    case = lay_out([bits_of(np.array([3.0, 1.0, 2.0]))], 2)
    expected = Expected.of(case)
    words = row_in_words(expected, Slots(expected, torch.tensor([[0, 1]])), 0)
    assert words == (
        "row 0 (length 3, k 2): 1 of 2 expected columns is missing: 2 (2.0); "
        "1 column was selected instead: 1 (1.0)"
    )
    assert case_in_words(case) == "1 x 3, k 2; length 3: 1 x 3.0, then 1 x 1.0, then 1 x 2.0"
