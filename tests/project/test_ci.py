"""What CI runs: every step whatever the others do, and a run in which no test ran is no success."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from places import ROOT

STEPS = ("check", "docs", "dist", "notebooks", "test")
PASSED = "===== 3 passed, 1 skipped in 2.00s ====="

if os.name != "posix" or shutil.which("bash") is None:
    pytest.skip("needs bash", allow_module_level=True)


def run_ci(folder: Path, said: dict[str, str], failing: str = "") -> subprocess.CompletedProcess[str]:
    """.ci/run with a `make` that prints what is `said` of its target, and fails for one."""
    cases = "".join(f"{target}) echo '{text}' ;;\n" for target, text in said.items())
    make = folder / "make"
    make.write_text(f'#!/bin/sh\necho "making $1"\ncase "$1" in\n{cases}esac\n[ "$1" != "{failing}" ]\n')
    make.chmod(0o755)
    return subprocess.run(
        [ROOT / ".ci" / "run"],
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_passes_where_all_steps_do(tmp_path: Path) -> None:
    done = run_ci(tmp_path, {"notebooks": PASSED, "test": PASSED})
    assert (0, "") == (done.returncode, done.stderr)
    assert re.findall(r"making (\S+)", done.stdout) == list(STEPS)


@pytest.mark.parametrize("failing", STEPS)
def test_one_that_fails_stops_no_other(failing: str, tmp_path: Path) -> None:
    done = run_ci(tmp_path, {"notebooks": PASSED, "test": PASSED}, failing)
    assert done.returncode == 1
    assert f"failed: make {failing}\n" == done.stderr
    assert re.findall(r"making (\S+)", done.stdout) == list(STEPS)


@pytest.mark.parametrize("said", ["", "===== 5 deselected in 1.00s =====", "===== 0 passed ====="])
def test_no_test_is_no_success(said: str, tmp_path: Path) -> None:
    done = run_ci(tmp_path, {"notebooks": PASSED, "test": said})
    assert (1, "failed: make test: no test ran\n") == (done.returncode, done.stderr)


def test_no_notebook_is_no_success(tmp_path: Path) -> None:
    done = run_ci(tmp_path, {"notebooks": "none", "test": PASSED})
    assert (1, "failed: make notebooks: no notebook ran\n") == (done.returncode, done.stderr)


def test_nightly_leaves_nothing_out() -> None:
    recipe = re.search(r"^nightly:(.*(?:\n\t.*)*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe is not None
    for part in (" notebooks", " docs", "pytest -m 'not notebooks'", "topk verify", "topk mutants"):
        assert part in recipe[1]
