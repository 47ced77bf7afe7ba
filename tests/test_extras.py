"""What works with torch and numpy alone, and what says which extra it needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from places import ROOT

from persistent_topk.exit_code import ExitCode
from persistent_topk.extras import EXTRA_OF, MissingExtra, advised, command_for

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# As in an environment where these are not installed.
WITHOUT = """
import sys, importlib.abc
class Without(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Without())
"""
COMMAND = "from persistent_topk.commands.entry import main; main({})"
# hypothesis' own plugin is not there where hypothesis is not.
OWN_PLUGIN_ALONE = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
TOPK = """
import torch, persistent_topk
lengths = torch.tensor([2], dtype=torch.int32)
print(persistent_topk.topk(torch.tensor([[1.0, 3.0]]), lengths, 1).tolist())
"""


def run(script: str, names: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT.format(names=names) + script]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_SECONDS)


def names_of(requirements: list[str]) -> set[str]:
    return {item.split(">")[0].split("[")[0] for item in requirements}


def test_a_call_needs_torch_and_numpy_alone(tmp_path: Path) -> None:
    assert {"torch", "numpy", "filelock"} == names_of(PROJECT["dependencies"])  # torch brings filelock along
    done = run(TOPK, list(EXTRA_OF), tmp_path)
    assert "[[1]]\n" == done.stdout, done.stderr


def test_the_extras_are_those_of_the_project() -> None:
    extras = PROJECT["optional-dependencies"]
    for name in ("verify", "plot"):
        own = {package for package, extra in EXTRA_OF.items() if extra == name}
        assert own == names_of(extras[name]) - {"persistent-topk"}


@pytest.mark.parametrize("name", sorted(name for name, extra in EXTRA_OF.items() if extra == "verify"))
def test_a_command_says_what_to_install(name: str, tmp_path: Path) -> None:
    done = run(
        COMMAND.format(["verify", "--target", "model", "--cases", "30", "--report", "page"]), [name], tmp_path
    )
    if name == "safetensors":  # read where a file of captured scores is one
        assert ExitCode.AGREE == done.returncode, done.stderr
        return
    assert ExitCode.CANNOT_RUN == done.returncode
    assert command_for(name) in done.stderr and "Traceback" not in done.stderr


def test_a_picture_says_what_to_install(tmp_path: Path) -> None:
    done = run(COMMAND.format(["explain", "--context", "500", "--plot", "row.png"]), ["matplotlib"], tmp_path)
    assert ExitCode.USAGE == done.returncode
    assert "pip install 'persistent-topk[plot]'" in done.stderr


def test_the_check_of_a_test_suite_says_what_to_install(tmp_path: Path) -> None:
    done = run("from persistent_topk.testing import check", ["hypothesis"], tmp_path)
    assert "MissingExtra: hypothesis is not installed: pip install 'persistent-topk[verify]'" in done.stderr


def test_the_plugin_disturbs_no_test_suite(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n")
    done = run(f"import pytest; sys.exit(pytest.main({[*OWN_PLUGIN_ALONE, '-q']}))", list(EXTRA_OF), tmp_path)
    assert (0, "1 passed") == (done.returncode, done.stdout.strip().splitlines()[-1][:8]), (
        done.stdout + done.stderr
    )


def test_other_missing_packages_are_told_as_they_are() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere") as caught, advised():
        __import__("nowhere_to_be_found")
    assert not isinstance(caught.value, MissingExtra)
