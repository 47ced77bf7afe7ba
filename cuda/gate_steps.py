"""The steps of the gate: each runs as processes of their own and says what it found."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from . import spills
from .build import build
from .records import ROOT

TIMED_OUT = 124
FIGURES = "figures"  # of what a step found: what its record keeps beside it
BENCH_FIGURES = ("environment", "seed", "summary", "missing_peers", "stopped", "cells")
CLI = ("-m", "persistent_topk.verify.cli")
MOST_LINES = 40
MOST_FAILURES = 20
TEST_OPTIONS = ("-q", "--maxfail=20", "-p", "no:cacheprovider", "--confcutdir=tests", "--durations=8")
SANITIZER_SECONDS = 540.0
BENCH_SECONDS = 540.0
SPARE_SECONDS = 120.0  # around what a step is given: imports, builds, its last batch
STAGES = 2  # of the soak

Found = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """Of the gate. records: where records and tallies go; scratch: for what is not kept. cccl: the headers
    of CUB, for a second oracle and a peer; sanitizer: another compute-sanitizer. Seconds are of one step."""

    records: Path
    scratch: Path
    seed: int = 1
    test_seconds: float = 540.0
    campaign_seconds: float = 60.0
    soak_seconds: float = 450.0
    repeat: int = 3
    cccl: Path | None = None
    sanitizer: Path | None = None


def run(words: list[str], timeout_s: float) -> tuple[int, str]:
    """(exit code, output) of a Python module in the repository; TIMED_OUT if it had to be ended.

    The output goes on to the terminal as it comes.
    """
    process = subprocess.Popen(
        [sys.executable, *words], cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
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
    told = []
    try:
        for text in process.stdout:
            print(text, end="", flush=True)
            told.append(text)
        code = process.wait()
    finally:
        timer.cancel()
        if process.poll() is None:
            end()
    if too_long.is_set():
        return TIMED_OUT, "".join([*told, f"ran longer than {timeout_s:g} s: {' '.join(words)}\n"])
    return code, "".join(told)


def last(output: str) -> list[str]:
    """What a record keeps of a failed step's output."""
    return output.rstrip().splitlines()[-MOST_LINES:]


def read(report: Path) -> Found:
    """A step's own JSON; empty if it left none."""
    return dict(json.loads(report.read_text())) if report.is_file() else {}


def step_build(options: Options) -> Found:
    """Compiles for every architecture and reads registers and spills from the assembler's report."""
    began = time.monotonic()
    build(arch=spills.TUNED)
    own = time.monotonic() - began
    usages = spills.report()
    seconds = time.monotonic() - began
    found = spills.found(usages)
    names = ", ".join(spills.ARCHITECTURES)
    head = f"{spills.TUNED} in {own:.1f} s, {names} in {seconds:.1f} s"
    return {**found, "seconds": round(seconds, 1), "lines": [head, *found["lines"]]}


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
    """Every test that is marked gpu."""
    report = options.scratch / "junit.xml"
    marks = ["-m", "gpu", "tests", f"--junitxml={report}"]
    code, output = run(["-m", "pytest", *TEST_OPTIONS, *marks], options.test_seconds)
    if not report.is_file():
        return {"ok": False, "lines": last(output)}
    suite = next(ElementTree.parse(report).getroot().iter("testsuite"))
    counts = {name: int(suite.get(name, 0)) for name in ("tests", "failures", "errors", "skipped")}
    ran = counts["tests"] - counts["skipped"]
    passed = ran - counts["failures"] - counts["errors"]
    failed = failures_in(suite)
    reasons = sorted({skip.get("message", "") for skip in suite.iter("skipped")})
    seconds = float(suite.get("time", 0))
    head = f"{passed} passed, {ran - passed} failed, {counts['skipped']} skipped, {seconds:.0f} s"
    lines = [head, *failed[:MOST_FAILURES], *(f"skipped: {reason}" for reason in reasons)]
    return {"ok": code == 0 and ran > 0, **counts, "passed": passed, "failed": failed, "lines": lines}


def step_campaign(options: Options) -> Found:
    """The case families on the GPU: outputs, traces, every property."""
    report = options.scratch / "campaign.json"
    words = [*CLI, "verify", "--target", "gpu", "--json", str(report)]
    words += ["--seconds", str(options.campaign_seconds), "--seed", str(options.seed)]
    words += ["--failures", str(options.records / "failures")]
    code, output = run(words, options.campaign_seconds + SPARE_SECONDS)
    told = read(report)
    if not told:
        return {"ok": False, "lines": last(output)}
    properties = told["targets"].get("gpu", {}).get("properties", {})
    lines = [f"{told['verdict']}: {told['rows']} rows in {told['cases']} cases, {told['seconds']:.0f} s"]
    lines += [f"{name:<20} {item['verdict']}, {item['cases']} cases" for name, item in properties.items()]
    kept = {name: told[name] for name in ("verdict", "cases", "rows", "seed", "paths", "shipped_paths")}
    return {"ok": code == 0, **kept, "properties": properties, "lines": lines}


def step_soak(options: Options) -> Found:
    """Rows by the million; the goals are in verify/soak."""
    report = options.scratch / "soak.json"
    words = [*CLI, "soak", "--folder", str(options.records / "soak")]
    words += ["--seconds", str(options.soak_seconds), "--seed", str(options.seed), "--json", str(report)]
    if options.cccl:
        words += ["--second-oracle", "cub", "--cccl", str(options.cccl)]
    code, output = run(words, STAGES * options.soak_seconds + SPARE_SECONDS)
    told = read(report)
    if not told:
        return {"ok": False, "lines": last(output)}
    return {"ok": code == 0 and told["complete"], "sums": told, "lines": last(output)}


def step_sanitizers(options: Options) -> Found:
    """compute-sanitizer's tools over every path under the small policies."""
    report = options.scratch / "sanitizers.json"
    words = ["-m", "persistent_topk.cuda.sanitizer", "--json", str(report)]
    words += ["--tool", str(options.sanitizer)] if options.sanitizer else []
    code, output = run(words, SANITIZER_SECONDS)
    told = read(report) or {"lines": last(output)}
    return {**told, "ok": code == 0 and bool(told.get("ok"))}


def step_bench(options: Options) -> Found:
    """All cells, several times, with the peers that are here."""
    report = options.scratch / "bench.json"
    words = [*CLI, "bench", "--repeat", str(options.repeat), "--json", str(report)]
    words += ["--peers", "torch,cub,cub-ties", "--cccl", str(options.cccl)] if options.cccl else []
    code, output = run(words, BENCH_SECONDS)
    told = read(report)
    found = told.get("found") or {"lines": last(output)}
    kept = {name: told[name] for name in BENCH_FIGURES if name in told}
    return {**found, "ok": code == 0 and bool(found.get("ok")), FIGURES: kept}


STEPS: dict[str, Callable[[Options], Found]] = {
    "build": step_build,
    "tests": step_tests,
    "campaign": step_campaign,
    "soak": step_soak,
    "sanitizers": step_sanitizers,
    "bench": step_bench,
}
