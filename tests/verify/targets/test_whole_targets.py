"""What functions take of whole calls: said by signatures, attributes, options; asked, refused, answered."""

from __future__ import annotations

from multiprocessing import Pipe
from typing import Any

import numpy as np
import pytest
import torch
import wrong_whole
from click.testing import CliRunner
from whole_cases import family_cases

from persistent_topk.commands.cli import group
from persistent_topk.reference import oracle
from persistent_topk.verify.cases.asking import ARGUMENTS, KEYWORDS
from persistent_topk.verify.cases.case import Case, lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import TargetFailure, resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.limits import limits_of, stated_by
from persistent_topk.verify.targets.model import ModelTarget
from persistent_topk.verify.targets.results import answer_of
from persistent_topk.verify.targets.target import POISONS, Answer
from persistent_topk.verify.targets.wire import answer_of as answer_sent
from persistent_topk.verify.targets.wire import case_of as case_sent
from persistent_topk.verify.targets.wire import receive, send_answer, send_case

ROW = bits_of(np.array([1.0, 3.0, 2.0]))
STARTS = torch.tensor([1], dtype=torch.int32)


def prepared(function: Any, **stated: object) -> FunctionTarget:
    target = FunctionTarget("mine", function, limits=limits_of(stated))
    target.prepare()
    return target


def same(first: Answer, second: Answer) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("indices", "values", "columns")]
    return all(np.array_equal(one, other) if one is not None else other is None for one, other in pairs)


def with_starts(**options: Any) -> Case:
    return lay_out([ROW], 2, options={"starts": STARTS, **options})


def test_a_signature_says_what_a_function_takes() -> None:
    assert ("starts",) == stated_by(wrong_whole.only_starts).takes
    assert set(ARGUMENTS) == set(stated_by(wrong_whole.right).takes or ())
    assert None is stated_by(lambda logits, lengths, k: None).takes
    assert (
        None is stated_by(lambda starts, ends, queries: None).takes
    )  # the first three, whatever they are called


def test_attributes_and_options_add_to_it() -> None:
    assert ("starts", "ends") == prepared(wrong_whole.only_starts, takes="ends").limits.takes
    assert ("values",) == prepared(wrong_whole.values_too).limits.takes
    limits = prepared(wrong_whole.right, dtype="bfloat16,float32").limits
    assert ("bfloat16", "float32") == limits.dtypes and torch.bfloat16 == limits.torch_dtype
    assert limits == limits_of({"takes": list(limits.takes or ()), "dtype": [torch.bfloat16, "float32"]})


def test_what_it_does_not_take_is_not_put_to_it() -> None:
    target = prepared(wrong_whole.only_starts)
    assert None is target.refuses(with_starts())
    assert "it takes no values" == target.refuses(with_starts(return_values=True))
    narrow = lay_out([ROW], 2, dtype=torch.float16)
    assert "it takes no float16 logits" == target.refuses(narrow)
    assert None is prepared(wrong_whole.only_starts, dtype="float32,float16").refuses(narrow)
    assert None is ModelTarget().refuses(with_starts(return_values=True))


@pytest.mark.parametrize("words", ["speed", "starts,speed", ""])
def test_what_is_no_argument_is_told(words: str) -> None:
    with pytest.raises(
        ValueError, match=f"takes is '{words}'; expected one of no_lengths, batch_lengths, starts"
    ):
        limits_of({"takes": words})
    done = CliRunner().invoke(group, ["verify", "--target", "wrong_whole:right", "--takes", words])
    assert 2 == done.exit_code and "--takes is" in done.output


def test_logits_keep_their_dtype() -> None:
    seen = []

    def function(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        seen.append(logits.dtype)
        return oracle.topk(logits, lengths, k)

    target = prepared(function, dtype="bfloat16,float16")
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        target.call(lay_out([ROW], 2, dtype=dtype), POISONS[0], "")
    assert [torch.bfloat16, torch.bfloat16, torch.float16] == seen


WRONG = {
    "a tensor where values are asked for": (
        torch.zeros(1, 2, dtype=torch.int32),
        "expected a named tuple with",
    ),
    "int32 where int64 is asked for": (
        oracle.topk(torch.ones(1, 3), torch.tensor([3], dtype=torch.int32), 2, return_values=True),
        "wrong dtype: returned torch.int32; expected torch.int64",
    ),
    "values of another shape": (
        oracle.Selection(torch.zeros(1, 2, dtype=torch.int64), torch.zeros(1, 3)),
        "wrong values: returned values torch.float32 [1, 3]; expected floats of shape [1, 2]",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_answer_to_a_whole_call_is_told(name: str) -> None:
    found, words = WRONG[name]
    target = prepared(lambda logits, lengths, k, return_values=False, index_dtype=None: found)
    case = lay_out([ROW], 2, options={"return_values": True, "index_dtype": torch.int64})
    with pytest.raises(TargetFailure) as failure:
        target.call(case, POISONS[0], "")
    assert words in str(failure.value)


@pytest.mark.parametrize("case", family_cases(visits=4), ids=lambda case: str(case.origin))
def test_cases_and_answers_pass_a_connection(case: Case) -> None:
    ours, theirs = Pipe()
    send_case(ours, case, POISONS[0])
    sent = case_sent(*receive(theirs))
    assert (case.digest(), case.asks, case.rows) == (sent.digest(), sent.asks, sent.rows)
    answer = answer_of(oracle.topk(sent.logits, sent.lengths, sent.k, **sent.options))
    send_answer(theirs, answer, 0)
    assert same(answer, answer_sent(*receive(ours)))


def test_a_process_of_its_own_answers_whole_calls() -> None:
    target = resolve("wrong_whole:right")
    target.prepare()
    try:
        assert set(KEYWORDS) <= set(target.limits.takes or ())
        assert {"window-independent", "translation", "values-match"} <= set(target.promises)
        for case in family_cases(visits=2):
            expected = answer_of(oracle.topk(case.logits, case.lengths, case.k, **case.options))
            assert same(expected, target.call(case.copy(), POISONS[0], ""))
    finally:
        target.close()


@pytest.mark.parametrize("name", ["logits", "starts", "page_table"])
def test_changed_arguments_are_told(name: str) -> None:
    def function(logits: torch.Tensor, lengths: torch.Tensor, k: int, **options: Any) -> Any:
        found = wrong_whole.right(logits, lengths, k, **options)
        changed = logits if name == "logits" else options[name]
        changed.add_(1)
        return found

    from persistent_topk.verify.judging.examination import check_one

    table = torch.ones(1, 4, dtype=torch.int32)
    case = with_starts(page_table=table, page_size=1)
    target = prepared(function, takes="starts,page_table")
    found = check_one(target, case, "inputs-untouched")
    assert found is not None and found.broken == "logits or lengths were changed"
