"""Samples of streamed rows: where they lie, what they let expect; a row is right whatever they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from persistent_topk.reference import topk
from persistent_topk.reference.medium import select
from persistent_topk.reference.policy import DENSE, LATENCY, SHIPPED, SMALL, TINY, Policy
from persistent_topk.reference.stream import SAMPLE_BLOCK, at_most, rank_in_samples, sample
from persistent_topk.reference.trace import new_trace

PERIODS = (64, 128, 256, 512)  # columns, of paged scores


@pytest.mark.parametrize("policy", [*SHIPPED, SMALL, TINY], ids=lambda policy: policy.name)
@pytest.mark.parametrize("extra", [0, 1, 15, 16, 1000, 65536])
def test_a_sample_has_a_block_in_each_of_as_many_equal_parts(policy: Policy, extra: int) -> None:
    length = policy.sample + extra
    columns = sample(length, length, policy)
    assert columns.numel() == policy.sample and int(columns[-1]) < length
    assert (columns.diff() > 0).all(), "ascending, none twice"
    blocks = columns.view(-1, SAMPLE_BLOCK)
    assert (blocks[:, 0] % SAMPLE_BLOCK == 0).all(), "whole sectors of memory"
    assert (blocks == blocks[:, :1] + torch.arange(SAMPLE_BLOCK)).all()
    bounds = torch.arange(len(blocks) + 1) * (length // SAMPLE_BLOCK) // len(blocks) * SAMPLE_BLOCK
    assert ((bounds[:-1] <= blocks[:, 0]) & (blocks[:, 0] < bounds[1:])).all()


@pytest.mark.parametrize("length", [0, 3, 4, 100, 4095])
def test_a_shorter_chunk_has_the_part_of_a_sample_that_it_holds(length: int) -> None:
    whole = sample(8192, 8192, LATENCY)
    columns = sample(length, 8192, LATENCY)
    assert columns.tolist() == [column for column in whole.tolist() if column // 4 * 4 + 4 <= length]


@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("length", [65536, 98304, 131072, 131120])
def test_a_sample_meets_no_period_of_the_scores(period: int, length: int) -> None:
    places = np.bincount(sample(length, length, LATENCY).numpy() % period // SAMPLE_BLOCK)
    expected = LATENCY.sample / (period // SAMPLE_BLOCK)
    assert places.size == period // SAMPLE_BLOCK
    assert places.min() > expected / 2 and places.max() < expected * 2


def test_chance_exceeds_the_margin_by_five_standard_deviations_only() -> None:
    for expected in range(4097):
        assert at_most(expected) - expected >= 5 * np.sqrt(expected)


@pytest.mark.parametrize("k", [1, 512, 2048, 4096])
def test_the_rank_in_a_sample_is_never_over_k(k: int) -> None:
    assert all(rank_in_samples(k, columns, LATENCY) <= k for columns in (4096, 1 << 20, (1 << 31) - 1))
    assert rank_in_samples(k, 4096, LATENCY) == k, "the whole chunk is its sample"


@pytest.mark.parametrize("policy", [LATENCY, DENSE], ids=lambda policy: policy.name)
@pytest.mark.parametrize("k", [512, 2048])
def test_a_guess_lists_k_columns_and_not_many_more(policy: Policy, k: int) -> None:
    for seed in range(5):
        row = torch.randn(1 << 16, generator=torch.Generator().manual_seed(seed))
        trace = new_trace(1, 1)
        select(row, k, policy, trace[0])
        record = trace[0, 0]
        assert not record["restarted"] and record["listed"] and not record["updates"]
        assert k <= record["survivors"] <= 3 * k


def test_scores_that_repeat_from_page_to_page_are_not_misjudged() -> None:
    row = torch.randn(1 << 17, generator=torch.Generator().manual_seed(1))
    row.view(-1, 64)[:, 0] += 3
    trace = new_trace(1, 1)
    select(row, 2048, DENSE, trace[0])
    assert not trace[0, 0]["restarted"] and trace[0, 0]["listed"]


@pytest.mark.parametrize("extra", [1, 77])
def test_a_row_is_right_though_its_sample_says_too_much(extra: int) -> None:
    n, k = 4 * SMALL.medium_max + extra, 600
    row = -torch.rand(n, generator=torch.Generator().manual_seed(extra))
    row[sample(n, n, SMALL)[: rank_in_samples(k, n, SMALL)]] = 1.0
    trace = new_trace(1, 1)
    columns = select(row, k, SMALL, trace[0])
    assert trace[0, 0]["restarted"]
    expected = row.sort(descending=True, stable=True).indices[:k].sort().values
    assert columns.tolist() == expected.tolist()
    assert topk(row[None], torch.tensor([n], dtype=torch.int32), k)[0].tolist() == columns.tolist()
