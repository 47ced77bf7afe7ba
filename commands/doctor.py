"""persistent-topk doctor: what this machine has, what it lacks, and what needs it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from typing import NamedTuple

import click

VERSION_SECONDS = 10


class Finding(NamedTuple):
    """what: tool or package. found: its version or place, or None. needed_by: what cannot run without it."""

    what: str
    found: str | None
    needed_by: str


def tool_version(names: tuple[str, ...]) -> str | None:
    """The version line and path of the first of these tools that is on the PATH, or None."""
    for name in names:
        path = shutil.which(name)
        if path is None:
            continue
        try:
            done = subprocess.run(
                [path, "--version"], capture_output=True, text=True, timeout=VERSION_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"{path} --version failed: {error}"
        lines = (done.stdout or done.stderr).strip().splitlines()
        release = next((line for line in lines if "release" in line), lines[0] if lines else "")
        return f"{release.strip()} ({path})"
    return None


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


def emulator() -> str | None:
    """A word on the emulated kernel, or None where it cannot run."""
    from ..verify.targets import TargetUnavailable, resolve

    try:
        resolve("emulator").prepare()
    except TargetUnavailable:
        return None
    return "built and running"


def findings() -> list[Finding]:
    """Every tool and package that a command may use, found or not."""
    import torch

    from ..verify.targets.peers.packages import PACKAGES

    compilers = tuple(filter(None, (os.environ.get("CXX"), "g++")))
    return [
        Finding("Python", f"{platform.python_version()} on {platform.machine()}", ""),
        Finding("torch", torch.__version__, ""),
        Finding("C++ compiler", tool_version(compilers), "the emulated kernel (target emulator)"),
        Finding("emulator", emulator(), "the kernel without a GPU (target emulator)"),
        Finding("GPU", gpu(), "the kernel on a GPU (target gpu), graph-replay, bench"),
        Finding("nvcc", tool_version(("nvcc",)), "compiling the kernel for a GPU"),
        Finding("compute-sanitizer", tool_version(("compute-sanitizer",)), "the GPU's own race checks"),
        *(
            Finding(name, package_version(name), f"the adapter for {what}")
            for name, what in PACKAGES.items()
        ),
    ]


@click.command("doctor")
def command() -> int:
    """Lists compilers, GPU and packages, and what needs those that are missing."""
    from ..verify.reporting.terminal import drawn, terminal
    from ..verify.reporting.view import Cell, Column, Table, Tone

    def row(item: Finding) -> tuple[Cell, ...]:
        found = Cell(item.found) if item.found else Cell("missing", Tone.WARNING)
        return Cell(item.what), found, Cell("" if item.found else item.needed_by)

    headings = ("", "found", "needed for")
    table = Table("", tuple(map(Column, headings)), tuple(map(row, findings())))
    terminal().print(drawn(table))
    return 0
