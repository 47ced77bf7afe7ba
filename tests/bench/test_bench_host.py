"""The bench of the host's time: samples by turns, medians, and what it prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bench_fakes import ENVIRONMENT
from click.testing import CliRunner

from persistent_topk.bench import host
from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode


def test_a_call_has_the_median_of_samples_that_are_taken_by_turns() -> None:
    now, log = [0], []

    def call(name: str, ns: int) -> host.Call:
        def once() -> None:
            now[0] += ns
            if log[-1:] != [name]:
                log.append(name)

        return once

    times = host.host_times(
        {"a": call("a", 1500), "b": call("b", 3000)}, lambda: log.append("wait"), lambda: now[0]
    )
    assert {"a": 1.5, "b": 3.0} == times
    assert ["wait", "a", "wait", "b"] * host.SAMPLES == log


@pytest.fixture
def pretended_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(host, "environment", lambda: ENVIRONMENT)
    monkeypatch.setattr(host, "calls", dict)
    monkeypatch.setattr(host, "host_times", lambda _: {host.MEASURE: 8.0, "topk_out": 6.0})


@pytest.mark.usefixtures("pretended_gpu")
def test_it_prints_each_call_beside_torchs_and_writes_a_record(tmp_path: Path) -> None:
    record = tmp_path / "host.json"
    done = CliRunner().invoke(group, ("bench", "--host", "--json", str(record)), standalone_mode=False)
    assert ExitCode.AGREE == done.return_value
    assert ["topk_out", "6.00", "0.75"] == done.output.splitlines()[-1].split()
    assert {host.MEASURE: 8.0, "topk_out": 6.0} == json.loads(record.read_text())["microseconds"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="a CUDA device is here")
def test_without_a_gpu_it_says_so() -> None:
    done = CliRunner().invoke(group, ("bench", "--host"), standalone_mode=False)
    assert ExitCode.CANNOT_RUN == done.return_value and "torch finds no CUDA device" in done.output
