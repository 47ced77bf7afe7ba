"""Annotations for GitHub Actions: one a broken promise, in the form that a workflow command must have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from places import SHARED

from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode
from persistent_topk.verify.campaign.outcome import Outcome, new_outcome
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.reporting.campaign_view import view_of
from persistent_topk.verify.reporting.github_annotations import escaped, lines_of
from persistent_topk.verify.reporting.run_facts import facts_of

COMMAND = re.compile(r"^::(error|warning) (?:file=[^:,]*,line=\d+,)?title=([^:,]*)::(.*)$")


def told(*arguments: str) -> tuple[int, list[str]]:
    """(exit code, the lines that are workflow commands)."""
    found = CliRunner().invoke(group, ["verify", *arguments], standalone_mode=False)
    return found.return_value, [line for line in found.output.splitlines() if line.startswith("::")]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(SHARED)


def test_a_broken_promise_is_an_error_beside_the_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    code, lines = told("--target", "wrong_topk:by_value", "--cases", "12")
    assert code == ExitCode.MISMATCH
    parts = [COMMAND.match(line) for line in lines]
    assert all(parts), lines
    titles = [part.group(2) for part in parts if part]
    assert "wrong_topk%3Aby_value breaks ascending-order" in titles
    message = next(part.group(3) for part in parts if part and "ascending-order" in part.group(2))
    assert "%0Acase: " in message and "%0Areplay: persistent-topk replay topk-failures/" in message


def test_nothing_is_annotated_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert told("--target", "wrong_topk:by_value", "--cases", "3", "--family", "contents")[1] == []


def titles(outcome: Outcome) -> list[str]:
    return [line.split("::")[1] for line in lines_of(view_of(outcome), facts_of())]


def test_only_what_is_claimed_is_an_error_and_what_is_missing_a_warning() -> None:
    target = new_outcome("a:b", CLAIMS["set"], own=False, on_gpu=False)
    outcome = Outcome(0, {"a:b": target})
    assert titles(outcome) == ["warning title=top-k verified in part"]
    target.properties["nan-first"].failures = 1
    assert not any(title.startswith("error") for title in titles(outcome))
    target.properties["padding"].failures = 1
    assert titles(outcome) == ["error title=a%3Ab breaks padding"]


def test_escapes_can_be_undone() -> None:
    text = "50 % of\r\nthe rows: 1, 2"
    once = escaped(text)
    assert "\n" not in once and "\r" not in once
    assert once.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%") == text
