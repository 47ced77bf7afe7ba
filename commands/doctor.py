"""persistent-topk doctor: what this machine has, what it lacks, and what needs it."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

import click

from .. import __version__
from ..long_work import long_work

VERSION_SECONDS = 10
MEGABYTE = 1e6  # bytes


class Finding(NamedTuple):
    """what: tool or package. found: its version or place, or None. needed_by: what cannot run without it.
    why: the reason that it cannot be used, where more is known than that it is missing."""

    what: str
    found: str | None
    needed_by: str
    why: str = ""


def answer_of(command: Sequence[str]) -> str:
    """The version line of a tool, and the command."""
    try:
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(command)} --version failed: {error}"
    lines = (done.stdout or done.stderr).strip().splitlines()
    release = next((line for line in lines if "release" in line), lines[0] if lines else "")
    return f"{release.strip()} ({' '.join(command)})"


def tool(name: str, needed_by: str) -> Finding:
    """A tool that is looked for on the PATH."""
    path = shutil.which(name)
    return Finding(name, None if path is None else answer_of([path]), needed_by)


def tool_of_builds(what: str, find: Callable[[], Sequence[str]], needed_by: str) -> Finding:
    """A tool that builds look for: `find` gives the command that they would use, or raises BuildError."""
    from ..cuda.cache import BuildError

    try:
        return Finding(what, answer_of(find()), needed_by)
    except BuildError as error:
        return Finding(what, None, needed_by, str(error))


def package_version(name: str) -> str | None:
    """The version of a package from its metadata, or None; "installed" for one without metadata."""
    from importlib import metadata

    try:
        if importlib.util.find_spec(name) is None:
            return None
    except (ImportError, ValueError):
        return None
    try:
        return metadata.version(name.split(".")[0].replace("_", "-"))
    except metadata.PackageNotFoundError:
        return "installed"


def gpu() -> str | None:
    """The name and compute capability of the GPU that torch uses, or None."""
    import torch

    if not torch.cuda.is_available():
        return None
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()}, sm_{major}{minor}"


def cache() -> Finding:
    """Where compiled code is kept, and how much there is."""
    from ..cuda.cache import BuildError, cache_dir

    try:
        folder = cache_dir()
        with long_work(f"measuring {folder}"):
            sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    except (BuildError, OSError) as error:
        return Finding("cache", None, "what is compiled on first use", str(error))
    return Finding("cache", f"{folder}: {sum(sizes) / MEGABYTE:.0f} MB in {len(sizes)} files", "")


def emulator() -> Finding:
    """Whether the emulated kernel runs, which is compiled for that."""
    from ..verify.targets import TargetUnavailable, resolve

    what, needed_by = "emulator", "the kernel without a GPU (target emulator)"
    try:
        with long_work("loading the emulated kernel"):
            resolve("emulator").prepare()
    except TargetUnavailable as error:
        return Finding(what, None, needed_by, str(error))
    return Finding(what, "built and running", needed_by)


def findings() -> list[Finding]:
    """Every tool and package that a command may use, found or not."""
    with long_work("loading torch"):
        import torch

    from ..cuda.build import find_nvcc, kernel_hash
    from ..cuda.emulator.build import compiler
    from ..verify.targets.peers.packages import PACKAGES

    return [
        Finding("persistent-topk", __version__, ""),
        Finding("kernel", f"{kernel_hash()}, the hash of its sources", ""),
        Finding("Python", f"{platform.python_version()} on {platform.machine()}", ""),
        Finding("torch", torch.__version__, ""),
        tool_of_builds("C++ compiler", compiler, "the emulated kernel (target emulator)"),
        emulator(),
        cache(),
        Finding("GPU", gpu(), "the kernel on a GPU (target gpu), graph-replay, bench"),
        tool_of_builds("nvcc", lambda: [str(find_nvcc())], "compiling the kernel for a GPU"),
        tool("compute-sanitizer", "the GPU's own race checks"),
        *(Finding(name, package_version(name), f"the adapter for {what}") for name, what in PACKAGES.items()),
    ]


@click.command("doctor")
def command() -> int:
    """Lists compilers, GPU and packages, and what needs those that are missing."""
    from ..verify.reporting.terminal import drawn, terminal
    from ..verify.reporting.view import Cell, Column, Table, Tone

    def row(item: Finding) -> tuple[Cell, ...]:
        missing = f"missing: {item.why}" if item.why else "missing"
        found = Cell(item.found) if item.found else Cell(missing, Tone.WARNING)
        return Cell(item.what), found, Cell("" if item.found else item.needed_by)

    headings = ("", "found", "needed for")
    table = Table("", tuple(map(Column, headings)), tuple(map(row, findings())))
    terminal().print(drawn(table))
    return 0
