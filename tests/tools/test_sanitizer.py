"""The runs under compute-sanitizer, with a made-up tool in its place."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from persistent_topk.cuda.cache import CACHE_VARIABLE
from persistent_topk.tools.sanitizer import __main__ as sanitizer
from persistent_topk.tools.sanitizer import tool as tools
from persistent_topk.tools.sanitizer.tool import FAILED, NoSanitizer, Tool, errors_in, find_tool, run_tool

# Answers by what lies beside it: the words of the program's command line are its last ones.
SCRIPT = """#!/bin/sh
case "$*" in
  --version) echo NVIDIA; echo "Version 2026.4 (made up)"; exit 0;;
  --help) cat "$(dirname "$0")/help" 2>/dev/null; exit 0;;
  *racecheck*plant*) echo "RACECHECK SUMMARY: 3 hazards displayed (3 errors, 0 warnings)"; exit 99;;
  *racecheck*tiny*) echo "RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)"; exit 0;;
  *synccheck*plant*) echo "ERROR SUMMARY: 0 errors"; exit 0;;
  *memcheck*small*) echo "Invalid __global__ read"; echo "ERROR SUMMARY: 2 errors"; exit 99;;
  *initcheck*clean*) echo "Target application returned an error"; exit 3;;
  *plant*) echo "ERROR SUMMARY: 1 error"; exit 99;;
  *) echo "ERROR SUMMARY: 0 errors"; exit 0;;
esac
"""


def made_up(folder: Path, help_text: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "compute-sanitizer"
    path.write_text(SCRIPT)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "help").write_text(help_text)
    return path


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(tools.TOOL_VARIABLE, raising=False)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))


def test_a_tool_is_asked_for_its_version_and_what_it_can(tmp_path: Path) -> None:
    path = made_up(tmp_path)
    assert Tool(path, "Version 2026.4 (made up)", False) == find_tool(path)
    made_up(tmp_path, f"  {tools.SHARED_OPTION} arg (=global)")
    assert find_tool(path).shared


def test_a_tool_in_a_wheel_is_unpacked_and_may_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made_up(tmp_path)
    wheel = tmp_path / "nvidia_cuda_sanitizer_api-1.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(path, f"nvidia/cu13/{tools.MARK}")
    monkeypatch.setenv(tools.TOOL_VARIABLE, str(wheel))
    assert find_tool().version == "Version 2026.4 (made up)"
    assert find_tool().path.is_relative_to(tmp_path / "cache")


def test_what_is_no_tool_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "text"
    text.write_text("")
    for wrong in (text, tmp_path / "nowhere", tmp_path):
        with pytest.raises(NoSanitizer, match="expected compute-sanitizer of the CUDA toolkit"):
            find_tool(wrong)
    monkeypatch.setattr(tools.shutil, "which", lambda _: None)
    monkeypatch.setattr(tools, "TOOLKIT", tmp_path / "none")
    with pytest.raises(NoSanitizer, match="none does not run"):
        find_tool()


@pytest.mark.parametrize(
    ("output", "errors"),
    [("========= ERROR SUMMARY: 12 errors", 12), ("RACECHECK SUMMARY: 0 hazards displayed", 0), ("", None)],
)
def test_the_summary_line_counts(output: str, errors: int | None) -> None:
    assert errors == errors_in(output)


def test_a_program_that_fails_is_not_clean(tmp_path: Path) -> None:
    tool = find_tool(made_up(tmp_path))
    errors, output = run_tool(tool, ("--tool", "initcheck"), Path("program"), "clean", "small")
    assert FAILED == errors and "returned an error" in output


def test_every_check_needs_its_planted_bug_and_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = sanitizer.run_all(find_tool(made_up(tmp_path)), Path("program"), "NVIDIA Made Up")
    memcheck, racecheck, initcheck, shared, synccheck = found["outcomes"]
    assert (True, 2) == (memcheck["caught"], memcheck["errors"]) and "Invalid" in memcheck["note"]
    assert (True, 0) == (racecheck["caught"], racecheck["errors"])
    assert (True, 2) == (initcheck["caught"], initcheck["errors"])
    assert shared["lacking"] and not synccheck["caught"]
    clean = [sanitizer.Outcome(**outcome).clean for outcome in found["outcomes"]]
    assert [False, True, False, True, False] == clean and not found["ok"]
    told = capsys.readouterr().out
    assert "NOT CAUGHT" in told and "2025.4" in told and "made up), NVIDIA Made Up" in told
    assert found["lines"] == told.strip().splitlines()
