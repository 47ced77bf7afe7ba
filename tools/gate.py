"""The gate on a GPU as one command: build, tests, campaign, soak, sanitizers and bench.

    pip install --no-build-isolation --no-deps -e .
    python -m persistent_topk.tools.gate [--records FOLDER] [--cccl WHEEL] [--sanitizer WHEEL]

It prints a table and writes a record of each step. Nothing is installed or fetched. A step that fails, dies
or runs too long is recorded as such, and the others run. The exit code is 0 only if every step is clean.
"""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

from ..commands import cli
from ..exit_code import ExitCode
from ..verify.reporting.record import Found
from ..verify.targets.peers.cub_library import HEADERS_VARIABLE
from .gate_steps import FIGURES, STEPS, Options, run
from .records import RECORDS_DIR, TITLES, write_page, write_record
from .sanitizer.tool import NOT_RUN

VECTORS_SECONDS = 120

Steps = Mapping[str, Callable[[Options], Found]]


def where() -> dict[str, Any]:
    """The environment that every record names. A kernel that does not build has no limits: nvcc is "unknown"
    then, and the limits are left out."""
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
    """Runs a step and returns what it found. An error of the step itself counts as a failure."""
    try:
        return steps[name](options)
    except Exception as error:
        print(traceback.format_exc(), file=sys.stderr)
        return {"ok": False, "lines": f"{type(error).__name__}: {error}".splitlines()}


def gate(names: list[str], options: Options, steps: Steps = STEPS) -> bool:
    """Runs the steps, writes a record of each as it ends and prints the table. Returns whether all are
    clean."""
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
    """Records the answers of this GPU's intrinsics, for tests/data. Returns whether that worked."""
    path = folder / "intrinsics.npz"
    code, _ = run(["-m", "persistent_topk.tools.intrinsics.record", str(path)], VECTORS_SECONDS)
    print(f"intrinsics FAILED: exit code {code}" if code else f"intrinsics recorded in {path}")
    return code == 0


def there(context: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """The path of an option, as its callback. Raises click.UsageError if nothing is there."""
    if path is not None and not path.exists():
        raise click.UsageError(
            f"--{param.name} is {path}, which does not exist; expected a wheel or a folder"
        )
    return path


AnyPath = click.Path(path_type=Path)
DEFAULT = Options(Path(), Path())


@click.command("gate")
@click.option(
    "--records", type=AnyPath, default=RECORDS_DIR, metavar="FOLDER", help="[default: docs/records]"
)
@click.option("--only", "names", multiple=True, type=click.Choice(list(STEPS)), help="repeat [default: all]")
@click.option("--vectors", is_flag=True, help="also record the intrinsics into the folder")
@click.option("--campaign-seconds", type=float, default=DEFAULT.campaign_seconds, show_default=True)
@click.option(
    "--soak-seconds", type=float, default=DEFAULT.soak_seconds, show_default=True, help="of each stage"
)
@click.option("--test-seconds", type=float, default=DEFAULT.test_seconds, show_default=True)
@click.option("--repeat", type=int, default=DEFAULT.repeat, show_default=True, help="runs of the bench")
@click.option("--seed", type=int, default=DEFAULT.seed, show_default=True)
@click.option(
    "--cccl",
    type=AnyPath,
    metavar="PATH",
    envvar=HEADERS_VARIABLE,
    callback=there,
    help="wheel or folder with the headers of CUB: a second oracle, and a peer",
)
@click.option(
    "--sanitizer",
    type=AnyPath,
    metavar="PATH",
    callback=there,
    help="another compute-sanitizer, or its wheel",
)
def command(names: tuple[str, ...], vectors: bool, **given: Any) -> int:
    """Runs the steps and writes a record of each, on a machine with a GPU.

    The steps build the kernel, test, put it through a campaign, soak it, sanitize it and time it. Exits with
    0 only if all are clean.
    """
    if not torch.cuda.is_available():
        click.echo("the gate needs a CUDA device; torch sees none", err=True)
        return ExitCode.CANNOT_RUN
    for name in ("records", "cccl", "sanitizer"):  # the steps run elsewhere
        given[name] = given[name] and given[name].resolve()
    given["records"].mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        clean = gate(list(names or STEPS), replace(Options(Path(), Path(folder)), **given))
        if vectors:
            clean = record_vectors(given["records"]) and clean
    if given["records"] == RECORDS_DIR:
        click.echo(f"rendered {write_page()}")
    return ExitCode.AGREE if clean else ExitCode.MISMATCH


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.gate")
