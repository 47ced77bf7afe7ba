"""The HTML page: one file, every failure with its story, names that cannot break it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest
import wrong_topk

from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.campaign.outcome import Outcome
from persistent_topk.verify.reporting.campaign_view import view_of
from persistent_topk.verify.reporting.page import page, write_page
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
    text = write_page(view_of(outcome), tmp_path / "report").read_text()
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    for tag, attributes in checker.seen:
        assert tag != "script"
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert "http" not in text.replace("viewport", "")


def test_every_failure_has_its_story(outcome: Outcome) -> None:
    text = page(view_of(outcome))
    broken = [item for item in outcome.targets["<b>mine</b>"].properties.values() if item.failures]
    assert text.count("<details") == len(broken) >= 1
    assert text.count("<figure>") == len(broken)
    assert "breaks lowest-column-ties" in text
    assert "persistent-topk replay" in text and "<svg" in text


def test_names_are_escaped(outcome: Outcome) -> None:
    assert "<b>mine" not in page(view_of(outcome))
    assert "&lt;b&gt;mine&lt;/b&gt;" in page(view_of(outcome))
