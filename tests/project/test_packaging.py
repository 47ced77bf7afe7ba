"""What installers get: wheels of one platform where kernels are in them, a source that can be tested."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from places import ROOT

import persistent_topk
from persistent_topk.cuda import build

pytest.importorskip("setuptools")

FIRST_WITH_PEP_639 = 77  # of setuptools
BACKEND = "import setuptools.build_meta as backend, sys; print(getattr(backend, sys.argv[1])(sys.argv[2]))"
REPOSITORY = "https://github.com/persistent-topk/persistent-topk"
PROJECT = (ROOT / "pyproject.toml").read_text()

Built = Callable[[str], Path]


def test_the_build_asks_for_a_setuptools_that_reads_its_licence() -> None:
    assert 'license = "Apache-2.0"' in PROJECT, "as PEP 639 has it"
    least = re.search(r'requires = \["setuptools>=(\d+)"\]', PROJECT)
    assert least is not None and int(least[1]) >= FIRST_WITH_PEP_639


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the tracked files, since a wheel is built with folders of its own beside them."""
    for name in tracked():
        copy = tmp_path / "tree" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy)
    return tmp_path / "tree"


@pytest.fixture
def built(tree: Path, tmp_path: Path) -> Built:
    """What a hook of the build backend, such as build_wheel, makes of the tree."""

    def make(hook: str) -> Path:
        command = [sys.executable, "-c", BACKEND, hook, str(tmp_path)]
        done = subprocess.run(
            command, cwd=tree, capture_output=True, text=True, check=True, timeout=HANG_SECONDS
        )
        return tmp_path / done.stdout.splitlines()[-1]

    return make


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_a_wheel_has_the_compiled_kernels_and_no_reports(tree: Path, built: Built) -> None:
    prebuilt = tree / "cuda" / build.PREBUILT_DIR.name
    prebuilt.mkdir()
    libraries = [build.library_name(arch=arch) for arch in ("sm_90", "sm_100")]
    for name in libraries:
        (prebuilt / name).touch()
        (prebuilt / name).with_suffix(".log").touch()
    wheel = built("build_wheel")
    names = contents(wheel)
    inside = [Path(name).name for name in names if "/prebuilt/" in name]
    assert "persistent_topk/cuda/host/launch.cu" in names, "no sources to compile for other GPUs"
    assert not [name for name in names if "/tools/" in name], "the maintainers' tools are not for users"
    assert sorted(libraries) == sorted(inside)
    python, abi, platform = wheel.stem.split("-")[-3:]
    assert ("py3", "none") == (python, abi)
    assert platform != "any", "libraries of one platform in a wheel for all"


def test_a_wheel_without_compiled_kernels_is_for_every_platform(built: Built) -> None:
    wheel = built("build_wheel")
    assert "py3-none-any" == "-".join(wheel.stem.split("-")[-3:])
    assert "persistent_topk/setup.py" not in contents(wheel)


def test_the_source_distribution_is_the_tree(built: Built) -> None:
    with tarfile.open(built("build_sdist")) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert [] == [name for name in tracked() if name not in inside]
    assert not [name for name in inside if name.endswith((".so", ".pyc")) or name.startswith(".editable")]


def test_an_editable_installation_is_seen_by_type_checkers(tree: Path, built: Built) -> None:
    with zipfile.ZipFile(built("build_editable")) as archive:
        (paths,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith(".pth"))
    (folder,) = paths.split()
    assert (Path(folder) / "persistent_topk" / "py.typed").is_file(), "a finder, where no type checker looks"
    assert (Path(folder) / "persistent_topk").resolve() == tree


def test_every_place_has_the_version() -> None:
    version = persistent_topk.__version__
    assert 'dynamic = ["version"]' in PROJECT and '\nversion = "' not in PROJECT
    for file, pattern in {
        "CITATION.cff": r"^version: (\S+)$",
        "packaging/conda/recipe.yaml": r'^  version: "(\S+)"$',
    }.items():
        found = re.findall(pattern, (ROOT / file).read_text(), flags=re.MULTILINE)
        assert [version] == found, file


@pytest.mark.parametrize(
    "file", ["pyproject.toml", "README.md", "packaging/conda/recipe.yaml", "CITATION.cff"]
)
def test_every_place_names_one_repository(file: str) -> None:
    own = re.findall(r"https://github\.com/[\w.-]*topk[\w.-]*/[\w.-]*", (ROOT / file).read_text())
    assert own and {REPOSITORY} == {address.removesuffix(".git") for address in own}
