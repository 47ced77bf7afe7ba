"""The steps of the gate. Each runs in processes of its own and returns what it found."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from ..cuda.build import FIRST_USE_SECONDS, cached, library_name, rebuild
from ..verify.reporting.record import Found
from ..verify.targets.peers.cub_library import HEADERS_VARIABLE
from . import spills
from .records import ROOT, gpu_tests

TIMED_OUT = 124
FIGURES = "figures"  # the key of what a record keeps beside the result of its step
BENCH_FIGURES = ("environment", "seed", "summary", "missing_peers", "stopped", "cells")
CLI = ("-m", "persistent_topk.commands.cli")
MOST_LINES = 40
MOST_FAILURES = 20
TEST_OPTIONS = ("-q", "--maxfail=20", "-p", "no:cacheprovider", "--confcutdir=tests", "--durations=8")
SANITIZER_SECONDS = 540.0
BENCH_SECONDS = 540.0
SPARE_SECONDS = 120.0  # around what a step is given: imports, builds, its last batch
STAGES = 2  # of the soak


@dataclass(frozen=True)
class Options:
    """Options of the gate.

    records: the folder of records and replay files. scratch: a folder for files that are not kept. cccl: the
    headers of CUB, for a second oracle and a peer. sanitizer: another compute-sanitizer. Seconds bound one
    step.
    """

    records: Path
    scratch: Path
    seed: int = 1
    test_seconds: float = 540.0
    campaign_seconds: float = 60.0
    soak_seconds: float = 450.0
    repeat: int = 3
    cccl: Path | None = None
    sanitizer: Path | None = None


def run(words: list[str], timeout_s: float, variables: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs a Python module in the repository and returns (exit code, output).

    The exit code is TIMED_OUT if the module ran longer than timeout_s seconds. variables: environment
    variables beside ours. The output also goes to the terminal as it comes.
    """
    process = subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, **(variables or {})},
    )
    assert process.stdout is not None
    too_long = threading.Event()

    def end() -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and all that it started

    def stop() -> None:
        too_long.set()
        end()

    timer = threading.Timer(timeout_s, stop)
    timer.start()
    printed = []
    try:
        for text in process.stdout:
            print(text, end="", flush=True)
            printed.append(text)
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            end()
    if too_long.is_set():
        return TIMED_OUT, "".join([*printed, f"ran longer than {timeout_s:g} s: {' '.join(words)}\n"])
    return code, "".join(printed)


def last(output: str) -> list[str]:
    """The last lines of a step's output, which its record keeps."""
    return output.rstrip().splitlines()[-MOST_LINES:]


def unreported(code: int, output: str) -> Found:
    """The result of a step that left no report: how it ended, then its last lines."""
    words = last(output)
    return {"ok": False, "lines": [f"no report, exit code {code}: {''.join(words[-1:])}", *words]}


def read(report: Path) -> Found:
    """The JSON that a step wrote. Empty if it wrote none."""
    return dict(json.loads(report.read_text())) if report.is_file() else {}


def step_build(options: Options) -> Found:
    """Compiles the kernel as a first use does, whatever the cache holds; then reads registers and spills for
    every architecture from the assembler's reports."""
    began = time.monotonic()
    rebuild(cached(library_name(arch=spills.TUNED)), spills.TUNED)
    seconds = time.monotonic() - began
    usages = spills.report()
    found = spills.found(usages)
    defects = sum(usage.counts and usage.spills > 0 for usage in usages)
    head = (
        f"{spills.TUNED} compiled in {seconds:.1f} s of {FIRST_USE_SECONDS:g}, "
        f"{defects} of its shipped kernels spill"
    )
    return {
        **found,
        "ok": found["ok"] and seconds <= FIRST_USE_SECONDS,
        "seconds": round(seconds, 1),
        "lines": [head, *found["lines"]],
    }


def failures_in(suite: ElementTree.Element) -> list[str]:
    """Name and first line of each test that failed."""
    found = []
    for case in suite.iter("testcase"):
        for kind in ("failure", "error"):
            broken = case.find(kind)
            if broken is not None:
                message = (broken.get("message") or broken.text or "").strip().splitlines()
                name = f"{case.get('classname', '')}::{case.get('name', '')}"
                found.append(f"FAILED {name}: {message[0] if message else kind}")
    return found


