"""The merge of ranks' lists: the kernel's source on the emulator, and the model, against the oracle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_lists import BLOCKS, CONTENTS, Lists, layout_of, lists_of, wide_lists
from recipes import recipes

from persistent_topk.cuda.emulator.library import KINDS, Schedule
from persistent_topk.cuda.sharded import emulated
from persistent_topk.reference.lists import merge
from persistent_topk.reference.policy import LATENCY, SMALL, TINY, Policy

SLOTS = {TINY: 128, SMALL: 512}  # pairs of a row that a CTA has room for
RANKS = (1, 2, 3, 4, 5, 8)


@st.composite
def calls(draw: st.DrawFn, policy: Policy) -> Lists:
    ranks = draw(st.sampled_from(RANKS))
    k = draw(st.integers(1, SLOTS[policy] // ranks))
    columns = draw(st.integers(1, 3 * k * ranks))
    layout = layout_of(columns, ranks, draw(st.sampled_from(BLOCKS)))
    logits = torch.stack([draw(recipes()).row(columns) for _ in range(2)])
    lengths = torch.tensor([columns, draw(st.integers(0, columns))], dtype=torch.int32)
    return lists_of(layout, logits, lengths, k)


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    return Schedule(draw(st.sampled_from(KINDS)), draw(st.integers(0, 999)))


@pytest.mark.parametrize("policy", [TINY, SMALL], ids=lambda policy: policy.name)
@given(data=st.data())
@settings(max_examples=100)
def test_the_source_merges_under_any_schedule(policy: Policy, data: st.DataObject) -> None:
    lists = data.draw(calls(policy))
    answer = emulated.merge(
        lists.values,
        lists.columns,
        lists.k,
        in_order=lists.in_order,
        policy=policy,
        schedule=data.draw(schedules()),
    )
    assert torch.equal(lists.expected, answer)


@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_shipped_policy_has_room_for_eight_lists_of_2048(block: int | None, contents: str) -> None:
    lists = wide_lists(8, 2048, block, contents)
    answer = emulated.merge(lists.values, lists.columns, 2048, in_order=lists.in_order, policy=LATENCY)
    assert torch.equal(lists.expected, answer)


def test_more_pairs_than_a_cta_holds_are_refused() -> None:
    lists = wide_lists(8, 65, 1, "scores")
    with pytest.raises(ValueError, match="values has 8 x 65 pairs a row; expected 512 at most"):
        emulated.merge(lists.values, lists.columns, 65)


@pytest.mark.parametrize("contents", CONTENTS)
@pytest.mark.parametrize("block", BLOCKS)
def test_the_model_merges(block: int | None, contents: str) -> None:
    lists = wide_lists(4, 40, block, contents)
    assert torch.equal(lists.expected, merge(lists.values, lists.columns, 40))
