"""Runs compute-sanitizer's four tools over every path, each first shown to catch a planted bug.

python -m persistent_topk.cuda.sanitizer [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ..build import CUDA_DIR, KERNEL_UNITS, Unit, build, kernel_hash
from ..library import arch_of

EXIT_AGREE, EXIT_MISMATCH, EXIT_CANNOT_RUN = 0, 1, 3
SOURCE = CUDA_DIR / "sanitizer" / "workload.cu"
POLICIES = ("small", "tiny")
TIMEOUT_S = 240
FOUND_SOMETHING = 99  # the tool's exit code when it reports an error
SHARED_OPTION = "--initcheck-address-space"
SUMMARIES = (r"ERROR SUMMARY: (\d+) error", r"RACECHECK SUMMARY: (\d+) hazard")


@dataclass(frozen=True)
class Check:
    """A tool with its options, and the planted bug that it must catch."""

    name: str
    options: tuple[str, ...]
    bug: str


CHECKS = (
    Check("memcheck", ("--tool", "memcheck"), "out-of-bounds"),
    Check("racecheck", ("--tool", "racecheck"), "race"),
    Check("initcheck", ("--tool", "initcheck"), "uninitialised"),
    Check("initcheck, shared", ("--tool", "initcheck", SHARED_OPTION, "shared"), "uninitialised-shared"),
    Check("synccheck", ("--tool", "synccheck"), "barrier"),
)


@dataclass
class Outcome:
    """Of one check. caught: the planted bug was reported. errors: reported over the real kernel."""

    tool: str
    caught: bool
    errors: int
    policies: tuple[str, ...]
    seconds: float
    note: str = ""

    @property
    def clean(self) -> bool:
        return self.caught and self.errors == 0


def errors_in(output: str) -> int | None:
    """The count of the tool's summary line; None if there is none."""
    for pattern in SUMMARIES:
        found = re.search(pattern, output)
        if found:
            return int(found.group(1))
    return None


def run_tool(tool: str, check: Check, program: Path, *words: str) -> tuple[int, str]:
    """(errors reported, output); errors of -1: the tool or the program failed."""
    command = [tool, *check.options, "--error-exitcode", str(FOUND_SOMETHING), str(program), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return -1, f"ran longer than {TIMEOUT_S} s"
    output = done.stdout + done.stderr
    errors = errors_in(output)
    if errors is None or (done.returncode not in (0, FOUND_SOMETHING) and errors == 0):
        return -1, output
    return errors, output


def run_check(tool: str, check: Check, program: Path, help_text: str) -> Outcome:
    """The planted bug first, then every path under the small policies."""
    if SHARED_OPTION in check.options and SHARED_OPTION not in help_text:
        return Outcome(check.name, False, 0, (), 0.0, "this version does not look at shared memory")
    began = time.monotonic()
    planted, output = run_tool(tool, check, program, "plant", check.bug)
    if planted <= 0:
        return Outcome(check.name, False, 0, (), time.monotonic() - began, last_lines(output))
    total, note = 0, ""
    for policy in POLICIES:
        errors, output = run_tool(tool, check, program, "clean", policy)
        total += abs(errors)
        note = note or (last_lines(output) if errors else "")
    return Outcome(check.name, True, total, POLICIES, round(time.monotonic() - began, 1), note)


def last_lines(output: str, count: int = 40) -> str:
    """What of a tool's output is kept: its first `count` lines."""
    return "\n".join(output.strip().splitlines()[:count])


def run_all() -> dict[str, object]:
    """The record: tools, versions, GPU, the kernel's hash and every outcome."""
    tool = shutil.which("compute-sanitizer") or "/usr/local/cuda/bin/compute-sanitizer"
    version = subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout
    help_text = subprocess.run([tool, "--help"], capture_output=True, text=True, check=False).stdout
    program = build((Unit(SOURCE), *KERNEL_UNITS), arch_of(0), program=True)
    outcomes = []
    for check in CHECKS:
        outcome = run_check(tool, check, program, help_text)
        outcomes.append(outcome)
        print(line(outcome), flush=True)
    return {
        "kernel": kernel_hash(),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "gpu": torch.cuda.get_device_name(0),
        "sanitizer": version.strip().splitlines()[-1],
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }


def line(outcome: Outcome) -> str:
    """One line of the table."""
    control = "caught" if outcome.caught else "not caught"
    text = (
        f"{outcome.tool:<18} planted bug {control:<10} errors {outcome.errors:>3}  {outcome.seconds:6.1f} s"
    )
    return f"{text}\n{outcome.note}" if outcome.note else text


def main(arguments: list[str] | None = None) -> int:
    """Runs all checks; 0 if each catches its bug and finds none in the kernel."""
    parser = argparse.ArgumentParser(prog="python -m persistent_topk.cuda.sanitizer", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print("the sanitizers need a CUDA device; torch sees none", file=sys.stderr)
        return EXIT_CANNOT_RUN
    try:
        record = run_all()
    except FileNotFoundError as error:
        print(f"{error}: install compute-sanitizer of the CUDA toolkit", file=sys.stderr)
        return EXIT_CANNOT_RUN
    if options.json:
        options.json.write_text(json.dumps(record, indent=1) + "\n")
    outcomes = record["outcomes"]
    assert isinstance(outcomes, list)
    ran = [
        outcome
        for outcome in outcomes
        if outcome["policies"] or not outcome["note"].startswith("this version")
    ]
    return (
        EXIT_AGREE if all(outcome["caught"] and not outcome["errors"] for outcome in ran) else EXIT_MISMATCH
    )


if __name__ == "__main__":
    sys.exit(main())