def step_tests(options: Options) -> Found:
    """Runs every test in tests/gpu. Tests of CUB need its headers."""
    report = options.scratch / "junit.xml"
    marks = ["-m", "gpu", "tests/gpu", f"--junitxml={report}"]
    variables = {HEADERS_VARIABLE: str(options.cccl)} if options.cccl else {}
    code, output = run(["-m", "pytest", *TEST_OPTIONS, *marks], options.test_seconds, variables)
    if not report.is_file():
        return unreported(code, output)
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    ran = counts["tests"] - counts["skipped"]
    passed = ran - counts["failures"] - counts["errors"]
    failed = failures_in(suite)
    reasons = sorted({skip.get("message", "") for skip in suite.iter("skipped")})
    seconds = float(suite.get("time", 0))
    head = f"{passed} passed, {ran - passed} failed, {counts['skipped']} skipped, {seconds:.0f} s"
    lines = [head, *failed[:MOST_FAILURES], *(f"skipped: {reason}" for reason in reasons)]
    kept = {**counts, "passed": passed, "failed": failed, "files": gpu_tests()}
    return {"ok": code == 0 and ran > 0, **kept, "lines": lines}


def step_campaign(options: Options) -> Found:
    """Puts the families of cases to the kernel on the GPU, and judges outputs, traces and every property."""
    report = options.scratch / "campaign.json"
    words = [*CLI, "verify", "--target", "gpu", "--json", str(report)]
    words += ["--seconds", str(options.campaign_seconds), "--seed", str(options.seed)]
    words += ["--failures", str(options.records / "failures")]
    code, output = run(words, options.campaign_seconds + SPARE_SECONDS)
    result = read(report)
    if not result:
        return unreported(code, output)
    properties = result["targets"].get("gpu", {}).get("properties", {})
    lines = [
        f"{result['verdict']}: {result['rows']} rows in {result['cases']} cases, {result['seconds']:.0f} s"
    ]
    lines += [f"{name:<20} {item['verdict']}, {item['cases']} cases" for name, item in properties.items()]
    kept = {name: result[name] for name in ("verdict", "cases", "rows", "seed", "paths", "shipped_paths")}
    return {"ok": code == 0, **kept, "properties": properties, "lines": lines}


def step_soak(options: Options) -> Found:
    """Soaks the kernel from the first row on, since a record is of one run. verify/soak has the goals."""
    report = options.scratch / "soak.json"
    words = [*CLI, "soak", "--folder", str(options.scratch / "soak")]
    words += ["--seconds", str(options.soak_seconds), "--seed", str(options.seed), "--json", str(report)]
    if options.cccl:
        words += ["--second-oracle", "cub", "--cccl", str(options.cccl)]
    code, output = run(words, STAGES * options.soak_seconds + SPARE_SECONDS)
    result = read(report)
    if not result:
        return unreported(code, output)
    stages = [part for part in result.values() if isinstance(part, dict)]
    rows, traced, second, wrong = (
        sum(part[name] for part in stages) for name in ("rows", "traced", "second_oracle", "mismatches")
    )
    head = f"{rows} rows, {traced} traced, {second} by a second oracle, {wrong} disagreements"
    head += "" if result["complete"] else "; stopped before its goal"
    return {"ok": code == 0 and result["complete"], "sums": result, "lines": [head, *last(output)]}


def step_sanitizers(options: Options) -> Found:
    """Runs compute-sanitizer's tools over every path under the small policies."""
    report = options.scratch / "sanitizers.json"
    words = ["-m", "persistent_topk.tools.sanitizer", "--json", str(report)]
    words += ["--tool", str(options.sanitizer)] if options.sanitizer else []
    code, output = run(words, SANITIZER_SECONDS)
    result = read(report)
    if not result:
        return unreported(code, output)
    ran = [outcome for outcome in result["outcomes"] if not outcome["lacking"]]
    caught, errors = sum(outcome["caught"] for outcome in ran), sum(outcome["errors"] for outcome in ran)
    head = f"{errors} errors in {len(ran)} checks, {caught} of which caught their planted bug"
    return {**result, "ok": code == 0 and bool(result["ok"]), "lines": [head, *result["lines"]]}


def step_bench(options: Options) -> Found:
    """Times all cells several times, with the peers that are installed."""
    report = options.scratch / "bench.json"
    words = [*CLI, "bench", "--repeat", str(options.repeat), "--json", str(report)]
    words += ["--peers", "torch,cub,cub-ties", "--cccl", str(options.cccl)] if options.cccl else []
    code, output = run(words, BENCH_SECONDS)
    result = read(report)
    if not result:
        return unreported(code, output)
    kept = {name: result[name] for name in BENCH_FIGURES if name in result}
    return {**result["found"], "ok": code == 0 and bool(result["found"]["ok"]), FIGURES: kept}


STEPS: dict[str, Callable[[Options], Found]] = {
    "build": step_build,
    "tests": step_tests,
    "campaign": step_campaign,
    "soak": step_soak,
    "sanitizers": step_sanitizers,
    "bench": step_bench,
}
