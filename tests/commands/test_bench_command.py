"""persistent-topk bench: what it says where there is no GPU, and all it writes where one is made up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bench_fakes import ENVIRONMENT, result
from click.testing import CliRunner, Result

from persistent_topk.bench import benchmark, peers, table
from persistent_topk.bench.run import COLD, WARM
from persistent_topk.commands.cli import group
from persistent_topk.commands.cli import main as cli_main
from persistent_topk.exit_code import ExitCode
from persistent_topk.tools import records


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(group, ("bench", *arguments), standalone_mode=False)


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """A device whose times are those of the dictionary that it returns: cell's name -> factor over the
    page's fastest."""
    factors: dict[str, float] = {}

    def timed_on_gpu(options: benchmark.Options, ready: dict[str, peers.Peer]):
        def timed(cell):
            floor = cell.cold.floor if cell.cold else 2.0
            ours = abs(factors.get(cell.name, 1.0)) * (cell.cold.fastest if cell.cold else 4.0)
            extra = dict.fromkeys(ready, 2 * ours)
            return result(cell, ours, floor, wrong=int(factors.get(cell.name, 1) < 0), warm=0.9, **extra)

        return timed

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(benchmark, "timed_on_gpu", timed_on_gpu)
    monkeypatch.setattr(benchmark, "environment", lambda: ENVIRONMENT)
    monkeypatch.chdir(tmp_path)
    return factors


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli_main(["bench", "--quick"])
    assert ExitCode.CANNOT_RUN == left.value.code
    assert 1 == capsys.readouterr().err.count("torch finds no CUDA device on this machine")


MISUSES = {
    "cells": (["--cells", "2048"], "cells pattern is '2048'; expected k,rows,n"),
    "no cell": (["--cells", "7,7,7K"], "--cells is 7,7,7K; expected a cell of the bench (2048,1,8K)"),
    "peer": (["--peers", "cubb"], "--peers is 'cubb'; expected all, none"),
    "against": (["--against", "nowhere.json"], "nowhere.json cannot be read"),
    "repeat": (["--repeat", "0"], "0 is not in the range x>=1"),
    "policy": (["--policy", "fast"], "'fast' is not one of"),
}


@pytest.mark.parametrize("name", MISUSES)
def test_bad_usage_is_told_before_a_gpu_is_looked_for(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = MISUSES[name]
    with pytest.raises(SystemExit) as left:
        cli_main(["bench", *arguments])
    assert ExitCode.USAGE == left.value.code
    assert words in capsys.readouterr().err


def test_a_file_without_cells_is_told(tmp_path: Path) -> None:
    for text in ("[1]", "{}", '{"cells": [3]}', '{"cells": 4}', '{"cells": [{"name": "a"}]}'):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(table.UnreadableRun, match="a.json has no cells"):
            table.read_cells(tmp_path / "a.json")


def test_all_that_a_run_writes(pretended_gpu: dict[str, float]) -> None:
    pytest.importorskip("matplotlib")
    found = invoke("--repeat", "3", "--json", "out/a.json", "--markdown", "out/a.md", "--plot", "out/a.png")
    assert found.return_value == ExitCode.AGREE, found.output
    lines = found.output.splitlines()
    assert ["run 1 of 3", "run 2 of 3", "run 3 of 3"] == [text[:10] for text in lines if text[:4] == "run "]
    row = next(text for text in lines if text.startswith("2048 x 1 x 4K "))
    for words in ("1.52 vC", "1.00", "3.80"):
        assert words in row
    assert "64 cells of the page, 0 cells wrong" in found.output
    assert "3 runs: medians differ by at most 0.0%" in found.output and "within 5%" in found.output
    record = json.loads(Path("out/a.json").read_text())
    assert ("bench", records.SCHEMA, True) == (record["name"], record["schema"], record["found"]["ok"])
    assert ENVIRONMENT == record["environment"] and ENVIRONMENT["kernel"] == record["kernel"]
    cells = record["cells"]
    assert 69 == len(cells) and 3 == len(cells[0][COLD]["runs"]) == len(cells[0][WARM]["floor_runs"])
    assert 2.19 == pytest.approx(record["summary"][COLD]["ours"], abs=0.03)
    assert 69 + 2 == len(Path("out/a.md").read_text().splitlines())
    assert Path("out/a.png").read_bytes().startswith(b"\x89PNG")


def test_two_runs_are_compared_cell_by_cell(pretended_gpu: dict[str, float]) -> None:
    pretended_gpu["2048 x 1 x 8K"] = 2.0
    invoke("--cells", "2048,1,*", "--peers", "none", "--json", "old.json")
    pretended_gpu["2048 x 1 x 8K"] = 1.0
    found = invoke("--cells", "2048,1,*", "--peers", "none", "--against", "old.json")
    row = found.output.splitlines()[-8:]
    assert "9.60>4.80" in "".join(row) and "0.500" in "".join(row) and "1.000" in "".join(row)
    assert "in the same run" not in found.output


def test_a_wrong_cell_has_no_time_and_fails(pretended_gpu: dict[str, float]) -> None:
    pretended_gpu["2048 x 1 x 8K"] = -1
    found = invoke("--cells", "2048,1,*", "--repeat", "2")
    assert found.return_value == ExitCode.MISMATCH
    row = next(text for text in found.output.splitlines() if text.startswith("2048 x 1 x 8K "))
    assert "WRONG: 1 rows" in row and "us" not in row
    alone = invoke("--cells", "2048,1,8K", "--json", "a.json")
    assert alone.return_value == ExitCode.MISMATCH
    assert json.loads(Path("a.json").read_text())["found"]["ok"] is False
    pytest.importorskip("matplotlib")
    drawn = invoke("--cells", "2048,1,8K", "--plot", "a.png")
    assert drawn.return_value == ExitCode.MISMATCH and "no picture was drawn: " in drawn.output


def test_a_peer_that_is_missing_is_told_and_the_others_timed(
    pretended_gpu: dict[str, float], tmp_path: Path
) -> None:
    arguments = ("--cells", "2048,1,8K", "--cccl", str(tmp_path))
    found = invoke(*arguments, "--peers")
    assert found.return_value == ExitCode.AGREE, found.output
    assert "cub was not run: " in found.output and "flashinfer.top_k_varlen was not run: " in found.output
    assert "cold: torch in the same run 3.84, ours 1.92 over its 1 cells" in found.output
    assert invoke(*arguments, "--peers", "torch,cub").return_value == ExitCode.CANNOT_RUN


def test_a_picture_without_matplotlib_is_refused_before_the_run(
    pretended_gpu: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(benchmark, "run_session", lambda *_: pytest.fail("the run began"))
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert invoke("--plot", "a.png").return_value == ExitCode.CANNOT_RUN
