"""Failures and a state folder that an earlier version saved: they replay, and the state goes on.

The files in data/replay were written by version 0.1.0, before its folders were re-cut.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import DATA

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.failures.replay import MANIFEST, load, save

SAVED = DATA / "replay"
# The file, the digest of its case, and what its target says today: only the function is still wrong.
FILES = {
    "model": ("95e6dda2f329dce186e31524ecf05976", ExitCode.AGREE),
    "emulator": ("4374fed471914c57d9d71e54d3705721", ExitCode.AGREE),
    "function": ("95e6dda2f329dce186e31524ecf05976", ExitCode.MISMATCH),
    "limits": ("e41f22dd5b814637ad23cd1a24dfda5c", ExitCode.MISMATCH),
}
CASES_BEFORE = 40  # that the saved state has counted
CASES_NOW = 5


@pytest.fixture(autouse=True)
def frozen_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SAVED))
    monkeypatch.syspath_prepend(SAVED)


def manifest(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as file:
        return dict(json.loads(file.read(MANIFEST)))


@pytest.mark.parametrize("name", FILES)
def test_a_saved_failure_replays(name: str) -> None:
    digest, exit_code = FILES[name]
    path = SAVED / f"{name}.zip"
    failure = load(path)
    assert digest == failure.case.digest()
    done = CliRunner().invoke(group, ["replay", str(path)], standalone_mode=False)
    assert exit_code == done.return_value, done.output
    assert failure.message in done.output


@pytest.mark.parametrize("name", FILES)
def test_a_saved_failure_is_written_as_it_was(name: str, tmp_path: Path) -> None:
    path = SAVED / f"{name}.zip"
    assert manifest(path) == manifest(save(load(path), tmp_path / path.name))


def test_the_emulators_failure_keeps_its_schedules() -> None:
    schedules = load(SAVED / "emulator.zip").schedules
    assert [schedule.split(":")[0] for schedule in schedules] == [
        "random",
        "pct",
        "round_robin",
        "reverse",
        "starve",
        "random",
    ]


def test_a_failure_keeps_the_limits_of_its_device() -> None:
    case = load(SAVED / "limits.zip").case
    assert (6, 4, (6, 3, 2, 1)) == (case.limits.sms, case.limits.cluster, case.limits.resident[:4])
    assert (3, 302, "small") == (case.offset, case.row_stride, case.policy)


def test_a_saved_state_goes_on(tmp_path: Path) -> None:
    state = Path(shutil.copytree(SAVED / "state", tmp_path / "state"))
    told = tmp_path / "result.json"
    arguments = ["--target", "frozen_topk:last_column_ties", "--seed", "5", "--cases", str(CASES_NOW)]
    words = ["verify", *arguments, "--state", str(state), "--json", str(told)]
    done = CliRunner().invoke(group, words, standalone_mode=False)
    assert ExitCode.MISMATCH == done.return_value, done.output
    assert CASES_BEFORE + CASES_NOW == json.loads(told.read_text())["cases"]
    assert 2 == json.loads((state / "state.json").read_text())["body"]["runs"]
    replays = {path.name for path in (state / "failures").glob("*.zip")}
    assert {path.name for path in (SAVED / "state" / "failures").glob("*.zip")} <= replays
