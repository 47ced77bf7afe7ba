"""The gate without a GPU: steps that fail are recorded and the others run; its table, page, command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from persistent_topk.commands import cli
from persistent_topk.cuda.build import BuildError, kernel_hash
from persistent_topk.exit_code import ExitCode
from persistent_topk.tools import gate, records
from persistent_topk.tools.gate_steps import FIGURES, STEPS, Options
from persistent_topk.tools.sanitizer.tool import NOT_RUN

WHERE = {**dict.fromkeys(records.CARRIED, "1"), "kernel": kernel_hash(), "gpu": "H100"}


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr(gate, "where", lambda: WHERE)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return Options(records=tmp_path / "records", scratch=scratch)


def found_in(options: Options, name: str) -> dict:
    return json.loads((options.records / f"{name}.json").read_text())["found"]


def test_a_step_that_fails_is_recorded_and_the_others_run(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Options) -> dict:
        raise BuildError("nvcc failed\nsecond line")

    steps = {
        "build": broken,
        "tests": lambda _: {"ok": False, "lines": ["3 passed, 1 failed"]},
        "soak": lambda _: {"ok": True, "lines": ["agree"]},
    }
    assert gate.gate(list(steps), options, steps) is False
    assert found_in(options, "build") == {"ok": False, "lines": ["BuildError: nvcc failed", "second line"]}
    assert found_in(options, "soak")["ok"] and not found_in(options, "tests")["ok"]
    table = capsys.readouterr().out.strip().splitlines()[-3:]
    assert ["build", "FAILED"] == table[0].split()[:2] and "nvcc failed" in table[0]
    assert ["soak", "ok"] == table[2].split()[:2]
    assert gate.gate(["soak"], options, steps) is True
    assert ExitCode.MISMATCH == records.check(options.records)


def test_what_a_clean_step_left_out_stands_in_the_table(
    options: Options, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["Version 1", "memcheck   errors 0", f"initcheck, shared  {NOT_RUN}too old"]
    assert gate.gate(["sanitizers"], options, {"sanitizers": lambda _: {"ok": True, "lines": lines}})
    table = capsys.readouterr().out.strip().splitlines()[-2:]
    assert table[0].split()[:2] == ["sanitizers", "ok"] and table[1].strip() == lines[2]


def test_figures_stand_in_a_record_beside_what_was_found(options: Options) -> None:
    found = {"ok": True, "lines": ["64 cells"], FIGURES: {"cells": [1]}}
    assert gate.gate(["bench"], options, {"bench": lambda _: found})
    written = json.loads((options.records / "bench.json").read_text())
    assert ["64 cells"] == written["found"]["lines"] and [1] == written["cells"] and "H100" == written["gpu"]


def test_every_step_has_a_title_and_every_record_a_step() -> None:
    assert set(records.TITLES) == set(STEPS)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so() -> None:
    found = CliRunner().invoke(gate.command, ["--only", "build"], standalone_mode=False)
    assert ExitCode.CANNOT_RUN == found.return_value
    assert "the gate needs a CUDA device" in found.stderr


def test_a_carried_file_that_is_not_there_is_told_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.run(gate.command, "gate", ["--cccl", "nowhere.whl"])
    assert ExitCode.USAGE == left.value.code and "--cccl is nowhere.whl" in capsys.readouterr().err


@pytest.mark.parametrize("checked_in", [True, False])
def test_the_page_is_of_the_records_that_a_gate_leaves_where_they_are_checked_in(
    checked_in: bool, options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def leaves_a_record(names: Sequence[str], options: Options) -> bool:
        records.write_record(options.records, "tests", WHERE, {"ok": True, "lines": ["9 passed"]})
        return True

    page = tmp_path / "page.md"
    monkeypatch.setattr(records, "PAGE", page)
    monkeypatch.setattr(gate, "gate", leaves_a_record)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    own = options.records if checked_in else tmp_path / "elsewhere"
    monkeypatch.setattr(gate, "RECORDS_DIR", own)
    monkeypatch.setattr(records, "RECORDS_DIR", own)
    words = ["--records", str(options.records)]
    assert ExitCode.AGREE == CliRunner().invoke(gate.command, words, standalone_mode=False).return_value
    assert page.is_file() == checked_in
    assert not checked_in or "clean: 9 passed" in page.read_text()


def test_a_kernel_that_does_not_build_still_has_an_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    from persistent_topk.cuda import environment

    def broken() -> dict:
        raise BuildError("no nvcc")

    monkeypatch.setattr(environment, "environment", broken)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "H100")
    told = gate.where()
    assert set(records.CARRIED) <= set(told) and kernel_hash() == told["kernel"]
