"""The HTML page in a real browser: no complaint, sections that unfold, pictures that are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import wrong_topk
from browser import WIDTH, Browser, find_browser

from persistent_topk.verify.campaign import budget
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.properties import CLAIMS
from persistent_topk.verify.reporting.campaign_view import view_of
from persistent_topk.verify.reporting.page import write_page
from persistent_topk.verify.targets.function import FunctionTarget

EXECUTABLE = find_browser()
CASES = 40
PHONE_WIDTH = 390
PNG = b"\x89PNG\r\n"
pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="no Chromium on the PATH or in CHROMIUM")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    targets = [
        FunctionTarget("<mine> & 'yours'", wrong_topk.last_column_ties, CLAIMS["contract"]),
        FunctionTarget("others", wrong_topk.by_value, CLAIMS["set"]),
        FunctionTarget("truncating", wrong_topk.truncated_buffer, CLAIMS["set"]),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget, "SHRINK_SECONDS", 0.5)
        outcome = Campaign(targets, Options(seconds=None, cases=CASES, failures=folder)).run()
    assert outcome.targets["truncating"].failing()
    return write_page(view_of(outcome), folder)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    opened = Browser(str(EXECUTABLE), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_without_a_complaint(browser: Browser, page: Path, scheme: str, tmp_path: Path) -> None:
    browser.open(page, scheme)
    assert browser.complaints == []
    assert browser.value("document.title") == "top-k: mismatch"
    assert browser.value("performance.getEntriesByType('resource').length") == 0
    picture = tmp_path / f"{scheme}.png"
    browser.picture(picture)
    assert picture.read_bytes().startswith(PNG)
    ground = browser.value("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, ground.removeprefix("rgb(").rstrip(")").split(", "))) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60


def test_the_browser_would_complain(browser: Browser, tmp_path: Path) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text("<script>throw new Error('planted')</script><img src='file:///no/such.png'>")
    browser.open(broken)
    browser.value("1")
    assert any("planted" in told for told in browser.complaints)
    browser.complaints.clear()


def test_failures_unfold_and_fold(browser: Browser, page: Path) -> None:
    browser.open(page)
    sections = browser.value("document.querySelectorAll('details').length")
    assert sections >= 3
    assert browser.value("document.querySelectorAll('details[open]').length") == 1
    for number in range(2, sections + 1):
        section = f"details:nth-of-type({number})"
        shown = f"document.querySelector('{section} dl').checkVisibility()"
        assert browser.value(shown) is False
        browser.click(f"{section} > summary")
        assert browser.value(f"document.querySelector('{section}').open") is True
        assert browser.value(shown) is True
    browser.click("details > summary")
    assert browser.value("document.querySelector('details').open") is False


def test_the_wrong_columns_are_drawn(browser: Browser, page: Path) -> None:
    browser.open(page)
    story = "[...document.querySelectorAll('details')].find(d => d.innerText.includes('truncating breaks'))"
    assert browser.value(f"({story}).open = true")
    lanes = browser.value(
        f"[...({story}).querySelectorAll('svg')].map(s => [s.querySelector('rect')?.getAttribute('class'), "
        "s.getBoundingClientRect().width, s.getBoundingClientRect().height])"
    )
    drawn = {kind: (width, height) for kind, width, height in lanes}
    assert "missing" in drawn
    assert all(width > 300 and height > 10 for width, height in drawn.values())


@pytest.mark.parametrize("width", [WIDTH, PHONE_WIDTH])
def test_nothing_sticks_out(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.value("window.innerWidth") == width
    browser.value("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth") is True
