"""The large path of the model: answers of the contract, and a trace that is true of the row."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from path_checks import check_row, same_bin
from recipes import lengths, recipes

from persistent_topk.reference.large import exclusive_scan, place_chunks
from persistent_topk.reference.policy import POLICIES, SHIPPED, SMALL, TINY, Policy
from persistent_topk.reference.radix import Cut
from persistent_topk.reference.trace import ALL_TAKEN, LARGE

CTAS = (1, 2, 4, 16)


@st.composite
def cases(draw: st.DrawFn) -> tuple[torch.Tensor, int, Policy, int]:
    policy = draw(st.sampled_from([SMALL, TINY]))
    ctas = draw(st.sampled_from(CTAS))
    shortest = policy.split_min if ctas > 1 else policy.medium_max
    k = draw(st.integers(1, 2 * shortest))
    length = draw(lengths(policy, k, least=max(k, shortest) + 1, most=3 * policy.medium_max))
    return draw(recipes(longest_run=400)).row(length), k, policy, ctas


@given(cases())
def test_answer_and_trace(case: tuple[torch.Tensor, int, Policy, int]) -> None:
    row, k, policy, ctas = case
    check_row(row, k, policy, LARGE, ctas)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
def test_a_row_of_normal_scores(policy: Policy) -> None:
    row = torch.randn(2 * policy.medium_max + 3, generator=torch.Generator().manual_seed(0))
    check_row(row, min(4096, policy.medium_max), policy, LARGE, policy.max_ctas)


def test_the_number_of_chunks_does_not_change_the_answer() -> None:
    row = (torch.randn(3000, generator=torch.Generator().manual_seed(3)) * 4).round()
    for ctas in (1, 2, 3, 5, 7, 16):
        check_row(row, 1000, SMALL, LARGE, ctas)


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_candidates_of_all_chunks_together_spill(extra: int) -> None:
    candidates = SMALL.candidates + extra
    row = -torch.ones(SMALL.medium_max + 100)
    row[:: row.numel() // candidates][:candidates] = same_bin(candidates)
    records = check_row(row, candidates // 2, SMALL, LARGE, SMALL.max_ctas)
    assert (records["spilled"] == (extra > 0)).all()
    assert records["spilled"].any() or (records["chunk_count"] > 0).all()


def test_the_spill_merges_digits_under_the_shipped_policies() -> None:
    row = same_bin(70_000)
    for policy in SHIPPED:
        records = check_row(row, 2048, policy, LARGE, policy.max_ctas)
        assert records["spilled"].all() and records[0]["pass"][0]["histogram"].sum() == row.numel()


def test_ties_are_cut_across_chunks_by_column() -> None:
    row = torch.zeros(SMALL.medium_max + 1)
    records = check_row(row, 700, SMALL, LARGE, 4)
    assert records["ties"][0] == 700
    assert records["tie_offset"].tolist() == records["begin"].clip(max=700).tolist()
    assert not records["offset"].any()


def test_chunks_behind_the_end_of_the_row_are_empty() -> None:
    row = same_bin(SMALL.medium_max + 1)
    records = check_row(row, 10, SMALL, LARGE, 16)
    assert records["end"][-1] == row.numel()
    row = same_bin(TINY.split_min + 1)
    records = check_row(row, 10, TINY, LARGE, 16)
    assert (records["begin"][-8:] == row.numel()).all()


def test_selected_columns_in_the_last_chunk_only() -> None:
    row = torch.cat([torch.zeros(SMALL.medium_max), 1 + torch.arange(40.0)])
    records = check_row(row, 30, SMALL, LARGE, 4)
    assert records["offset"].tolist() == [0, 0, 0, 0]


def test_offsets_count_equal_keys_apart_only_when_ties_are_cut() -> None:
    chunks = [torch.tensor([5, 7, 7]), torch.tensor([7, 9]), torch.tensor([9])]
    assert place_chunks(chunks, Cut(threshold=7, ties=1)) == ([0, 0, 1], [0, 2, 3])
    assert place_chunks(chunks, Cut(threshold=7, ties=ALL_TAKEN)) == ([0, 2, 4], [0, 0, 0])


def test_an_exclusive_scan_starts_at_zero() -> None:
    assert exclusive_scan([3, 0, 4]) == [0, 3, 3]
