"""Explaining a row: each path's stages in order, captured files, a spill, a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from persistent_topk.reference.policy import SMALL, TINY, Policy
from persistent_topk.reference.trace import DECODE, LARGE, MEDIUM, TRIVIAL
from persistent_topk.verify.commands.explain import command
from persistent_topk.verify.stages import stages, walk


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def normal(n: int) -> torch.Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(n))


@pytest.mark.parametrize(
    ("path", "n", "policy"),
    [(TRIVIAL, 8, SMALL), (DECODE, 200, SMALL), (MEDIUM, 400, SMALL), (LARGE, 900, SMALL), (LARGE, 99, TINY)],
)
def test_stages_follow_the_path(path: int, n: int, policy: Policy) -> None:
    walked = walk(normal(n), n, 8, policy)
    titles = [stage.title for stage in stages(walked)]
    assert walked.path == path
    assert titles[0].startswith("dispatch") and titles[-1] == "output"
    assert ("cut" in titles) == (path != TRIVIAL)
    assert ("places in the output" in titles) == (path == LARGE)


def test_a_spill_is_told_and_nothing_is_dropped() -> None:
    row = (1.0 + normal(200).abs() * 1e-3).float()
    titles = [stage.title for stage in stages(walk(row, 200, 8, SMALL))]
    assert "pass 1 over the row (spill)" in titles


def test_the_counter_with_the_kth_key_is_marked_once() -> None:
    for stage in stages(walk(normal(400), 400, 30, SMALL)):
        if stage.counters:
            assert sum(counter.chosen for counter in stage.counters) == 1
            numbers = [counter.number for counter in stage.counters]
            assert numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("length", [-1, 0, 50, 99])
def test_lengths_are_clamped(length: int) -> None:
    walked = walk(normal(50), length, 4)
    assert walked.row.numel() == min(max(length, 0), 50)


def test_special_values_are_shown() -> None:
    row = torch.tensor([float("nan")] * 3 + [float("inf")] * 40 + [-0.0, 0.0] * 20)
    text = "\n".join(sentence for stage in stages(walk(row, 83, 20, TINY)) for sentence in stage.sentences)
    assert "inf" in text


def test_the_command_explains_an_indexer_row() -> None:
    result = run("--context", "600", "--k", "50", "--policy", "small")
    assert result.return_value == 0, result.output
    assert "1. dispatch: large" in result.output
    assert "<- the k-th" in result.output
    assert "is what a stable sort selects" in result.output


def test_the_command_explains_captured_scores(tmp_path: Path) -> None:
    file = tmp_path / "scores.npy"
    np.save(file, np.arange(3 * 40, dtype=np.float32).reshape(3, 40))
    result = run("--logits", str(file), "--row", "2", "--k", "4")
    assert result.return_value == 0, result.output
    assert "the last: 39" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--logits", "nowhere.npy"), "nowhere.npy is not a file"),
        (("--row", "7", "--context", "5"), "--row is 7"),
    ],
)
def test_bad_usage_is_named(arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exception is not None
    assert message in str(result.exception.format_message())  # type: ignore[attr-defined]


def test_the_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "row.png"
    assert run("--context", "600", "--k", "50", "--plot", str(file)).return_value == 0
    assert file.stat().st_size > 0
