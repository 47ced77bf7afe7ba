"""The working folder is for the target alone: its files stand in for no module of the library."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from persistent_topk.verify.cases.case import lay_out
from persistent_topk.verify.cases.values import bits_of
from persistent_topk.verify.targets import TargetUnavailable, resolve
from persistent_topk.verify.targets.user_module import STANDARD_LIBRARY, imported

NAMES_OF_THE_LIBRARY = ("queue", "select", "random", "signal", "profile", "token", "code")
WRONG = "raise SystemExit('this file is not the library')\n"
TOPK = """
import torch
from sibling import PADDING
def topk(logits, lengths, k):
    indices = torch.full((len(logits), k), PADDING, dtype=torch.int32)
    indices[:, 0] = logits.argmax(dim=1)
    return indices
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "sibling.py").write_text("PADDING = -1\n")
    return tmp_path


def answer(name: str) -> list[list[int]]:
    target = resolve(name)
    target.prepare()
    try:
        return target.call(lay_out([bits_of(np.array([1.0, 3.0, 2.0]))], 2), 0, "").indices.tolist()
    finally:
        target.close()


def test_files_called_like_the_librarys_disturb_nobody(folder: Path) -> None:
    for name in NAMES_OF_THE_LIBRARY:
        (folder / f"{name}.py").write_text(WRONG)
    (folder / "mine.py").write_text(TOPK + "import profile, queue, select, signal\n")
    assert answer("mine:topk") == [[1, -1]]


@pytest.mark.parametrize("name", ["queue", "test", "select"])
def test_a_target_may_be_called_like_one_of_the_library(name: str, folder: Path) -> None:
    (folder / f"{name}.py").write_text(TOPK)
    assert answer(f"{name}:topk") == [[1, -1]]


def test_packages_of_the_folder_are_found(folder: Path) -> None:
    (folder / "kernels").mkdir()
    (folder / "kernels/__init__.py").touch()
    (folder / "kernels/top.py").write_text(TOPK)
    assert answer("kernels.top:topk") == [[1, -1]]


def test_the_folder_stands_behind_the_library_and_before_packages(folder: Path) -> None:
    sys.path.insert(0, str(folder))
    imported("sibling")
    places = [place for place in sys.path if place != ""]
    at = places.index(str(folder))
    assert places.index(str(STANDARD_LIBRARY)) < at
    assert all(at < places.index(place) for place in places if place.endswith("site-packages"))
    del sys.modules["sibling"]


def test_a_module_that_fails_is_not_kept(folder: Path) -> None:
    (folder / "broken_here.py").write_text("1 // 0\n")
    with pytest.raises(ZeroDivisionError):
        imported("broken_here")
    assert "broken_here" not in sys.modules
    with pytest.raises(TargetUnavailable, match="ZeroDivisionError"):
        resolve("broken_here:topk").prepare()
