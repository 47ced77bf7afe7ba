"""The layout for Hugging Face's kernels: what build.toml names is there, and is the kernel's own source."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from persistent_topk.cuda.build import CUDA_DIR, INSTANCE_SOURCE, LAUNCH_SOURCE, kernel_headers
from persistent_topk.reference.policy import POLICIES
from persistent_topk.tools import hub

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)
# Of kernel-builder; of compilers other than nvcc, which compile no file that includes it.
NOT_HERE = {"registration.h", "../emulator/dialect.hpp"}
# The keys of edition 5 of the format that this layout uses; kernel-builder refuses any other.
KEYS = {
    "general": {"name", "version", "edition", "license", "backends", "cuda"},
    "torch": {"src", "include", "cxx-flags"},
    "kernel": {"backend", "depends", "include", "cuda-capabilities", "cuda-flags", "src"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hub.write_layout(tmp_path_factory.mktemp("hub") / "layout").parent


@pytest.fixture(scope="module")
def build(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "build.toml").read_text())


def test_the_format_is_that_of_its_edition(build: dict[str, Any]) -> None:
    kernel = build["kernel"]["persistent_topk"]
    found = {"general": set(build["general"]), "torch": set(build["torch"]), "kernel": set(kernel)}
    assert KEYS == found
    assert (5, ["cuda"], "cuda") == (
        build["general"]["edition"],
        build["general"]["backends"],
        kernel["backend"],
    )


def test_every_file_that_is_named_is_there_and_no_other_source(folder: Path, build: dict[str, Any]) -> None:
    named = {*build["torch"]["src"], *build["kernel"]["persistent_topk"]["src"]}
    sources = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in (".cu", ".cuh", ".cpp", ".h")
    }
    assert sources == named


def test_every_include_is_found(folder: Path) -> None:
    places = [folder / "cuda", folder / "cuda" / "host", folder / "torch-ext"]
    for source in folder.rglob("*.*"):
        if source.suffix in (".cu", ".cuh", ".cpp", ".h"):
            for name in set(INCLUDE.findall(source.read_text())) - NOT_HERE:
                assert any((place / name).is_file() for place in (source.parent, *places)), (source, name)


def test_what_a_cpp_compiler_compiles_includes_no_header_of_the_kernel(folder: Path) -> None:
    seen, left = set(), [folder / "torch-ext" / "torch_binding.cpp"]
    while left:
        source = left.pop()
        seen.add(source.name)
        for name in set(INCLUDE.findall(source.read_text())) - NOT_HERE:
            left += [place / name for place in (source.parent, folder / "cuda") if (place / name).is_file()]
    assert {"torch_binding.cpp", "torch_binding.h", "plain_call.h"} == seen


def test_the_sources_are_the_kernels_own(folder: Path) -> None:
    for source in (*kernel_headers(), LAUNCH_SOURCE):
        assert source.read_bytes() == (folder / "cuda" / source.relative_to(CUDA_DIR)).read_bytes()
    instance = folder / "cuda" / "host" / hub.INCLUDED
    assert INSTANCE_SOURCE.read_bytes() == instance.read_bytes()


def test_every_policy_is_compiled_once(folder: Path) -> None:
    defined = [
        re.findall(r"PERSISTENT_TOPK_POLICY (\d+)", path.read_text()) for path in folder.rglob("policy_*.cu")
    ]
    assert [[str(index)] for index in range(len(POLICIES))] == sorted(defined)


def test_a_folder_is_written_afresh(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "old.cu").touch()
    hub.write_layout(tmp_path / "hub")
    assert not (tmp_path / "hub" / "old.cu").exists()
