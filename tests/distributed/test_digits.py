"""The stages between exchanges of counts: the kernel's source on the emulator, against the model."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recipes import recipes

from persistent_topk.cuda.emulator.library import KINDS, Schedule
from persistent_topk.cuda.sharded.digits import by_digits
from persistent_topk.cuda.sharded.emulated import launch_stage
from persistent_topk.reference import oracle, sharded
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.sharded import Sent, Share, side_by_side


@st.composite
def layouts(draw: st.DrawFn) -> Layout:
    ranks, block = draw(st.sampled_from((1, 2, 3, 4))), draw(st.sampled_from((None, 1, 3, 64)))
    if block is None:
        return Layout(tuple(draw(st.lists(st.integers(0, 300), min_size=ranks, max_size=ranks))))
    return Layout.deal(draw(st.integers(0, 900)), ranks, block)


@given(layout=layouts(), data=st.data())
@settings(max_examples=60)
def test_the_source_sends_and_answers_what_the_model_does(layout: Layout, data: st.DataObject) -> None:
    logits = torch.stack([data.draw(recipes()).row(layout.columns) for _ in range(2)])
    lengths = torch.tensor([layout.columns, data.draw(st.integers(-1, 900))], dtype=torch.int32)
    k, owned = data.draw(st.integers(1, 600)), data.draw(st.booleans())
    schedule = Schedule(data.draw(st.sampled_from(KINDS)), data.draw(st.integers(0, 99)))
    launch = partial(launch_stage, schedule=schedule)
    shards = layout.cut(logits)
    expected_trace: list[Sent] = []
    expected = sharded.topk(
        shards,
        lengths,
        k,
        block=layout.block,
        owned=owned,
        way=sharded.DIGITS,
        select=oracle.topk,
        trace=expected_trace,
    )
    shares = [Share(layout, rank, shard, lengths, k, owned, oracle.topk) for rank, shard in enumerate(shards)]
    trace: list[Sent] = []
    answers = side_by_side([by_digits(share, launch) for share in shares], trace)
    assert expected_trace == trace
    for rank, answer in enumerate(answers):
        assert torch.equal(expected[rank], answer)


@pytest.mark.parametrize("block", [None, 2])
def test_no_rows_are_no_launch(block: int | None) -> None:
    layout = Layout.deal(8, 2, 2) if block else Layout((4, 4))
    none, lengths = torch.zeros(0, 4), torch.zeros(0, dtype=torch.int32)

    def launch(*_: object) -> None:
        raise AssertionError("a launch over no rows")

    shares = [Share(layout, rank, none, lengths, 3, False, oracle.topk) for rank in range(2)]
    for answer in side_by_side([by_digits(share, launch) for share in shares], []):
        assert (0, 3) == answer.shape
