"""The HTML page: one file, every failure with its story, names that cannot break it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
import wrong_topk

from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.reporting.page import page, write_page
from persistent_topk.verify.reporting.run_facts import facts_of
from persistent_topk.verify.targets.function import FunctionTarget

VOID = {"meta", "link", "br"}


class Checker(HTMLParser):
    """Collects tags and asserts that they close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    target = FunctionTarget("<b>mine</b>", wrong_topk.last_column_ties)
    folder = tmp_path_factory.mktemp("failures")
    return Campaign([target], Options(seconds=1.0, failures=folder)).run()


def test_the_page_is_well_formed_and_needs_no_network(outcome: Outcome, tmp_path: Path) -> None:
    text = write_page(outcome, tmp_path / "report", facts_of()).read_text()
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    for tag, attributes in checker.seen:
        assert tag != "script" or not attributes
        for name in ("src", "href"):
            found = attributes.get(name) or "data:"
            assert found.startswith("data:") or (tag == "a" and ":" not in found and found.endswith(".zip"))
    assert "http" not in text.replace("viewport", "")


def test_every_failure_has_its_story(outcome: Outcome) -> None:
    text = page(outcome, facts_of(), Path())
    causes = outcome.targets["<b>mine</b>"].roots()
    assert text.count("<details") == len(causes) >= 1
    assert text.count("<figure>") == 2 * len(causes)
    assert "breaks lowest-column-ties" in text
    assert "persistent-topk replay" in text and "<svg" in text


def test_names_are_escaped(outcome: Outcome) -> None:
    assert "<b>mine" not in page(outcome, facts_of(), Path())
    assert "&lt;b&gt;mine&lt;/b&gt;" in page(outcome, facts_of(), Path())
