"""What a target takes: stated by options, by attributes, by NotImplementedError; fitted, refused, counted."""

from __future__ import annotations

from pathlib import Path

import limited_topk
import numpy as np
import pytest
import torch
import wrong_topk
from click.testing import CliRunner, Result

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import TargetOutcome
from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.judging.examination import check_one
from persistent_topk.verify.properties import CLAIMS, parse_claim
from persistent_topk.verify.targets import TargetLimits, TargetMisnamed, resolve
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.limits import limits_of, stated_by

CASES = 90  # enough for every promise to be judged
ROW = bits_of(np.array([1.0, 1.0000002, 0.5, 1e30]))


def examined(function: object, folder: Path, claim: str = "contract", **stated: object) -> TargetOutcome:
    target = FunctionTarget("mine", function, parse_claim(claim), limits=limits_of(stated))  # type: ignore[arg-type]
    target.prepare()
    options = Options(cases=CASES, seconds=None, failures=folder, ks=target.ks or ())
    outcome = Campaign([target], options).run()
    return outcome.targets["mine"]


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(group, arguments, standalone_mode=False)


def test_what_a_function_says_it_does_not_take_is_counted_and_is_no_failure(tmp_path: Path) -> None:
    found = examined(limited_topk.two_ks, tmp_path)
    assert [] == found.failing() and found.refused > 0
    assert "NotImplementedError: k is 512 or 2048" == found.refusal
    assert found.properties["exact-set"].cases > 0


def test_a_function_of_contiguous_rows_agrees_less_the_claim_that_it_takes_back(tmp_path: Path) -> None:
    found = examined(limited_topk.contiguous_only, tmp_path, "contract,-layout-independent")
    assert [] == found.failing() == found.missing()
    assert "layout-independent" not in {name for name, item in found.properties.items() if item.claimed}


def test_who_takes_nothing_does_not_agree(tmp_path: Path) -> None:
    found = examined(limited_topk.takes_nothing, tmp_path)
    assert CASES == found.refused
    assert any(item.what.startswith("exact-set of ") for item in found.missing())


def test_a_function_is_put_what_its_attributes_admit_and_nothing_else(tmp_path: Path) -> None:
    found = examined(limited_topk.asserts_its_limits, tmp_path, "set")
    assert [] == found.failing(), found.properties["exact-set"].summary
    assert [] == found.missing()
    assert found.refused > 0


def test_attributes_reach_the_process_that_is_isolated() -> None:
    target = resolve("limited_topk:asserts_its_limits", limits=TargetLimits(max_rows=3))
    target.prepare()
    target.close()
    expected = TargetLimits(3, 20_000, None, (8, 64), 8, None, "bfloat16", -7)
    assert expected == target.limits
    assert (8, 64) == target.ks and -7 == target.padding


def test_an_attribute_that_states_nothing_is_told() -> None:
    target = FunctionTarget("mine:topk", limited_topk.misstated)
    with pytest.raises(TargetMisnamed, match="mine:topk.max_rows is 'many'; expected a whole number above 0"):
        target.prepare()


@pytest.mark.parametrize(
    ("stated", "case", "words"),
    [
        ({"ks": (1, 3)}, {"k": 2}, "k is one of 1, 3"),
        ({"max_k": 1}, {"k": 2}, "k is at most 1"),
        ({"max_rows": 1}, {}, "at most 1 rows"),
        ({"max_columns": 3}, {}, "at most 3 columns"),
        ({"stride_multiple": 8}, {}, "row strides are multiples of 8"),
        ({"stride_multiple": 2}, {"offset": 1}, "row strides are multiples of 2"),
        ({"contiguous": True}, {"gap": 1}, "rows lie end to end"),
        ({"dtype": "bfloat16"}, {}, "logits are bfloat16"),
        ({"dtype": "float32"}, {}, None),
        ({"contiguous": True, "stride_multiple": 4, "max_rows": 2, "max_columns": 4}, {}, None),
    ],
)
def test_a_case_beyond_a_limit_is_refused_in_words(
    stated: dict[str, object], case: dict[str, int], words: str | None
) -> None:
    limits = limits_of(stated)
    assert words == limits.refuses(lay_out([ROW, ROW], case.pop("k", 2), **case))


@pytest.mark.parametrize(
    "stated",
    [
        {"stride_multiple": 8},
        {"contiguous": True},
        {"dtype": "float16"},
        {"dtype": "bfloat16", "stride_multiple": 3},
    ],
)
def test_a_case_is_fitted_in_values_and_layout_alone(stated: dict[str, object]) -> None:
    limits = limits_of(stated)
    case = lay_out([ROW, ROW[:2]], 2, gap=3, offset=1)
    fitted = limits.fit(case)
    assert limits.refuses(fitted) is None and limits.refuses(case) is not None
    assert (fitted.rows, fitted.columns, fitted.k) == (2, 4, 2)
    assert torch.equal(fitted.lengths, case.lengths)
    expected = case.logits.to(limits.torch_dtype).float()
    assert torch.equal(fitted.logits.nan_to_num(7.0), expected.nan_to_num(7.0))


