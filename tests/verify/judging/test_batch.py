"""Outputs judged whole: the judge's statement of the contract beside the oracle's."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recipes import Recipe, recipes

from persistent_topk.reference import oracle
from persistent_topk.reference.order import ordered_key
from persistent_topk.verify.judging import batch, judge
from persistent_topk.verify.judging.batch import SET, with_oracle, wrong_rows
from persistent_topk.verify.judging.judge import EMPTY, Expected, keys_of, keys_within


@pytest.mark.parametrize("seed", range(12))
def test_a_row_is_right_if_and_only_if_it_is_the_oracles(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)

    def below(bound: int) -> int:
        return int(torch.randint(1, bound, (), generator=generator))

    for _ in range(20):
        rows, columns, k = 3, below(60), below(20)
        logits = torch.randn(rows, columns, generator=generator).mul_(2).round_()
        logits[:, ::7], logits[:, 1::8] = torch.nan, -0.0
        lengths = torch.randint(-2, columns + 3, (rows,), generator=generator, dtype=torch.int32)
        right = oracle.topk(logits, lengths, k)
        assert not wrong_rows(logits, lengths, right, k).any()
        changed = right.clone()
        changed[1, below(k + 1) - 1] += 1
        assert [False, True, False] == wrong_rows(logits, lengths, changed, k).tolist()
        shuffled = right[:, torch.randperm(k, generator=generator)]
        assert torch.equal((shuffled != right).any(1), wrong_rows(logits, lengths, shuffled, k))


@given(recipes(longest_run=9), st.integers(0, 40), st.integers(1, 8), st.data())
def test_any_selection_is_right_if_and_only_if_it_is_the_oracles(
    recipe: Recipe, length: int, k: int, data: st.DataObject
) -> None:
    logits = recipe.row(length)[None]
    lengths = torch.tensor([length], dtype=torch.int32)
    right = oracle.topk(logits, lengths, k)
    assert not wrong_rows(logits, lengths, right, k).any()
    slot = data.draw(st.lists(st.integers(-2, length + 1), min_size=k, max_size=k).map(sorted))
    output = torch.tensor([slot], dtype=torch.int32)
    assert [not torch.equal(right, output)] == wrong_rows(logits, lengths, output, k).tolist()


def test_a_set_is_judged_by_its_values_alone() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0, 2.0, 0.0, 9.0]]).expand(8, -1).contiguous()
    lengths = torch.tensor([5, 5, 5, 5, 5, 5, 1, 0], dtype=torch.int32)
    output = torch.tensor(
        [
            [0, 2],
            [3, 0],  # in any order, any of equal values
            [2, 3],  # the greatest is missing
            [0, 0],  # twice the same column
            [0, 5],  # beyond the length
            [0, -1],  # a slot left empty
            [0, 77],  # n = 1: the second slot is nobody's
            [8, 9],  # n = 0
        ],
        dtype=torch.int32,
    )
    expected = [False, False, True, True, True, True, False, False]
    assert expected == wrong_rows(logits, lengths, output, 2, SET).tolist()


def test_of_an_output_with_more_slots_the_first_k_are_judged() -> None:
    logits, lengths = torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([3], dtype=torch.int32)
    assert [False] == wrong_rows(logits, lengths, torch.tensor([[0, 2, 77]]), 2).tolist()


@pytest.mark.parametrize("slab", [1, 50, 1 << 20])
def test_slabs_of_rows_are_judged_as_the_whole(slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SLAB_ELEMENTS", slab)
    logits = torch.randn(9, 20, generator=torch.Generator().manual_seed(1))
    lengths = torch.arange(9, dtype=torch.int32)
    output = oracle.topk(logits, lengths, 4)
    output[[2, 7], 0] += 1
    assert [2, 7] == wrong_rows(logits, lengths, output, 4).nonzero().flatten().tolist()


@pytest.mark.parametrize("slab", [1, 45, 1 << 20])
def test_keys_are_ranked_by_slabs_as_by_the_whole(slab: int, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.randn(9, 20, generator=torch.Generator().manual_seed(2)).mul_(2).round_()
    logits[3:5] = torch.tensor([0.0, -0.0]).repeat(10)
    lengths = torch.tensor([20, 7, 20, 20, 11, 0, 3, 19, 20], dtype=torch.int32)
    whole = Expected(logits, lengths, 4)
    monkeypatch.setattr(judge, "SLAB_ELEMENTS", slab)
    parts = Expected(logits, lengths, 4)
    for name in ("selected", "threshold", "tie_is_cut", "both_zeros_cut", "last_tie", "has_nan"):
        assert torch.equal(getattr(whole, name), getattr(parts, name))
    assert bool(whole.both_zeros_cut[3]) and bool(whole.tie_is_cut[3]) and 3 == int(whole.last_tie[3])


def test_of_very_many_logits_the_oracle_is_asked_for_some_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, lengths = torch.randn(8, 5), torch.full((8,), 5, dtype=torch.int32)
    asked: list[int] = []

    def counting(part: torch.Tensor, ns: torch.Tensor, k: int) -> torch.Tensor:
        asked.append(len(part))
        return right(part, ns, k)

    right = oracle.topk
    monkeypatch.setattr(batch, "ORACLE_ELEMENTS", 20)
    monkeypatch.setattr(oracle, "topk", counting)
    assert 8 == len(with_oracle(logits, lengths, 2).selected)
    assert [4] == asked


@pytest.mark.parametrize(("rows", "columns"), [(0, 5), (3, 0)])
def test_empty_calls_are_judged(rows: int, columns: int) -> None:
    logits, lengths = torch.zeros(rows, columns), torch.full((rows,), 9, dtype=torch.int32)
    output = torch.full((rows, 4), -1, dtype=torch.int32)
    assert [False] * rows == wrong_rows(logits, lengths, output, 4).tolist()
    assert [True] * rows == wrong_rows(logits, lengths, output + 1, 4).tolist()


@given(recipes(), st.integers(1, 300))
def test_the_judges_keys_order_as_the_references(recipe: Recipe, length: int) -> None:
    row = recipe.row(length)
    keys, others = keys_of(row), ordered_key(row)
    assert bool((keys > EMPTY).all())
    for own, other in zip(keys, others, strict=True):
        assert torch.equal(keys < own, others < other) and torch.equal(keys == own, others == other)


def test_the_judges_keys_rise_with_the_references_over_all_kinds_of_values() -> None:
    bits = torch.arange(-(1 << 31), 1 << 31, (1 << 32) // 999_983).to(torch.int32)
    logits = bits.view(torch.float32)
    order = ordered_key(logits).argsort(stable=True)
    keys, others = keys_of(logits)[order].long(), ordered_key(logits)[order]
    assert torch.equal(keys.diff() > 0, others.diff() > 0) and bool((keys.diff() >= 0).all())


def test_the_judge_does_not_take_an_oracle_that_disagrees(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, lengths = torch.tensor([[1.0, 3.0, 2.0]] * 2), torch.tensor([3, 3], dtype=torch.int32)
    assert [3.0, 2.0] == logits[0][
        keys_of(with_oracle(logits, lengths, 2).logits[0]).topk(2).indices
    ].tolist()
    monkeypatch.setattr(oracle, "topk", lambda *_: torch.tensor([[1, 2], [0, 1]], dtype=torch.int32))
    with pytest.raises(AssertionError, match=r"rows \[1\] of the oracle's answer wrong"):
        with_oracle(logits, lengths, 2)


def test_beyond_a_rows_length_there_are_no_keys() -> None:
    expected = Expected(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([2], dtype=torch.int32), 4)
    assert [[False, False, True]] == (keys_within(expected.logits, expected.n) == EMPTY).tolist()
    assert [2, 2] == [int(expected.n[0]), int(expected.wanted[0])]
    assert [EMPTY, EMPTY] == expected.selected[0, 2:].tolist()
