"""compute-sanitizer: where it is, and one run of it over a program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ...verify.targets.peers.wheels import NotInside, folder_with

NAME = "compute-sanitizer"
TOOL_VARIABLE = "PERSISTENT_TOPK_SANITIZER"
TOOLKIT = Path("/usr/local/cuda/bin") / NAME
MARK = f"{NAME}/{NAME}"  # in the wheel of nvidia-cuda-sanitizer-api
WANTED = "compute-sanitizer of the CUDA toolkit, or the wheel of nvidia-cuda-sanitizer-api"
TIMEOUT_S = 240
FOUND_SOMETHING = 99  # the tool's exit code when it reports an error
FAILED = -1
SHARED_OPTION = "--initcheck-address-space"
NOT_RUN = "not run: "  # and why, in the line of a check that the tool lacks
SHARED_SINCE = "2025.4, in nvidia-cuda-sanitizer-api 13.1"
SUMMARIES = (r"ERROR SUMMARY: (\d+) error", r"RACECHECK SUMMARY: (\d+) hazard")
KEPT_LINES = 40


class NoSanitizer(RuntimeError):
    """There is no compute-sanitizer; the message says where it was looked for."""


@dataclass(frozen=True)
class Tool:
    """One compute-sanitizer. version: its own line. shared: whether initcheck looks at shared memory."""

    path: Path
    version: str
    shared: bool


def find_tool(given: Path | None = None) -> Tool:
    """The tool: `given` (a program, a wheel or a folder), what PERSISTENT_TOPK_SANITIZER names, or the
    toolkit's. Raises NoSanitizer."""
    variable = os.environ.get(TOOL_VARIABLE)
    given = given or (Path(variable) if variable else None)
    if given is None:
        found = shutil.which(NAME)
        path = Path(found) if found else TOOLKIT
    elif given.is_file() and given.suffix != ".whl":
        path = given
    else:
        try:
            path = folder_with(given, MARK) / MARK
        except NotInside as error:
            raise NoSanitizer(f"{error}; expected {WANTED}") from error
    try:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        options = subprocess.run([path, "--help"], capture_output=True, text=True, check=False).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoSanitizer(f"{path} does not run ({error}); expected {WANTED}") from error
    return Tool(path, version.strip().splitlines()[-1], SHARED_OPTION in options)


def errors_in(output: str) -> int | None:
    """The count of the tool's summary line; None if there is none."""
    for pattern in SUMMARIES:
        found = re.search(pattern, output)
        if found:
            return int(found.group(1))
    return None


def run_tool(tool: Tool, options: tuple[str, ...], program: Path, *words: str) -> tuple[int, str]:
    """(errors reported, output); FAILED errors: the tool or the program failed."""
    command = [str(tool.path), *options, "--error-exitcode", str(FOUND_SOMETHING), str(program), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return FAILED, f"ran longer than {TIMEOUT_S} s"
    output = done.stdout + done.stderr
    errors = errors_in(output)
    if errors is None or (done.returncode not in (0, FOUND_SOMETHING) and errors == 0):
        return FAILED, output
    return errors, output


def kept(output: str) -> str:
    """What of a tool's output a record keeps: its first lines."""
    return "\n".join(output.strip().splitlines()[:KEPT_LINES])
