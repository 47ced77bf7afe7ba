"""The builder of the API reference: every module has its page, and its check finds what a page lacks."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from places import ROOT

SCRIPT = ROOT / "docs" / "api_reference.py"
MODULE = "persistent_topk.reference.plan"


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_reference", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def built(builder: ModuleType, tmp_path: Path) -> Path:
    """A folder with a page for MODULE that lacks nothing, written by hand."""
    page = tmp_path / "persistent_topk" / "reference" / "plan.html"
    page.parent.mkdir(parents=True)
    anchors = "".join(
        f'<p id="{name}">' for name in builder.public_functions(importlib.import_module(MODULE))
    )
    page.write_text(f'{anchors}<a href="../../index.html">all</a><a href="https://x.y">web</a>')
    (tmp_path / "index.html").write_text('<a href="persistent_topk/reference/plan.html#Plan">plan</a>')
    return tmp_path


def test_it_knows_the_modules_that_readers_meet(builder: ModuleType) -> None:
    names = builder.module_names()
    assert len(names) == len(set(names))
    assert {"persistent_topk", "persistent_topk.cuda.gpu", "persistent_topk.verify.targets"} <= set(names)
    assert not any(name.endswith(("__main__", "__init__")) for name in names)


def test_a_whole_page_has_no_fault(builder: ModuleType, built: Path) -> None:
    assert [] == list(builder.faults(built, [MODULE]))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id="make_plan"', "", "lacks make_plan"),
        ('href="../../index.html"', 'href="../nowhere.html"', "links to ../nowhere.html"),
        ('href="../../index.html"', 'href="../../index.html#nothing"', "links to ../../index.html#nothing"),
        ("</a>", "</a><em>2 or 3</em>", "emphasises '2 or 3'"),
    ],
)
def test_a_fault_is_named(builder: ModuleType, built: Path, old: str, new: str, fault: str) -> None:
    page = built / "persistent_topk" / "reference" / "plan.html"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new, 1))
    (found,) = builder.faults(built, [MODULE])
    assert fault in found


def test_a_module_without_a_page_is_named(builder: ModuleType, built: Path) -> None:
    assert ["persistent_topk has no page"] == list(builder.faults(built, ["persistent_topk", MODULE]))


def test_bad_usage_is_told(builder: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert builder.main([]) == 2
    assert "python docs/api_reference.py build/docs" in capsys.readouterr().err
