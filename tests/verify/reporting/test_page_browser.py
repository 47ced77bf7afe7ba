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
from persistent_topk.verify.reporting.page import write_page
from persistent_topk.verify.reporting.run_facts import facts_of
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.limits import TargetLimits

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
    return write_page(outcome, folder, facts_of(targets, "persistent-topk verify --seed 3"))


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


def test_the_caption_says_how_to_run_it_again(browser: Browser, page: Path) -> None:
    browser.open(page)
    caption = browser.value("document.querySelector('dl.caption').innerText")
    headings = browser.value("[...document.querySelectorAll('dl.caption dt')].map(d => d.innerText)")
    assert headings == ["source", "versions", "machine", "date", "seed"]
    assert "wrong_topk.py:" in caption and "torch 2" in caption and "cores" in caption
    assert browser.value("document.querySelector('.command code').innerText").startswith("persistent-topk ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDTH, PHONE_WIDTH])
def test_the_values_round_the_threshold_have_axes(
    browser: Browser, page: Path, scheme: str, width: int
) -> None:
    browser.open(page, scheme, width)
    story = "[...document.querySelectorAll('details')].find(d => d.innerText.includes('truncating breaks'))"
    assert browser.value(f"({story}).open = true")
    drawing = f"({story}).querySelector('svg.values')"
    box = browser.value(f"(r => [r.width, r.height])({drawing}.getBoundingClientRect())")
    assert box[0] >= min(300, width - 100) and box[1] > 100
    for part in ("path.axis", "text.of-values", "text.of-places", "circle.right", "circle.others"):
        assert browser.value(f"{drawing}.querySelectorAll('{part}').length") >= 1, part
    ground, text = (
        browser.value(f"getComputedStyle({element}).{style}")
        for element, style in (
            ("document.body", "backgroundColor"),
            (f"{drawing}.querySelector('text')", "fill"),
        )
    )
    assert ground != text
    apart = browser.value(
        f"(all => all.every((one, i) => i === 0 || one.left >= all[i - 1].right))"
        f"([...{drawing}.querySelectorAll('text.of-places:not([transform])')].slice(0, -1)"
        ".map(t => t.getBoundingClientRect()).sort((a, b) => a.left - b.left))"
    )
    assert apart is True, "labels lie on each other"
    sentence = browser.value(f"({story}).querySelector('figure p').innerText")
    assert sentence.startswith("The answer lacks ")


def test_replay_files_are_linked_and_commands_copied(browser: Browser, page: Path) -> None:
    browser.open(page)
    links = browser.value("[...document.querySelectorAll('details a')].map(a => a.getAttribute('href'))")
    assert links and all((page.parent / link).is_file() for link in links)
    command = browser.value("document.querySelector('details .command code').innerText")
    assert command.startswith("persistent-topk replay ")
    assert browser.value("document.querySelector('details button.copy').checkVisibility()") is True
    copied = (
        "window.copied = new Promise(r => document.addEventListener('copy', () => r(getSelection() + '')))"
    )
    browser.value(f"navigator.clipboard.writeText = () => Promise.reject(); {copied}; 1")
    browser.click("details button.copy")
    told = browser.ask("Runtime.evaluate", expression="window.copied", awaitPromise=True, returnByValue=True)
    assert told["result"]["value"].strip() == command
    assert browser.value("document.querySelector('details button.copy').innerText") == "Copied"
    assert browser.complaints == []


def test_a_page_of_agreement_says_what_was_searched(browser: Browser, tmp_path: Path) -> None:
    limits = TargetLimits(ks=(5, 9), max_columns=500, stride_multiple=4)
    target = FunctionTarget("mine:topk", wrong_topk.correct_set, CLAIMS["set"], limits=limits)
    outcome = Campaign([target], Options(seconds=None, cases=60, ks=(5, 9), failures=tmp_path)).run()
    assert outcome.verdict == "agree"
    browser.open(write_page(outcome, tmp_path, facts_of([target])))
    assert browser.value("document.title") == "top-k: agree"
    text = browser.value("document.body.innerText")
    assert "What was searched" in text
    for words in ("k of 5, 9", "columns up to 500", "row strides in multiples of 4", "promises were judged"):
        assert words in text
    assert "Rows by path" not in text, "of our kernel"
