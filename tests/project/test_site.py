"""The site of the documents: where links lead, what is generated, and in a browser what a reader sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import WIDTH, Browser, find_browser
from places import ROOT

from persistent_topk.commands.cli import COMMANDS
from persistent_topk.docs.site import assemble, generated

SITE = ROOT / "docs" / "site"
PHONE_WIDTH = 390
pytestmark = pytest.mark.filterwarnings("ignore:.*MystReferenceResolver.app")  # of MyST, for Sphinx
EXECUTABLE = find_browser()
DOCUMENT = """
[a](contract.md#ties) ![b](performance.png) [c](../cuda/gpu.py) [d](https://x.y/z)
[e](https://github.com/persistent-topk/persistent-topk/blob/main/ARCHITECTURE.md) [f](#here)

```
[not](a-link.md)
```
"""


def test_links_lead_to_pages_or_to_the_repository() -> None:
    pages = {"docs/contract.md", "docs/faq.md", "ARCHITECTURE.md"}
    found = assemble.rewritten("docs/faq.md", DOCUMENT, pages)
    assert re.findall(r"\]\((\S+)\)", found) == [
        "contract.md#ties",
        "performance.png",
        assemble.ADDRESS + "cuda/gpu.py",
        "https://x.y/z",
        "architecture.md",
        "#here",
        "a-link.md",
    ]
    assert "(../contract.md#ties)" in assemble.rewritten(
        "docs/how-to/ci.md", "[a](../contract.md#ties)", pages
    )


def test_every_document_is_in_the_navigation() -> None:
    found = [
        path for paths in assemble.navigation((ROOT / assemble.INDEX).read_text()).values() for path in paths
    ]
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    there |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(found) == len(set(found))
    assert there - {assemble.INDEX} <= set(found)


def test_the_command_line_has_every_command_and_option() -> None:
    text = generated.command_line()
    for name in COMMANDS:
        assert f"## `{name}`" in text
    for option in ("`--claim`", "`--device`", "`-x`", "`--lengths`", "`--second-oracle`"):
        assert option in text
    assert "default: 60" in text and "x>=1" in text


def test_parameters_are_told_from_their_docstring() -> None:
    text = "What.\n\na: int32 [R], of b: no. b and c: others,\nover lines. Raises ValueError.\n\nMore."
    said = generated.described(text, ["a", "b", "c"])
    both = "others,\nover lines."
    assert {"a": "int32 [R], of b: no.", "b": both, "c": both} == said
    assert {"d": "With d, e."} == generated.described("First. With d, e. Then d.", ["d"])


def test_every_call_has_its_parameters() -> None:
    text = generated.python()
    for module, names in generated.CALLED.items():
        for name in names:
            assert f"### `{module}.{name}`" in text
    assert re.search(r"\| `page_size` \| `int \\\| None` \| `None` \| \S", text)
    without = [line for line in text.splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert len(without) <= 6, "parameters of which the docstring says nothing by their names"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without the reference of every module, which has tests of its own."""
    for name in ("sphinx", "myst_nb", "furo"):
        pytest.importorskip(name)
    from sphinx.cmd.build import build_main

    folder = tmp_path_factory.mktemp("site")
    assemble.assemble(folder / "pages")
    assert 0 == build_main(
        ["-q", "-W", "-b", "html", "-c", str(SITE), str(folder / "pages"), str(folder / "html")]
    )
    return folder / "html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if EXECUTABLE is None:
        pytest.skip("no Chromium on the PATH or in CHROMIUM")
    opened = Browser(str(EXECUTABLE), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


PAGES = (
    "index.html",
    "readme.html",
    "checker.html",
    "performance.html",
    "reference/python.html",
    "reference/command-line.html",
    "notebooks/04-multi-cta-merge.html",
)
in_one_process = pytest.mark.xdist_group("site")  # one build, one browser


@in_one_process
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDTH, PHONE_WIDTH])
@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_without_a_complaint(
    browser: Browser, site: Path, page: str, width: int, scheme: str
) -> None:
    browser.open(site / page, scheme, width)
    assert browser.complaints == []
    elsewhere = (
        "performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('file:'))"
    )
    assert browser.value(elsewhere) == [], "it needs a network"
    assert browser.value("document.documentElement.scrollWidth <= window.innerWidth") is True
    colour = browser.value("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", colour)[:3])) / 3
    assert brightness > 200 if scheme == "light" else brightness < 60
    assert browser.value("[...document.images].every(i => i.complete && i.naturalWidth > 0)") is True


@in_one_process
def test_the_search_finds_without_a_network(browser: Browser, site: Path) -> None:
    browser.open(site / "search.html")
    browser.value("location.search = '?q=spill'")
    assert browser.awaited("document.querySelectorAll('ul.search li a').length >= 3")
    assert browser.complaints == []


@in_one_process
def test_the_navigation_leads_everywhere(browser: Browser, site: Path) -> None:
    browser.open(site / "index.html")
    links = browser.value(
        "[...document.querySelectorAll('.sidebar-tree a.internal')]"
        ".map(a => a.getAttribute('href').split('#')[0])"
    )
    assert len(links) >= 30
    assert [] == [link for link in links if link and not (site / link).is_file()]
