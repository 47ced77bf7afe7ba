"""Explaining a row: each path's stages in order, captured files, a spill, a picture."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

from persistent_topk.commands.explain import command
from persistent_topk.reference.policy import SMALL, TINY, Policy
from persistent_topk.reference.stream import sample
from persistent_topk.reference.trace import DECODE, LARGE, MEDIUM, TRIVIAL
from persistent_topk.verify.cases.values import CONTENTS
from persistent_topk.verify.reporting.stages import stages, walk


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


@pytest.mark.parametrize("equal", [False, True])
def test_a_stream_is_told_and_whether_its_list_overflows(equal: bool) -> None:
    row = normal(8 * TINY.tile)
    walked = walk(torch.ones_like(row) if equal else row, row.numel(), 8, TINY)
    (stream,) = [stage for stage in stages(walked) if stage.title == "stream"]
    assert ("overflowed" in " ".join(stream.sentences)) == equal


@pytest.mark.parametrize("policy", [TINY, replace(TINY, max_ctas=1)])
def test_a_stream_that_began_again_is_told(policy: Policy) -> None:
    row = -normal(8 * TINY.tile).abs()
    plan = walk(row, row.numel(), 200, policy).plan
    columns = row.numel() // plan.ctas
    row[sample(columns, columns, policy)] = 1.0  # more than a guess asks for, fewer than k
    (stream,) = [stage for stage in stages(walk(row, row.numel(), 200, policy)) if stage.title == "stream"]
    assert any("streamed again" in sentence for sentence in stream.sentences)


@pytest.mark.parametrize(
    ("policy", "k", "told"),
    [
        (TINY, 8, "of all CTAs' samples together is a guess of a bound"),
        (replace(TINY, max_ctas=1), 8, "of the sample is a guess of a bound"),
        (TINY, 308, "The bin of number 128 of"),
        (TINY, 312, "too few columns for a bound"),
    ],
)
def test_the_bound_of_a_stream_is_told_with_whose_sample_gave_it(policy: Policy, k: int, told: str) -> None:
    walked = walk(normal(8 * TINY.tile), 8 * TINY.tile, k, policy)
    (stream,) = [stage for stage in stages(walked) if stage.title == "stream"]
    assert walked.path == LARGE and told in stream.sentences[1]


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


@pytest.mark.parametrize(
    ("path", "n", "policy", "panels"),
    [(TRIVIAL, 8, SMALL, 1), (DECODE, 200, SMALL, 3), (MEDIUM, 400, SMALL, 3), (LARGE, 900, SMALL, 5)],
)
def test_every_panel_of_a_picture_is_labelled(path: int, n: int, policy: Policy, panels: int) -> None:
    pictures = pytest.importorskip("persistent_topk.verify.reporting.pictures", exc_type=ImportError)
    walked = walk(normal(n), n, 8, policy)
    figure = pictures.row_picture(walked)
    assert walked.path == path
    assert len(figure.axes) == panels + int(walked.record["passes"])
    for axes in figure.axes:
        assert axes.get_title() and axes.get_xlabel() and axes.get_ylabel()


@pytest.mark.parametrize(
    "name", ["equal", "all-nan", "some-nan", "infinities", "any-bits", "collapse", "masked"]
)
def test_awkward_rows_have_a_picture(name: str, tmp_path: Path) -> None:
    pictures = pytest.importorskip("persistent_topk.verify.reporting.pictures", exc_type=ImportError)
    row = torch.from_numpy(CONTENTS[name](np.random.default_rng(1), 900).view(np.int32)).view(torch.float32)
    pictures.row_picture(walk(row, 900, 100, SMALL)).savefig(tmp_path / "row.png")
    assert (tmp_path / "row.png").read_bytes().startswith(b"\x89PNG")


def test_the_picture_of_a_captured_row_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scores, picture = tmp_path / "scores.npy", tmp_path / "new" / "row.png"
    np.save(scores, normal(3 * 700).numpy().reshape(3, 700))
    result = run("--logits", str(scores), "--row", "1", "--k", "50", "--plot", str(picture))
    assert result.return_value == 0, result.output
    assert f"plot: {picture}" in result.output.replace("\n", "")
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "words"), [("row.xyz", "--plot is {}: "), ("file/row.png", "{} cannot be written: ")]
)
def test_a_picture_that_cannot_be_written_is_bad_usage(name: str, words: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    (tmp_path / "file").touch()
    result = run("--context", "60", "--k", "5", "--plot", str(tmp_path / name))
    assert isinstance(result.exception, click.UsageError)
    assert words.format(tmp_path / name) in str(result.exception)


@pytest.mark.parametrize(
    ("counts", "colours"),
    [
        ([3, 4, 9, 0, 2], ["LEFT", "TAKEN", "OPEN"]),
        ([0, 0, 9, 0, 2], ["TAKEN", "OPEN"]),  # a record may leave out what lies below
        ([3, 4, 9, 0, 0], ["LEFT", "OPEN"]),
    ],
)
def test_a_picture_tells_apart_what_lies_above_and_below(counts: list[int], colours: list[str]) -> None:
    pictures = pytest.importorskip("persistent_topk.verify.reporting.pictures", exc_type=ImportError)
    to_hex = importlib.import_module("matplotlib.colors").to_hex
    axes = importlib.import_module("matplotlib.figure").Figure().subplots()
    pictures.split_counts(axes, counts, 2)
    drawn = [to_hex(patch.get_facecolor()).upper() for patch in axes.patches]
    assert [getattr(pictures, colour) for colour in colours] == drawn


@pytest.mark.parametrize(("n", "told"), [(SMALL.held, "in registers"), (SMALL.held + 1, "streamed")])
def test_a_medium_row_is_held_or_streamed(n: int, told: str) -> None:
    found = list(stages(walk(normal(n), n, 8, replace(SMALL, max_ctas=1))))
    assert told in found[0].sentences[1]
    assert any(stage.title.startswith("stream") for stage in found) == (told == "streamed")
