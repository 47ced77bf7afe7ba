"""The pages of the reference: every exit code, environment variable and key of the JSON that there is."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from places import ROOT

from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.targets import resolve

PAGES = ROOT / "docs" / "reference"
VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|RANK|CXX")


def read_variables() -> set[str]:
    """What the package reads from the environment: words in capitals in files that read any."""
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    found = set()
    for name in listed.stdout.splitlines():
        file = ROOT / name
        if name.startswith(("tests/", "docs/", "notebooks/")) or not file.is_file():
            continue
        text = file.read_text()
        if "os.environ" in text:
            constants = [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
            found |= {word for word in constants if isinstance(word, str) and VARIABLE.fullmatch(word)}
    return {name for name in found if not hasattr(os, name)}


def test_every_variable_is_on_its_page() -> None:
    page = (PAGES / "environment.md").read_text()
    assert {"CXX", "PERSISTENT_TOPK_CACHE", "RANK"} <= read_variables()
    assert [] == sorted(name for name in read_variables() if f"`{name}`" not in page)


@pytest.mark.parametrize("code", ExitCode)
def test_every_exit_code_is_on_its_page(code: ExitCode) -> None:
    assert f"\n| {int(code)} | " in (PAGES / "exit-codes.md").read_text()


def test_a_verdict_is_as_its_schema_says(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((PAGES / "verdict.schema.json").read_text())
    outcome = Campaign([resolve("torch.topk")], Options(seconds=None, cases=30, failures=tmp_path)).run()
    verdict = json.loads(json.dumps(outcome.as_json()))
    jsonschema.validate(verdict, schema)
    assert set(verdict) <= set(schema["properties"]), "a key that the schema does not describe"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**verdict, "verdict": "fine"}, schema)