def test_a_case_that_fits_is_the_same_object() -> None:
    case = lay_out([ROW, ROW], 2)
    assert TargetLimits().fit(case) is case


@pytest.mark.parametrize(
    ("stated", "error", "words"),
    [
        ({"most_rows": 3}, TypeError, "most_rows is no limit; expected some of max_rows"),
        ({"max_rows": 0}, ValueError, "max_rows is 0; expected a whole number above 0"),
        ({"max_rows": True}, ValueError, "max_rows is True"),
        ({"ks": (0,)}, ValueError, "ks is (0,); expected values of k"),
        ({"ks": ()}, ValueError, "ks is ()"),
        ({"contiguous": 1}, ValueError, "contiguous is 1; expected True or False"),
        ({"dtype": "int8"}, ValueError, "dtype is 'int8'; expected one of float32, bfloat16, float16"),
        ({"padding": 0.5}, ValueError, "padding is 0.5; expected a whole number"),
    ],
)
def test_a_limit_that_is_none_is_told(stated: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error) as found:
        limits_of(stated)
    assert words in str(found.value)


def test_one_k_and_a_dtype_of_torch_are_limits_too() -> None:
    assert TargetLimits(ks=(7,), dtype="float16") == limits_of({"ks": 7, "dtype": torch.float16})
    assert TargetLimits() == stated_by(limited_topk.right)


def test_options_come_before_attributes() -> None:
    options, attributes = TargetLimits(max_rows=1), TargetLimits(max_rows=2, padding=0)
    assert TargetLimits(max_rows=1, padding=0) == options.over(attributes)


def test_a_kernel_of_bfloat16_is_judged_on_scores_of_that_dtype(tmp_path: Path) -> None:
    assert "exact-set" in examined(limited_topk.rounds_to_bfloat16, tmp_path, "set").failing()
    for function in (limited_topk.rounds_to_bfloat16, limited_topk.bfloat16_alone):
        found = examined(function, tmp_path, dtype="bfloat16")
        assert [] == found.failing() == found.missing()


def test_logits_of_another_dtype_that_a_call_changes_are_told(tmp_path: Path) -> None:
    found = examined(limited_topk.writes_to_bfloat16, tmp_path, "inputs-untouched", dtype="bfloat16")
    assert ["inputs-untouched"] == found.failing()


@pytest.mark.parametrize(
    ("function", "row"),
    [
        (limited_topk.rounds_to_bfloat16, ROW[:2]),
        (wrong_topk.truncated_buffer, np.append(bits_of(1.0).repeat(wrong_topk.BUFFER), bits_of(1.0625))),
    ],
)
def test_short_lengths_do_not_answer_for_what_legal_ones_break(function: object, row: np.ndarray) -> None:
    """Rows longer than the buffer are as wrong at the length that they are clamped to."""
    target = FunctionTarget("mine", function, CLAIMS["set"])  # type: ignore[arg-type]
    case = lay_out([row], 1, lengths=[len(row) + 5])
    found = check_one(target, case, "exact-set")
    assert found is not None and found.broken
    found = check_one(target, case, "short-lengths")
    assert found is not None and found.broken is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("set,-layout-independent", CLAIMS["set"] - {"layout-independent"}),
        ("-graph-replay", CLAIMS["contract"] - {"graph-replay"}),
        ("contract, -set, exact-set", (CLAIMS["contract"] - CLAIMS["set"]) | {"exact-set"}),
        ("selection", CLAIMS["set"] - {"layout-independent", "short-lengths"}),
    ],
)
def test_claims_are_taken_back(text: str, expected: frozenset[str]) -> None:
    assert expected == parse_claim(text)


def test_a_claim_of_nothing_is_told() -> None:
    with pytest.raises(ValueError, match="claim is 'set,-set', which leaves no property"):
        parse_claim("set,-set")
    with pytest.raises(ValueError, match="claim is 'speed'; expected"):
        parse_claim("set,-speed")


def test_limits_are_options_of_the_command_line(tmp_path: Path) -> None:
    budget = ["--cases", "40", "--claim", "set", "--failures", str(tmp_path)]
    limits = ["--dtype", "bfloat16", "--max-rows", "40", "--contiguous"]
    found = invoke("verify", "--target", "limited_topk:bfloat16_alone", *limits, *budget)
    assert found.return_value in (ExitCode.AGREE, ExitCode.INCOMPLETE), found.output
    assert "does not take" in found.output and "at most 40 rows" in found.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--max-rows", "3"], "limits such as --max-rows are those of a --target"),
        (["--target", "limited_topk:right", "--dtype", "int8"], "--dtype is 'int8'; expected one of float32"),
        (["--target", "limited_topk:right", "--max-rows", "0"], "--max-rows is 0; expected a whole number"),
        (["--target", "limited_topk:misstated"], "limited_topk:misstated.max_rows is 'many'"),
    ],
)
def test_limits_that_cannot_be_are_bad_usage(arguments: list[str], words: str) -> None:
    found = invoke("verify", *arguments)
    assert found.exception is not None and words in str(found.exception)
