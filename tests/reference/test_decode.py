"""The decode path of the model: answers of the contract, and a trace that is true of the row."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from path_checks import check_row, same_bin
from recipes import lengths, recipes

from persistent_topk.reference.policy import POLICIES, SHIPPED, SMALL, TINY, Policy
from persistent_topk.reference.trace import ALL_TAKEN, DECODE


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, int, Policy]:
    policy = draw(st.sampled_from([SMALL, TINY]))
    k = draw(st.integers(1, policy.decode_max - 1))
    length = draw(lengths(policy, k, least=k + 1, most=policy.decode_max))
    return draw(recipes()).row(length), k, policy


@given(cases())
def test_answer_and_trace(case: tuple[torch.Tensor, int, Policy]) -> None:
    check_row(*case, DECODE)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
@pytest.mark.parametrize("k", [1, 2048])
def test_a_full_row_of_normal_scores(policy: Policy, k: int) -> None:
    row = torch.randn(policy.decode_max, generator=torch.Generator().manual_seed(k))
    k = min(k, policy.decode_max - 1)
    check_row(row, k, policy, DECODE)


def test_a_bin_taken_whole_needs_no_refinement() -> None:
    row = torch.cat([torch.full((5,), 8.0), torch.arange(20.0) / 1000])
    record = check_row(row, 5, TINY, DECODE)[0]
    assert (record["gathered"], record["passes"], record["ties"]) == (0, 0, ALL_TAKEN)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_few_candidates_are_ranked_and_more_take_digit_passes(extra: int) -> None:
    row = torch.cat([same_bin(SMALL.rank_max + extra), torch.zeros(100)])
    record = check_row(row, 5, SMALL, DECODE)[0]
    assert record["ranked"] == (extra <= 0)
    assert (record["passes"] > 0) == (extra > 0)


@pytest.mark.parametrize("policy", [SMALL, TINY, *SHIPPED], ids=lambda policy: policy.name)
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_candidates_beyond_the_buffer_spill(policy: Policy, extra: int) -> None:
    candidates = policy.candidates + extra
    row = torch.cat([same_bin(candidates), -torch.ones(policy.decode_max - candidates)])
    record = check_row(row, candidates // 2, policy, DECODE)[0]
    assert record["spilled"] == (extra > 0)
    assert record["pass"]["over_row"].any() == (extra > 0)


def test_equal_values_are_cut_by_column() -> None:
    row = torch.full((200,), 2.5)
    record = check_row(row, 77, SMALL, DECODE)[0]
    assert record["ties"] == 77 and record["threshold"] == 0x80000000 + 0x40200000


def test_both_zeros_are_one_value() -> None:
    row = torch.tensor([0.0, -0.0] * 100)
    record = check_row(row, 3, SMALL, DECODE)[0]
    assert (record["threshold"], record["ties"]) == (0x80000000, 3)
