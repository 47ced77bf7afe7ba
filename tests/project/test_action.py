"""The GitHub action: its shell steps run here as they are written, with what GitHub would set."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from places import ROOT, SHARED

yaml = pytest.importorskip("yaml")

if os.name != "posix" or shutil.which("bash") is None:
    pytest.skip("needs bash", allow_module_level=True)

FOLDER = ".github/actions/verify"
ACTION: dict[str, Any] = yaml.safe_load((ROOT / FOLDER / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
LINE_OF_TARGET = next(
    number
    for number, line in enumerate((SHARED / "wrong_topk.py").read_text().splitlines(), 1)
    if line.startswith("def by_value(")
)


def step(name: str) -> dict[str, Any]:
    return next(item for item in STEPS if item["name"].startswith(name))


@dataclass
class Runner:
    """A runner's folders: the repository under test, its files of outputs and summary."""

    folder: Path
    checkout: Path = ROOT  # of the action

    @property
    def workspace(self) -> Path:
        return self.folder / "workspace"

    def text(self, name: str) -> str:
        return (self.folder / name).read_text() if (self.folder / name).is_file() else ""

    def run(
        self, name: str, inputs: dict[str, str], path: Path = Path(sys.executable).parent
    ) -> subprocess.CompletedProcess[str]:
        """A shell step as GitHub runs it: `bash -eo pipefail`, expressions in place."""
        found = step(name)
        given = {key: str(item.get("default", "")) for key, item in ACTION["inputs"].items()} | inputs
        known = {f"inputs.{key}": value for key, value in given.items()}
        known["github.action_path"] = str(self.checkout / FOLDER)

        def filled(text: str) -> str:
            return EXPRESSION.sub(lambda match: known[match[1]], text)

        script = self.folder / "step.sh"
        script.write_text(filled(found["run"]))
        environment = {
            **os.environ,
            "PATH": f"{path}:{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
            **{key: filled(str(value)) for key, value in found["env"].items()},
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.workspace / filled(found.get("working-directory", ".")),
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    package = tmp_path / "workspace" / "python"
    package.mkdir(parents=True)
    for module in ("wrong_topk.py", "limited_topk.py"):  # the first imports the second
        shutil.copy(SHARED / module, package)
    return Runner(tmp_path)


def test_a_broken_promise_fails_the_step_and_leaves_all_that_is_kept(runner: Runner) -> None:
    inputs = {"target": "wrong_topk:by_value", "working-directory": "python", "seconds": ""}
    done = runner.run("Verify", {**inputs, "arguments": "--family contents --cases 12"})
    assert (done.returncode, runner.text("output")) == (1, "exit-code=1\n"), done.stderr
    errors = [line for line in done.stdout.splitlines() if line.startswith("::error ")]
    where = f"::error file=python/wrong_topk.py,line={LINE_OF_TARGET},title=wrong_topk%3Aby_value breaks "
    assert errors and all(line.startswith(where) for line in errors)

    summary = runner.text("summary.md")
    assert summary.startswith("## top-k: mismatch\n")
    assert "| property | wrong_topk:by_value |" in summary
    assert "<summary>wrong_topk:by_value breaks ascending-order</summary>" in summary
    assert "persistent-topk verify --target wrong_topk:by_value" in summary and "seed: 0" in summary

    report = runner.workspace / "python" / "topk-report"
    assert (report / "index.html").is_file() and list(report.glob("*.zip"))
    assert json.loads((report / "verdict.json").read_text())["verdict"] == "mismatch"
    assert ElementTree.parse(report / "junit.xml").getroot().get("failures") == str(len(errors))
    kept = step("Keep the report")
    assert kept["if"] == "failure() && steps.verify.outcome == 'failure'"
    assert kept["with"]["path"] == "${{ inputs.working-directory }}/${{ inputs.report }}"


def test_a_target_that_keeps_its_claims_passes(runner: Runner) -> None:
    inputs = {"target": "wrong_topk:correct_set", "claim": "exact-set", "working-directory": "python"}
    done = runner.run("Verify", {**inputs, "seconds": "", "arguments": "--cases 20 --family contents"})
    assert (done.returncode, runner.text("output")) == (0, "exit-code=0\n"), done.stdout + done.stderr
    assert "::error" not in done.stdout
    assert runner.text("summary.md").startswith("## top-k: agree\n")


def test_a_command_line_that_cannot_be_fails_the_step(runner: Runner) -> None:
    done = runner.run("Verify", {"target": "nothing", "working-directory": "python"})
    assert (done.returncode, runner.text("output")) == (2, "exit-code=2\n")
    assert "target is 'nothing'" in done.stderr


@pytest.mark.slow
def test_the_package_is_installed_from_the_checkout_of_the_action(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched: the environment sees the packages of this one."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    runner.checkout = tmp_path / "checkout"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (runner.checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, runner.checkout / name)
    home = tmp_path / "environment"
    venv.create(home)  # its pip is that of this environment
    (packages,) = home.glob("lib/python*/site-packages")
    (packages / "outer.pth").write_text(str(Path(pytest.__file__).parents[1]))
    for name, value in (("NO_INDEX", "1"), ("NO_BUILD_ISOLATION", "0"), ("DISABLE_PIP_VERSION_CHECK", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)
    done = runner.run("Install", {}, home / "bin")
    assert done.returncode == 0, done.stdout + done.stderr
    where = "import persistent_topk; print(persistent_topk.__file__)"
    found = subprocess.run(
        [home / "bin" / "python", "-c", where], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).is_relative_to(packages)
    told = subprocess.run(
        [home / "bin" / "persistent-topk", "--version"], capture_output=True, text=True, check=True
    )
    assert "persistent-topk, version " in told.stdout


def test_every_expression_names_something_that_is_there() -> None:
    named = set(EXPRESSION.findall((ROOT / FOLDER / "action.yml").read_text()))
    inputs = {name.removeprefix("inputs.") for name in named if name.startswith("inputs.")}
    assert inputs == set(ACTION["inputs"])
    others = {name for name in named if not name.startswith("inputs.")}
    assert others == {
        "runner.os",
        "runner.arch",
        "github.action_ref",
        "github.action_path",
        "steps.verify.outputs.exit-code",
    }


def test_the_workflow_of_the_guide_gives_the_action_what_it_takes() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "checker.md").read_text(), re.DOTALL)
    workflows = [yaml.safe_load(block) for block in blocks if FOLDER in block]
    assert len(workflows) == 1
    (job,) = workflows[0]["jobs"].values()
    used = next(item for item in job["steps"] if FOLDER in item.get("uses", ""))
    required = {name for name, item in ACTION["inputs"].items() if item.get("required")}
    assert required <= set(used["with"]) <= set(ACTION["inputs"])
    assert any("setup-python" in item.get("uses", "") for item in job["steps"])
