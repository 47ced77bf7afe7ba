"""The switch between fibers keeps all that a function must preserve, on every processor it is written for."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from emulator_harness import SOURCES

from persistent_topk.cuda.emulator.build import EMULATOR, RUNTIME_FLAGS, compiler

TURNS = "aligned\nabababab"
FILES = [str(SOURCES / "fibers.cpp"), str(EMULATOR / "fiber.cpp")]
CROSS_COMPILER = "aarch64-linux-gnu-g++"
PROCESSOR = "qemu-aarch64"


def told(folder: Path, compile_with: str, *flags: str, run_by: tuple[str, ...] = ()) -> str:
    """What two fibers that take turns print."""
    program = folder / "fibers"
    command = [compile_with, *RUNTIME_FLAGS, *flags, f"-I{EMULATOR}", *FILES, "-o", str(program)]
    subprocess.run(command, check=True, timeout=HANG_SECONDS)
    done = subprocess.run(
        [*run_by, program], capture_output=True, text=True, timeout=HANG_SECONDS, check=True
    )
    return done.stdout


def test_the_switch_of_this_machine_keeps_what_it_must(tmp_path: Path) -> None:
    assert TURNS == told(tmp_path, *compiler())


def test_the_fallback_of_other_processors_keeps_what_it_must(tmp_path: Path) -> None:
    assert TURNS == told(tmp_path, *compiler(), "-DPERSISTENT_TOPK_UCONTEXT")


def test_the_switch_of_aarch64_keeps_what_it_must(tmp_path: Path) -> None:
    missing = [tool for tool in (CROSS_COMPILER, PROCESSOR) if shutil.which(tool) is None]
    if missing:
        packages = "apt-get install g++-aarch64-linux-gnu qemu-user"
        pytest.skip(f"needs {' and '.join(missing)} ({packages})")
    assert TURNS == told(tmp_path, CROSS_COMPILER, "-static", run_by=(PROCESSOR,))
