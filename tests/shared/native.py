"""Small C++ programs that tests build from the kernel's host-readable headers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from places import ROOT

from persistent_topk.cuda import host_compiler
from persistent_topk.cuda.cache import BuildError

SHARED = Path(__file__).parent  # whose C++ files these programs are
KERNEL = ROOT / "cuda" / "kernel"
WARNINGS = ("-std=c++20", "-Wall", "-Wextra", "-Werror")


def compiler() -> tuple[str, ...]:
    """The words of the C++ compiler, CXX or g++; skips the test, saying so, where there is none."""
    try:
        return host_compiler.command()
    except BuildError as error:
        pytest.skip(str(error))


def compile(output: Path, sources: list[Path], *flags: str) -> Path:
    """Build `sources` into `output`; the compiler's words on failure."""
    command = [*compiler(), *WARNINGS, *flags, *map(str, sources), "-o", str(output)]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, f"{' '.join(command)}\n{built.stderr}"
    return output


def supports(flag: str) -> bool:
    """Whether the compiler takes `flag` on this machine."""
    probe = [*compiler(), flag, "-x", "c++", "-fsyntax-only", os.devnull]
    return subprocess.run(probe, capture_output=True).returncode == 0
