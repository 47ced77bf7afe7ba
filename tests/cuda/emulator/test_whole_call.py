"""The kernel's source takes the whole call on the emulator: any dtype, window and place, all combined."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn_calls import calls
from hypothesis import given, settings
from random_calls import DTYPES, random_call, same

from persistent_topk.cuda.emulator.library import Schedule
from persistent_topk.cuda.emulator.topk import topk
from persistent_topk.reference import oracle
from persistent_topk.reference.dispatch import topk as model
from persistent_topk.reference.plan import SMALL_DEVICE, make_plan
from persistent_topk.reference.policy import SMALL
from persistent_topk.reference.trace import new_trace

SCHEDULES = (None, Schedule("reverse"), Schedule("random", seed=3))
SEEDS = 60
MOST_ROWS, MOST_COLUMNS, MOST_K = 6, 2500, 300


@settings(max_examples=60)
@given(calls(most_columns=90))
def test_any_call_is_the_oracles(arguments: dict) -> None:
    assert same(topk(**arguments, policy=SMALL), oracle.topk(**arguments))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_longer_rows_are_the_oracles(seed: int) -> None:
    arguments = random_call(seed, MOST_ROWS, MOST_COLUMNS, MOST_K)
    found = topk(**arguments, policy=SMALL, limits=SMALL_DEVICE, schedule=SCHEDULES[seed % len(SCHEDULES)])
    assert same(found, oracle.topk(**arguments))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_stages_are_the_models_for_every_dtype(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(7)
    logits = torch.randn(4, 1500, generator=generator).mul(8).to(dtype)
    lengths = torch.tensor([1500, 700, 300, 5], dtype=torch.int32)
    records = make_plan(*logits.shape, SMALL_DEVICE, SMALL).records
    expected, written = new_trace(4, records), new_trace(4, records)
    by_model = model(logits, lengths, 20, policy=SMALL, limits=SMALL_DEVICE, trace=expected)
    found = topk(logits, lengths, 20, policy=SMALL, limits=SMALL_DEVICE, trace=written)
    assert same(found, by_model)
    np.testing.assert_array_equal(written, expected)


@pytest.mark.parametrize("begin", range(9))
@pytest.mark.parametrize("columns", [300, 383, 384, 385, 765, 768, 769, 1400])
def test_nothing_outside_a_window_matters(begin: int, columns: int) -> None:
    generator = torch.Generator().manual_seed(columns)
    row = torch.randn(columns, generator=generator)
    starts = torch.tensor([begin], dtype=torch.int32)
    lengths = torch.tensor([columns], dtype=torch.int32)
    answers = []
    for outside in (torch.nan, -torch.inf, torch.inf):
        buffer = torch.full((1, begin + columns + 3), outside)
        buffer[0, begin : begin + columns] = row
        answers.append(topk(buffer, lengths, 30, policy=SMALL, limits=SMALL_DEVICE, starts=starts))
    expected = oracle.topk(row[None], lengths, 30)
    assert all(torch.equal(answer, expected) for answer in answers)
