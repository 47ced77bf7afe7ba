"""CXX is taken as build systems take it: by nvcc too, in several words, and by the doctor."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from persistent_topk.commands import doctor
from persistent_topk.cuda import build, host_compiler
from persistent_topk.cuda.cache import BuildError
from persistent_topk.cuda.emulator import build as emulator_build

PRETENDER = "#!/bin/sh\necho a compiler called $(basename $0), with $*\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The whole PATH, beside the shell: a compiler and a launcher."""
    for name in ("g++-99", "ccache"):
        (tmp_path / name).write_text(PRETENDER)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


@pytest.mark.parametrize(
    ("cxx", "command", "flags"),
    [
        ("g++-99", ["{}/g++-99"], ["-ccbin", "{}/g++-99"]),
        ("ccache g++-99", ["{}/ccache", "g++-99"], ["-ccbin", "g++-99"]),
        (
            "g++-99 -m64 '-DA=b c'",
            ["{}/g++-99", "-m64", "-DA=b c"],
            ["-ccbin", "{}/g++-99", "-Xcompiler", "-m64", "-Xcompiler", "-DA=b c"],
        ),
    ],
)
def test_cxx_may_have_several_words(
    cxx: str, command: list[str], flags: list[str], tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", cxx)
    assert [word.format(tools) for word in command] == list(host_compiler.command())
    assert [word.format(tools) for word in flags] == host_compiler.flags_for_nvcc()
    assert tuple(word.format(tools) for word in command) == emulator_build.compiler()


def test_without_cxx_nvcc_finds_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    assert [] == host_compiler.flags_for_nvcc()


@pytest.mark.usefixtures("tools")
@pytest.mark.parametrize(
    ("cxx", "words"),
    [
        ("no-such g++", "no C++ compiler 'no-such g++' on the PATH"),
        ("ccache", "CXX is 'ccache'; expected a C++ compiler"),
    ],
)
def test_a_cxx_that_is_none_is_said(cxx: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", cxx)
    with pytest.raises(BuildError, match=re.escape(words)):
        host_compiler.flags_for_nvcc()


def test_the_doctor_asks_what_the_builds_ask(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "emulator", lambda: doctor.Finding("emulator", None, "", "it does not run"))
    monkeypatch.setenv("CXX", "ccache g++-99")
    monkeypatch.setenv("CUDA_HOME", "/nonexistent")
    found = {item.what: item for item in doctor.findings()}
    told = f"a compiler called ccache, with g++-99 --version ({tools}/ccache g++-99)"
    assert told == found["C++ compiler"].found
    assert found["nvcc"].found is None and "CUDA_HOME is /nonexistent" in found["nvcc"].why
    (tools / "bin").mkdir()
    (tools / "bin/nvcc").write_text("#!/bin/sh\necho Cuda compilation tools, release 13.0\n")
    (tools / "bin/nvcc").chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(tools))
    monkeypatch.setenv("CXX", "no-such-compiler")
    found = {item.what: item for item in doctor.findings()}
    assert f"Cuda compilation tools, release 13.0 ({build.find_nvcc()})" == found["nvcc"].found
    assert "no C++ compiler 'no-such-compiler'" in found["C++ compiler"].why
