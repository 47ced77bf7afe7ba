"""Where Python has none of Unix' modules: what needs none works, and what needs them says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from places import SHARED

from persistent_topk.exit_code import ExitCode

UNIX = ("fcntl", "resource", "termios", "pwd", "grp")
# As on a machine where these cannot be found.
ELSEWHERE = f"""
import sys, importlib.abc
class Elsewhere(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {UNIX}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
for name in {UNIX}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Elsewhere())
"""
COMMAND = "from persistent_topk.commands.cli import main; main({})"
TOPK = """
import torch, persistent_topk
print(persistent_topk.topk(torch.tensor([[1.0, 3.0]]), torch.tensor([2], dtype=torch.int32), 1).tolist())
"""


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"{ELSEWHERE}\nsys.path.append({str(SHARED)!r})\n{script}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_SECONDS)


@pytest.mark.parametrize("name", ["", "verify", "bench", "doctor"])
def test_help_is_given(name: str, tmp_path: Path) -> None:
    done = run(COMMAND.format([*filter(None, [name]), "--help"]), tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert "Usage: persistent-topk" in done.stdout


def test_topk_answers(tmp_path: Path) -> None:
    done = run(TOPK, tmp_path)
    assert "[[1]]\n" == done.stdout, done.stderr


def test_our_own_model_is_verified(tmp_path: Path) -> None:
    done = run(COMMAND.format(["verify", "--target", "model", "--cases", "30"]), tmp_path)
    assert ExitCode.AGREE == done.returncode, done.stdout + done.stderr


def test_what_needs_unix_says_so(tmp_path: Path) -> None:
    done = run(COMMAND.format(["verify", "--target", "wrong_topk:correct", "--cases", "2"]), tmp_path)
    assert ExitCode.CANNOT_RUN == done.returncode
    assert "needs Linux or another Unix" in done.stderr and "Traceback" not in done.stderr
