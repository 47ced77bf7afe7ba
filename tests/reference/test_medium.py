"""The medium path of the model: answers of the contract, and a trace that is true of the row."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from path_checks import check_row, same_bin
from recipes import lengths, recipes

from persistent_topk.reference.policy import POLICIES, SHIPPED, SMALL, TINY, Policy
from persistent_topk.reference.trace import ALL_TAKEN, MEDIUM

SIGN_AND_EXPONENT_BITS = 6  # of binary16; the bits of a bin beyond them divide [1, 2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, int, Policy]:
    policy = draw(st.sampled_from([SMALL, TINY]))
    k = draw(st.integers(1, policy.medium_max - 1))
    least = max(k, policy.decode_max) + 1
    length = draw(lengths(policy, k, least=least, most=policy.medium_max))
    return draw(recipes(longest_run=400)).row(length), k, policy


@given(cases())
def test_answer_and_trace(case: tuple[torch.Tensor, int, Policy]) -> None:
    check_row(*case, MEDIUM)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
@pytest.mark.parametrize(
    ("columns", "more"), [("decode_max", 1), ("held", 0), ("held", 1), ("medium_max", 0)]
)
def test_rows_of_normal_scores_at_both_ends_and_where_registers_end(
    policy: Policy, columns: str, more: int
) -> None:
    length = getattr(policy, columns) + more
    if not policy.decode_max < length <= policy.medium_max:
        pytest.skip("registers hold the decode path's rows and no more")
    row = torch.randn(length, generator=torch.Generator().manual_seed(length))
    record = check_row(row, min(2048, length // 2), policy, MEDIUM)[0]
    assert bool(record["survivors"]) == (length > policy.held), "registers hold it, or it is streamed"


@pytest.mark.parametrize("longest", ["decode_max", "held"])
@pytest.mark.parametrize("policy", [SMALL, *SHIPPED], ids=lambda policy: policy.name)
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_candidates_beyond_the_buffer_spill(policy: Policy, extra: int, longest: str) -> None:
    candidates = policy.candidates + extra
    row = torch.cat([-torch.ones(getattr(policy, longest) + 5), same_bin(candidates)])
    record = check_row(row, candidates // 2, policy, MEDIUM)[0]
    assert record["spilled"] == (extra > 0)


def test_scores_within_one_coarse_bin_are_exact() -> None:
    """Scores in [1.0, 1.245) share a bin of 8 bits, in [1.0, 1.03) of 11: kernels with a cap fail."""
    for policy in SHIPPED:
        for length in (policy.decode_max + 128, policy.held + 128):
            width = 0.98 * 2.0 ** (SIGN_AND_EXPONENT_BITS - policy.medium_bin_bits)
            row = 1 + width * torch.rand(length, generator=torch.Generator().manual_seed(1))
            record = check_row(row, 2048, policy, MEDIUM)[0]
            assert record["spilled"] and record["count"] == length


def test_a_bin_taken_whole_needs_no_refinement() -> None:
    row = torch.cat([torch.zeros(SMALL.decode_max), torch.full((60,), 3.0) + torch.arange(60) / 1000])
    record = check_row(row, 60, SMALL, MEDIUM)[0]
    assert (record["spilled"], record["gathered"], record["ties"]) == (0, 0, ALL_TAKEN)


def test_bins_of_infinity_and_nan_are_refined_like_others() -> None:
    collapsed = torch.tensor([7e4, float("inf"), -float("inf"), -1e30, float("nan"), 3e38])
    row = collapsed.repeat(80)
    for k in (1, 79, 80, 81, 161, 200, 250, 350, 479):
        check_row(row, k, SMALL, MEDIUM)
