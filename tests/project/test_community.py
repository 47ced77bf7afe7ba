"""The files for people who come by: forms, workflow, hooks and fragments name what there is."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
from places import ROOT

yaml = pytest.importorskip("yaml")

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

GITHUB = ROOT / ".github"
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.stem != "config")
KINDS = {
    item["directory"]
    for item in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]["type"]
}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_asks_for_what_helps(form: Any) -> None:
    found = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= set(found)
    asked = [item for item in found["body"] if item["type"] != "markdown"]
    assert len(asked) == len({item["id"] for item in asked})
    assert any(item.get("validations", {}).get("required") for item in asked)
    assert all(item["attributes"]["label"] for item in asked)


def test_a_wrong_kernel_comes_with_its_replay_file() -> None:
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "wrong-kernel.yml").read_text())
    replay = next(item for item in form["body"] if item.get("id") == "replay")
    assert replay["validations"]["required"]


def test_the_workflow_runs_what_a_clone_must_pass() -> None:
    jobs = yaml.safe_load((GITHUB / "workflows" / "ci.yml").read_text())["jobs"]
    steps = [step for job in jobs.values() for step in job["steps"]]
    runs = [step["run"] for step in steps if "run" in step]
    assert ".ci/run" in runs
    for target in re.findall(r"make ([a-z-]+)", " ".join(runs)):
        assert target in TARGETS
    action = yaml.safe_load((GITHUB / "actions" / "verify" / "action.yml").read_text())
    (used,) = (step["with"] for step in steps if step.get("uses") == "./.github/actions/verify")
    assert set(used) <= set(action["inputs"])


def test_hooks_run_what_the_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    check = (ROOT / "Makefile").read_text().split("\ncheck:")[1].split("\n\n")[0]
    for hook in hooks:
        tool = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert hook["entry"].split()[1] in TARGETS if tool == "make" else f"$(BIN)/{tool}" in check


def test_fragments_have_a_kind_and_a_sentence() -> None:
    fragments = sorted(path for path in (ROOT / "changes").iterdir() if path.name != "README.md")
    page = (ROOT / "changes" / "README.md").read_text()
    assert KINDS == set(re.findall(r"^\| `(\w+)`", page, re.MULTILINE))
    for fragment in fragments:
        named = re.fullmatch(r"\+[a-z0-9-]+\.(\w+)\.md", fragment.name)
        assert named and named[1] in KINDS, f"{fragment.name}; expected +WHAT.KIND.md"
        assert fragment.read_text().strip().endswith("."), fragment.name


def test_every_version_has_a_date() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings
    for heading in headings:
        assert re.fullmatch(r"(?:Unreleased, since|[\d.]+) \(?\d{4}-\d\d-\d\d\)?", heading), heading
