"""The indexer's logits: the formula, its roundings, and the shape of real scores."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.reference import oracle
from persistent_topk.reference import topk as model_topk
from persistent_topk.reference.indexer import (
    DEEPSEEK_V32,
    FP8_MAX,
    KEY_BLOCK,
    IndexerShape,
    indexer_logits,
    quantise,
    rotate,
    score,
    spread,
)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_scores_are_the_weighted_sum_of_positive_products() -> None:
    queries, weights, keys = normal(3, 4, 8), normal(3, 4, seed=1), normal(5, 8, seed=2)
    for t in range(3):
        for s in range(5):
            expected = sum(
                float(weights[t, h]) * max(0.0, float(queries[t, h].double() @ keys[s].double()))
                for h in range(4)
            )
            assert score(queries, weights, keys)[t, s].item() == pytest.approx(expected, abs=1e-5)


def test_scoring_a_few_rows_at_a_time_changes_nothing() -> None:
    queries, weights, keys = normal(40, 64, 8), normal(40, 64, seed=1), normal(KEY_BLOCK, 8, seed=2)
    together = score(queries, weights, keys)
    assert torch.allclose(together[17], score(queries[17:18], weights[17:18], keys)[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("power_of_two", [False, True])
def test_quantised_vectors_are_e4m3_within_half_a_step(power_of_two: bool) -> None:
    vectors = normal(50, 128) * torch.logspace(-6, 6, 50)[:, None]
    rounded, scales = quantise(vectors, power_of_two)
    assert torch.equal(rounded.to(torch.float8_e4m3fn).float(), rounded)
    assert rounded.abs().max() <= FP8_MAX
    step = torch.maximum(
        vectors.abs() * 2.0**-4, scales[:, None] * 2.0**-10
    )  # 3 mantissa bits; subnormal step
    assert ((rounded * scales[:, None] - vectors).abs() <= step * 1.0001).all()
    assert not power_of_two or torch.equal(torch.log2(scales), torch.log2(scales).round())


def test_vectors_of_zeros_are_quantised_to_zeros() -> None:
    rounded, scales = quantise(torch.zeros(2, 8), True)
    assert not rounded.any() and torch.isfinite(scales).all() and (scales > 0).all()


def test_spreading_is_a_rotation() -> None:
    vectors = normal(6, 128)
    assert torch.allclose(spread(vectors) @ spread(vectors).T, vectors @ vectors.T, atol=1e-3)
    assert torch.allclose(spread(spread(vectors)), vectors, atol=1e-5)


def test_rotary_products_depend_on_the_distance_alone() -> None:
    q, k = normal(1, 128), normal(1, 128, seed=1)
    at = [
        float(
            (
                rotate(q, torch.tensor([100 + shift]), DEEPSEEK_V32)
                * rotate(k, torch.tensor([60 + shift]), DEEPSEEK_V32)
            ).sum()
        )
        for shift in (0, 1, 1000, 100_000)
    ]
    assert at == pytest.approx([at[0]] * len(at), abs=1e-3)
    rotated = rotate(q, torch.tensor([12345]), DEEPSEEK_V32)
    assert torch.equal(rotated[:, 64:], q[:, 64:]) and not torch.allclose(rotated[:, :64], q[:, :64])
    assert torch.equal(rotate(q, torch.tensor([0]), DEEPSEEK_V32), q)


@pytest.mark.parametrize(
    ("rows", "context"), [(0, 10), (3, 0), (1, 1), (5, 3), (4, 1000), (2, KEY_BLOCK + 1)]
)
def test_shapes_and_causal_lengths(rows: int, context: int) -> None:
    logits, lengths = indexer_logits(rows, context)
    assert (logits.dtype, logits.shape) == (torch.float32, (rows, context))
    assert lengths.dtype == torch.int32
    assert lengths.tolist() == [min(context, max(1, context - rows + 1 + row)) for row in range(rows)]
    assert torch.isfinite(logits).all()


def test_a_seed_is_a_context() -> None:
    first, again, other = (indexer_logits(2, 500, seed)[0] for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_scores_look_real() -> None:
    logits, lengths = indexer_logits(16, 8192)
    zeros = (logits == 0).float().mean().item()
    assert 0.05 < zeros < 0.5, "columns that all heads turn away from"
    sinks = (logits[:, :1] < logits).float().mean(dim=1).median().item()
    assert sinks < 0.1, "the first token is among the best in most rows"
    neighbours = torch.corrcoef(torch.stack([logits[0, :-1], logits[0, 1:]]))[0, 1]
    assert neighbours > 0.3, "good columns come in runs"
    assert logits[:, -64:].mean() > logits[:, 4000:6000].mean(), "recent tokens score higher"
    assert torch.equal(model_topk(logits, lengths, 2048), oracle.topk(logits, lengths, 2048))


def test_scores_kept_in_bfloat16_tie_at_the_kth_place() -> None:
    logits, _ = indexer_logits(8, 8192, score_dtype=torch.bfloat16)
    assert torch.equal(logits.bfloat16().float(), logits)
    kth = logits.sort(dim=1, descending=True).values[:, 2047:2048]
    assert ((logits == kth).sum(dim=1) > 5).all()


def test_other_shapes_and_scales() -> None:
    logits, _ = indexer_logits(
        2, 300, shape=IndexerShape(heads=8, head_dim=64, rotary_dim=32), power_of_two_scales=False
    )
    assert torch.isfinite(logits).all() and logits.unique().numel() > 100
