"""The gate on a GPU, as one command: build, tests, campaign, soak, sanitizers, bench; a table, and records.

    pip install --no-build-isolation --no-deps -e .
    python -m persistent_topk.tools.gate [--records FOLDER] [--cccl WHEEL] [--sanitizer WHEEL]

Nothing is installed or fetched. A step that fails, dies or runs too long is recorded as such, and the
others run. The exit code is 0 only if every step is clean.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..verify.reporting.record import Found
from ..verify.targets.peers.cub_library import HEADERS_VARIABLE
from .gate_steps import FIGURES, STEPS, Options, run
from .records import RECORDS_DIR, TITLES, write_page, write_record
from .sanitizer.tool import NOT_RUN

EXIT_AGREE, EXIT_MISMATCH, EXIT_USAGE, EXIT_CANNOT_RUN = 0, 1, 2, 3
VECTORS_SECONDS = 120

Steps = Mapping[str, Callable[[Options], Found]]


def where() -> dict[str, Any]:
    """What every record carries; what cannot be told, such as the limits of a kernel that does not build,
    is told so."""
    from ..cuda.build import kernel_hash
    from ..cuda.environment import driver_version, environment

    try:
        return environment()
    except (RuntimeError, OSError) as error:
        return {
            "kernel": kernel_hash(),
            "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
            "gpu": torch.cuda.get_device_name(),
            "driver": driver_version(),
            "nvcc": f"unknown ({type(error).__name__})",
            "torch": torch.__version__,
        }


def run_step(name: str, steps: Steps, options: Options) -> Found:
    """What a step found; an error of the step itself is a failure."""
    try:
        return steps[name](options)
    except Exception as error:
        print(traceback.format_exc(), file=sys.stderr)
        return {"ok": False, "lines": f"{type(error).__name__}: {error}".splitlines()}


def gate(names: list[str], options: Options, steps: Steps = STEPS) -> bool:
    """Runs the steps, writes a record of each as it ends, prints the table; whether all are clean."""
    verdicts = []
    for name in names:
        print(f"\n=== {name}: {TITLES[name]}", flush=True)
        began = time.monotonic()
        found = run_step(name, steps, options)
        write_record(options.records, name, where(), found, found.pop(FIGURES, None))
        verdicts.append((name, bool(found["ok"]), time.monotonic() - began, found["lines"]))
    print()
    for name, ok, seconds, lines in verdicts:
        print(f"{name:<11} {'ok' if ok else 'FAILED':<7} {seconds:6.1f} s  {lines[0] if lines else ''}")
        for line in lines[1:]:
            if NOT_RUN in line:
                print(f"{'':<11} {line}")
    return all(ok for _, ok, _, _ in verdicts)


def record_vectors(folder: Path) -> bool:
    """The answers of this GPU's intrinsics, for tests/vectors; whether they were recorded."""
    path = folder / "intrinsics.npz"
    code, _ = run(["-m", "persistent_topk.tools.intrinsics.record", str(path)], VECTORS_SECONDS)
    print(f"intrinsics FAILED: exit code {code}" if code else f"intrinsics recorded in {path}")
    return code == 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; exits with 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m persistent_topk.tools.gate", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    default = Options(Path(), Path())
    parser.add_argument("--records", type=Path, default=RECORDS_DIR, metavar="FOLDER")
    parser.add_argument("--only", action="append", choices=list(STEPS), help="repeat; default: all steps")
    parser.add_argument("--vectors", action="store_true", help="also record the intrinsics into the folder")
    parser.add_argument("--campaign-seconds", type=float, default=default.campaign_seconds)
    parser.add_argument("--soak-seconds", type=float, default=default.soak_seconds, help="of each stage")
    parser.add_argument("--test-seconds", type=float, default=default.test_seconds)
    parser.add_argument("--repeat", type=int, default=default.repeat, help="runs of the bench")
    parser.add_argument("--seed", type=int, default=default.seed)
    named = os.environ.get(HEADERS_VARIABLE)
    parser.add_argument(
        "--cccl", type=Path, metavar="PATH", default=Path(named) if named else None,
        help="wheel or folder with the headers of CUB: a second oracle, and a peer",
    )  # fmt: skip
    parser.add_argument("--sanitizer", type=Path, metavar="PATH", help="another one, or its wheel")
    options = parser.parse_args(arguments)
    for name in ("cccl", "sanitizer"):
        given = getattr(options, name)
        if given is not None and not given.exists():
            parser.error(f"--{name} is {given}, which is not there; expected a wheel or a folder")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Runs the steps and writes their records; 0 if all are clean."""
    given = vars(parse(arguments))
    names, vectors = given.pop("only") or list(STEPS), given.pop("vectors")
    if not torch.cuda.is_available():
        print("the gate needs a CUDA device; torch sees none", file=sys.stderr)
        return EXIT_CANNOT_RUN
    for name in ("records", "cccl", "sanitizer"):  # the steps run elsewhere
        given[name] = given[name] and given[name].resolve()
    given["records"].mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        clean = gate(names, replace(Options(Path(), Path(folder)), **given))
        if vectors:
            clean = record_vectors(given["records"]) and clean
    if given["records"] == RECORDS_DIR:
        print(f"rendered {write_page()}")
    return EXIT_AGREE if clean else EXIT_MISMATCH


if __name__ == "__main__":
    sys.exit(main())
