"""The soak's command without a GPU: what they run, sum up, refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from soak_fakes import HERE, KERNEL, TINY, FakeCub, FakeKernel

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.soak import goals, run, second, stage
from persistent_topk.verify.soak.batches import STAGES, Stage, make_batch
from persistent_topk.verify.soak.tally import Tally
from persistent_topk.verify.targets.peers import cub_library as cub


def soak(*arguments: str) -> Result:
    return CliRunner().invoke(group, ("soak", *arguments), standalone_mode=False)


@pytest.fixture
def on_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKernel:
    kernel = FakeKernel.in_place(monkeypatch)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(run, "STAGES", {"short": TINY, "long": Stage("long", *TINY_SIZES)})
    monkeypatch.setattr(stage, "make_batch", lambda *which: make_batch(*which[:3], "cpu"))
    monkeypatch.setattr(second, "load", lambda _: second.SecondOracle(FakeCub(), "cpu"))
    monkeypatch.chdir(tmp_path)
    return kernel


TINY_SIZES = ((301, 500), (1, 2), (5,), 1 << 12, (400,))
FEW = ("--rows-short", "60", "--rows-long", "10")


def test_the_command_sums_what_its_runs_found(on_a_gpu: FakeKernel) -> None:
    Tally("short", 9, "another kernel", *HERE, rows=10**6).save(Path("build.json"))
    Path("build/soak").mkdir(parents=True)
    Path("build.json").rename("build/soak/short-9.json")
    first = soak(*FEW, "--second-oracle", "cub", "--json", "sum.json")
    assert first.return_value == ExitCode.AGREE, first.output
    assert "second oracle: CUB 3.6.0: columns, NaN rows included" in first.output
    total = json.loads(Path("sum.json").read_text())
    assert total["complete"] and total["short"]["rows"] >= 60 and total["long"]["rows"] >= 10
    assert total["short"]["second_oracle"] == total["short"]["rows"]
    soak(*FEW, "--seed", "2", "--json", "sum.json")
    assert json.loads(Path("sum.json").read_text())["short"]["rows"] > total["short"]["rows"]


def test_every_stage_has_its_goal() -> None:
    assert STAGES.keys() == goals.GOAL_ROWS.keys()


def test_a_folder_with_the_same_stage_and_seed_twice_is_refused(on_a_gpu: FakeKernel) -> None:
    folder = Path("build/soak")
    folder.mkdir(parents=True)
    Tally("short", 1, KERNEL, *HERE, rows=60).save(folder / "of-another-machine.json")
    refused = CliRunner().invoke(group, ("soak", *FEW))
    assert refused.exit_code == ExitCode.USAGE and 0 == on_a_gpu.calls
    assert "of-another-machine.json and build/soak/short-1.json count the same rows" in refused.output
    assert soak(*FEW, "--seed", "2").return_value == ExitCode.AGREE


def test_the_command_fails_on_a_mismatch_and_says_what_is_left(on_a_gpu: FakeKernel) -> None:
    on_a_gpu.wrong = {0}
    found = soak(*FEW)
    assert found.return_value == ExitCode.MISMATCH
    assert "long batch 0 (" in found.output and "mismatch: " in found.output
    nothing = soak(*FEW, "--seconds", "1e-9", "--seed", "7", "--folder", "elsewhere")
    assert nothing.return_value == ExitCode.INCOMPLETE
    assert "60 rows are left: run the soak again" in nothing.output


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so() -> None:
    found = soak()
    assert found.return_value == ExitCode.CANNOT_RUN
    assert "torch finds no CUDA device on this machine" in found.output


def test_a_second_oracle_that_fails_on_the_way_ends_the_run(
    on_a_gpu: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = second.SecondOracle(FakeCub(), "cpu")

    def failing(*_: object) -> torch.Tensor:
        raise cub.CubUnavailable("CUB 3.6.0: operation not supported")

    monkeypatch.setattr(other.library, "topk", failing)
    monkeypatch.setattr(second, "load", lambda _: other)
    found = soak(*FEW, "--second-oracle", "cub")
    assert found.return_value == ExitCode.CANNOT_RUN
    assert "operation not supported" in found.output and ", k 5: " in found.output
    on_a_gpu.wrong = {on_a_gpu.calls}
    found = soak(*FEW, "--second-oracle", "cub", "--seed", "8")
    assert found.return_value == ExitCode.MISMATCH, "what was found before the error counts"
    assert "operation not supported" in found.output and " batch 0 (" in found.output


def test_a_second_oracle_without_headers_is_told(
    on_a_gpu: FakeKernel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    found = soak("--second-oracle", "cub", "--cccl", str(tmp_path))
    assert found.return_value == ExitCode.CANNOT_RUN
    assert "--second-oracle cub cannot run here" in found.output and "cub/device" in found.output
