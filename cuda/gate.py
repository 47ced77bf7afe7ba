"""The gate on a GPU, as one command: build, tests, soak, sanitizers; a table, and records as JSON.

    pip install --no-build-isolation --no-deps -e .
    python -m persistent_topk.cuda.gate --records FOLDER

Nothing is installed or fetched. Each step is a process of its own, so that one that dies fails alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import torch

from ..reference.policy import POLICIES, SHIPPED
from . import library
from .build import build
from .environment import environment
from .records import RECORDS_DIR, ROOT, write_record

EXIT_AGREE, EXIT_MISMATCH, EXIT_USAGE, EXIT_CANNOT_RUN = 0, 1, 2, 3
TEST_TIMEOUT_S = 540
MOST_LINES = 40
TEST_OPTIONS = ("-q", "--maxfail=20", "-p", "no:cacheprovider", "--confcutdir=tests", "--durations=8")

Found = dict[str, Any]


def run(words: list[str], timeout_s: float) -> tuple[int, str]:
    """(exit code, output) of a Python module or file in the repository; printed as it ends."""
    command = [sys.executable, *words]
    try:
        done = subprocess.run(
            command, cwd=ROOT, text=True, timeout=timeout_s, check=False, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        output = (
            error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        )
        return EXIT_CANNOT_RUN, f"{output}\nran longer than {timeout_s:g} s: {' '.join(words)}"
    return done.returncode, done.stdout


def gate_build(options: argparse.Namespace, folder: Path) -> Found:
    """Compiles the library and reads registers and spills from it."""
    began = time.monotonic()
    path = build(arch=library.arch_of(0))
    seconds = time.monotonic() - began
    lines = [f"built in {seconds:.1f} s: {path.name}"]
    spills = 0
    for policy in POLICIES.values():
        registers, local_bytes = library.usage(policy, tracing=False, device=0)
        spills += local_bytes if policy in SHIPPED else 0
        lines.append(f"{policy.name:<12} {registers:>4} registers, {local_bytes:>4} bytes of local memory")
    return {"ok": spills == 0, "seconds": seconds, "lines": lines}


def gate_tests(options: argparse.Namespace, folder: Path) -> Found:
    """Every test that is marked gpu."""
    report = folder / "junit.xml"
    marks = ["-m", "gpu", "tests", f"--junitxml={report}"]
    code, output = run(["-m", "pytest", *TEST_OPTIONS, *marks], options.test_seconds)
    print(output)
    if not report.is_file():
        return {"ok": False, "lines": output.splitlines()[-MOST_LINES:]}
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    names = ("tests", "failures", "errors", "skipped")
    counts = {name: int(suite.get(name, 0)) for name in names}
    line = ", ".join(f"{count} {name}" for name, count in counts.items())
    reasons = sorted({skip.get("message", "") for skip in suite.iter("skipped")})
    lines = [f"{line}, {float(suite.get('time', 0)):.0f} s", *(f"skipped: {reason}" for reason in reasons)]
    ran = counts["tests"] - counts["skipped"]
    return {"ok": code == 0 and ran > 0, **counts, "lines": lines}


def gate_soak(options: argparse.Namespace, folder: Path) -> Found:
    """Rows by the million; the goals are in verify/soak."""
    words = [
        "--folder",
        str(options.records / "soak"),
        "--seconds",
        str(options.soak_seconds),
        "--seed",
        str(options.seed),
    ]
    code, output = run(["-m", "persistent_topk.verify.soak", *words], 3 * options.soak_seconds + 120)
    print(output)
    return {"ok": code == EXIT_AGREE, "lines": output.strip().splitlines()[:MOST_LINES]}


def gate_sanitizers(options: argparse.Namespace, folder: Path) -> Found:
    """compute-sanitizer's tools over every path under the small policies."""
    report = folder / "sanitizers.json"
    code, output = run(["-m", "persistent_topk.cuda.sanitizer", "--json", str(report)], TEST_TIMEOUT_S)
    print(output)
    found = json.loads(report.read_text()) if report.is_file() else {}
    lines = [str(found.get("sanitizer", "")), *output.strip().splitlines()[:MOST_LINES]]
    return {"ok": code == EXIT_AGREE, "outcomes": found.get("outcomes", []), "lines": lines}


STEPS: dict[str, Callable[[argparse.Namespace, Path], Found]] = {
    "build": gate_build,
    "tests": gate_tests,
    "soak": gate_soak,
    "sanitizers": gate_sanitizers,
}


def record_vectors(folder: Path) -> None:
    """The answers of this GPU's intrinsics, for tests/vectors."""
    code, output = run(["-m", "persistent_topk.cuda.intrinsics.record", str(folder / "intrinsics.npz")], 120)
    print(output if code else f"intrinsics recorded in {folder / 'intrinsics.npz'}")


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; exits with 2 where it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m persistent_topk.cuda.gate", description=__doc__)
    parser.add_argument("--records", type=Path, default=RECORDS_DIR, metavar="FOLDER")
    parser.add_argument("--only", action="append", choices=list(STEPS), help="repeat; default: all steps")
    parser.add_argument("--vectors", action="store_true", help="also record the intrinsics into the folder")
    parser.add_argument("--soak-seconds", type=float, default=450.0, help="of each soak stage")
    parser.add_argument("--test-seconds", type=float, default=TEST_TIMEOUT_S)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs the steps and writes their records; 0 if all are clean."""
    options = parse(arguments)
    if not torch.cuda.is_available():
        print("the gate needs a CUDA device; torch sees none", file=sys.stderr)
        return EXIT_CANNOT_RUN
    verdicts = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.only or STEPS:
            began = time.monotonic()
            try:
                found = STEPS[name](options, Path(folder))
            except (RuntimeError, OSError) as error:  # a step that cannot run has failed; the others run
                found = {"ok": False, "lines": [f"{type(error).__name__}: {error}"]}
            verdicts[name] = (found["ok"], time.monotonic() - began, found["lines"])
            write_record(options.records, name, environment(), found)
    if options.vectors:
        record_vectors(options.records)
    for name, (ok, seconds, lines) in verdicts.items():
        print(f"{name:<11} {'ok' if ok else 'FAILED':<7} {seconds:6.1f} s  {lines[0] if lines else ''}")
    return EXIT_AGREE if all(ok for ok, _, _ in verdicts.values()) else EXIT_MISMATCH


if __name__ == "__main__":
    sys.exit(main())
