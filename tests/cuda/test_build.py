"""Building the kernel without a compiler for GPUs: names, places, errors; a fake nvcc where one is called."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from clocks import HANG_SECONDS

from persistent_topk.cuda import build
from persistent_topk.cuda.cache import CACHE_VARIABLE, HASH_LENGTH

ARCH = "sm_90"
# Notes each compilation, takes its time, and leaves what it was asked for.
FAKE_NVCC = """#!/bin/sh
[ "$1" = --version ] && { echo "Cuda compilation tools, release $(cat "$0.release")"; exit; }
echo "$*" >> "$0.calls"
sleep "${NVCC_SECONDS:-0}"
for output; do :; done
: > "$output"
"""
BUILD = "from persistent_topk.cuda import build; print(build.build(arch='sm_90'))"


class FakeToolkit:
    """A CUDA_HOME whose nvcc compiles nothing."""

    def __init__(self, home: Path) -> None:
        self.nvcc = home / "bin" / "nvcc"
        self.nvcc.parent.mkdir(parents=True)
        self.nvcc.write_text(FAKE_NVCC)
        self.nvcc.chmod(0o755)
        self.release("13.0, V13.0.88")

    def release(self, text: str) -> None:
        self.nvcc.with_name("nvcc.release").write_text(text)

    @property
    def linked(self) -> int:
        """Libraries that it made."""
        calls = self.nvcc.with_name("nvcc.calls")
        return calls.read_text().count("--shared") if calls.is_file() else 0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(build, "PREBUILT_DIR", tmp_path / "prebuilt")
    return tmp_path / "cache"


@pytest.fixture
def toolkit(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeToolkit:
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "toolkit"))
    return FakeToolkit(tmp_path / "toolkit")


def without_nvcc(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise build.BuildError("no nvcc")

    monkeypatch.setattr(build, "find_nvcc", missing)


def test_a_missing_nvcc_is_said(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    monkeypatch.setattr(build.Path, "is_file", lambda path: False)
    with pytest.raises(build.BuildError, match="install the CUDA toolkit"):
        build.build()


@pytest.mark.parametrize("variable", ["CUDA_HOME", "CUDA_PATH"])
def test_no_toolkit_is_taken_in_place_of_the_one_asked_for(
    variable: str, toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build.build(arch=ARCH)
    monkeypatch.setenv("PATH", str(toolkit.nvcc.parent), prepend=":")
    monkeypatch.delenv("CUDA_HOME")
    monkeypatch.delenv("CUDA_PATH", raising=False)
    assert toolkit.nvcc == build.find_nvcc() and built == build.build(arch=ARCH)
    monkeypatch.setenv(variable, "/nonexistent")
    for refused in (build.find_nvcc, build.build):
        with pytest.raises(build.BuildError, match=f"{variable} is /nonexistent.*unset it to take nvcc"):
            refused()


def test_nvcc_is_given_the_compiler_of_cxx(toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "sh -m64")  # found on every PATH, and never run
    build.build(arch=ARCH)
    calls = toolkit.nvcc.with_name("nvcc.calls").read_text().splitlines()
    assert calls and all("/sh -Xcompiler -m64" in call and "-ccbin /" in call for call in calls)


def test_an_nvcc_that_does_not_run_is_said(toolkit: FakeToolkit) -> None:
    toolkit.nvcc.chmod(0o644)
    with pytest.raises(build.BuildError, match=r"bin/nvcc does not run \(Permission denied\).*CUDA_HOME"):
        build.build()


@pytest.mark.parametrize("place", ["/proc/nope", "a_file/cache"])
def test_a_cache_that_takes_no_files_is_said(
    place: str, toolkit: FakeToolkit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / place))
    with pytest.raises(build.BuildError, match=f"{place}.* takes no files .*set PERSISTENT_TOPK_CACHE"):
        build.build()


def test_the_kernel_hash_is_of_all_its_sources() -> None:
    names = [path.name for path in build.kernel_headers()]
    assert {"persistent.cuh", "ptx.cuh", "order.cuh", "plan.cuh"} <= set(names)
    assert len(build.kernel_hash()) == HASH_LENGTH


def test_the_kernel_hash_is_of_its_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.kernel_hash()
    monkeypatch.setattr(build, "FLAGS", (*build.FLAGS, "-use_fast_math"))
    assert before != build.kernel_hash()


def test_a_library_is_built_once(toolkit: FakeToolkit) -> None:
    library = build.build(arch=ARCH)
    assert library.is_file() and library.with_suffix(".log").is_file()
    assert library == build.build(arch=ARCH) and 1 == toolkit.linked


def test_processes_that_want_the_same_library_build_it_once(
    toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NVCC_SECONDS", "0.2")
    command = [sys.executable, "-c", BUILD]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=HANG_SECONDS)[0].strip() for process in both]
    assert told[0] == told[1] and Path(told[0]).is_file()
    assert 1 == toolkit.linked


def test_another_nvcc_or_kind_of_host_is_another_library(
    toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build.build(arch=ARCH)
    toolkit.release("13.1, V13.1.1")
    upgraded = build.build(arch=ARCH)
    monkeypatch.setattr(build.platform, "machine", lambda: "another")
    assert 3 == len({first, upgraded, build.build(arch=ARCH)}) and 3 == toolkit.linked


def test_a_cached_library_is_used_without_nvcc(toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch) -> None:
    library = build.build(arch=ARCH)
    without_nvcc(monkeypatch)
    assert library == build.build(arch=ARCH)
    with pytest.raises(build.BuildError, match="no nvcc"):
        build.build(arch="sm_80")


def test_prebuilt_libraries_of_several_architectures_are_used_without_nvcc(
    toolkit: FakeToolkit, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == build.main(["--prebuilt", "--arch", "sm_80", "--arch", ARCH])
    without_nvcc(monkeypatch)
    found = [build.build(arch=arch) for arch in ("sm_80", ARCH)]
    assert [str(path) for path in found] == capsys.readouterr().out.split()
    assert {build.PREBUILT_DIR} == {path.parent for path in found}
    monkeypatch.setattr(build.platform, "machine", lambda: "another")
    with pytest.raises(build.BuildError, match="no nvcc"):
        build.build(arch=ARCH)
