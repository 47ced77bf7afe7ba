"""Building on first use: what is cached, what processes share, what is said without a compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
from seeded_cache import seed

from persistent_topk.cuda.build import BuildError
from persistent_topk.cuda.emulator import build as emulator_build
from persistent_topk.cuda.emulator.build import TOPK_SOURCE, build_kernel

# One small source, so that a build from nothing stays quick.
SOURCE = """
#include "dialect.hpp"
#include "launch.hpp"
PERSISTENT_TOPK_EXPORT int answer() { return ANSWER; }
"""
BUILD = """
import ctypes, sys
from pathlib import Path
from persistent_topk.cuda.emulator.build import build_kernel
print(ctypes.CDLL(str(build_kernel(Path(sys.argv[1]), ["ANSWER=7"]))).answer())
"""


DEFINES = ("PERSISTENT_TOPK_POLICY=0", "PERSISTENT_TOPK_LOGITS=float")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Its cache has the emulator itself, which takes seconds to compile."""
    folder = tmp_path_factory.mktemp("build")
    seed(folder / "cache", lambda: build_kernel(TOPK_SOURCE, DEFINES))
    return folder


@pytest.fixture
def source(folder, monkeypatch):
    monkeypatch.setenv("PERSISTENT_TOPK_CACHE", str(folder / "cache"))
    path = folder / "answer.cpp"
    path.write_text(SOURCE)
    return path


def left(source):
    """Kinds of files in the cache, beside the locks, which stay."""
    return {path.suffix for path in (source.parent / "cache").iterdir()} - {".lock"}


def test_two_processes_may_build_at_once(source):
    command = [sys.executable, "-c", BUILD, str(source)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate()[0].strip() for process in both] == ["7", "7"]
    assert set() == left(source) - {".o", ".so"}


def test_library_is_cached_by_content(source):
    first = build_kernel(source, ["ANSWER=1"])
    built = first.stat().st_mtime_ns
    assert build_kernel(source, ["ANSWER=1"]) == first
    assert first.stat().st_mtime_ns == built
    assert build_kernel(source, ["ANSWER=2"]) != first
    source.write_text(SOURCE + "// another line\n")
    assert build_kernel(source, ["ANSWER=1"]) != first


def test_an_object_is_of_one_kind_of_host(source, monkeypatch):
    produced = []
    monkeypatch.setattr(emulator_build, "build_once", lambda target, *_: produced.append(target))
    for machine in ("x86_64", "aarch64", "x86_64"):
        monkeypatch.setattr(emulator_build.platform, "machine", lambda kind=machine: kind)
        emulator_build._object("a kernel", source, (), [])
    assert produced[0] != produced[1] and produced[0] == produced[2]


def test_a_cache_that_cannot_be_written_is_told(source, monkeypatch):
    monkeypatch.setenv("PERSISTENT_TOPK_CACHE", "/proc/nope")
    with pytest.raises(BuildError, match="/proc/nope takes no files.*set PERSISTENT_TOPK_CACHE"):
        build_kernel(source, ["ANSWER=1"])


def test_missing_compiler_is_told_with_what_to_install(source, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(BuildError, match=r"no-such-compiler.*apt-get install g\+\+.*CXX"):
        build_kernel(source, ["ANSWER=1"])


def test_another_compiler_is_refused_by_name(source, monkeypatch, tmp_path):
    pretender = tmp_path / "c++"
    pretender.write_text("#!/bin/sh\necho clang version 18.1.0\n")
    pretender.chmod(0o755)
    monkeypatch.setenv("CXX", str(pretender))
    with pytest.raises(BuildError, match="is clang"):
        build_kernel(source)


def test_compiler_error_is_told(source):
    source.write_text("this is no C++")
    with pytest.raises(BuildError, match="answer.cpp"):
        build_kernel(source)
    assert set() == left(source) - {".o", ".so"}
