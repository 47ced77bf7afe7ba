"""A wheel of the package: kernels that were compiled into the tree are in it, compilers' reports are not."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from places import ROOT

from persistent_topk.cuda import build

pytest.importorskip("setuptools")

FIRST_WITH_PEP_639 = 77  # of setuptools
NOT_IN_THE_WHEEL = ("docs/", "notebooks/", "tests/")


def test_the_build_asks_for_a_setuptools_that_reads_its_licence() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert 'license = "Apache-2.0"' in project, "as PEP 639 has it"
    least = re.search(r'requires = \["setuptools>=(\d+)"\]', project)
    assert least is not None and int(least[1]) >= FIRST_WITH_PEP_639


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tracked files, since a wheel is built with folders of its own beside them."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    for name in listed.stdout.splitlines():
        if not name.startswith(NOT_IN_THE_WHEEL) and (ROOT / name).is_file():
            copy = tmp_path / "tree" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy)
    return tmp_path / "tree"


def test_a_wheel_has_the_compiled_kernels_and_no_reports(tree: Path, tmp_path: Path) -> None:
    prebuilt = tree / "cuda" / build.PREBUILT_DIR.name
    prebuilt.mkdir()
    libraries = [build.library_name(arch=arch) for arch in ("sm_90", "sm_100")]
    for name in libraries:
        (prebuilt / name).touch()
        (prebuilt / name).with_suffix(".log").touch()
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(tree)], check=True, timeout=HANG_SECONDS
    )
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        inside = [Path(name).name for name in wheel.namelist() if "/prebuilt/" in name]
        names = wheel.namelist()
        assert "persistent_topk/cuda/host/launch.cu" in names, "no sources to compile for other GPUs"
        assert not [name for name in names if "/tools/" in name], "the maintainers' tools are not for users"
    assert sorted(libraries) == sorted(inside)
