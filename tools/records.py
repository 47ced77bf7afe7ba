"""What GPU runs found: JSON records, current only for the kernel they name, and the page made of them.

python -m persistent_topk.tools.records --check     exit 1 if a record is of another kernel
python -m persistent_topk.tools.records --render    writes docs/gpu-verification.md
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from jinja2 import Environment, StrictUndefined

from ..commands import cli
from ..cuda.build import CPP_COMMENT, CUDA_DIR, PYTHON_COMMENT, code_of, kernel_hash
from ..cuda.cache import digest
from ..exit_code import ExitCode
from ..verify.reporting.markdown import markdown_lines
from ..verify.reporting.record import SCHEMA, Found, write_json
from ..verify.reporting.view import Cell, Column, Line, Table, Tone
from ..whole_file import write_whole

ROOT = CUDA_DIR.parent
RECORDS_DIR = ROOT / "docs" / "records"
PAGE = ROOT / "docs" / "gpu-verification.md"
TEMPLATE = Path(__file__).with_name("records.md.jinja2")
GPU_TESTS = ROOT / "tests" / "gpu"
CARRIED = ("kernel", "date", "gpu", "driver", "nvcc", "torch")
# Record names in the page's order, with their headings.
TITLES = {
    "tests": "GPU tests",
    "campaign": "The checker's families of cases, every property",
    "soak": "Rows by the million, against the oracle and the model",
    "sanitizers": "compute-sanitizer",
    "build": "Registers and spills",
    "bench": "Timings",
}


def write_record(
    folder: Path, name: str, environment: Found, found: Found, figures: Found | None = None
) -> Path:
    """Writes folder/name.json: the environment, what was found (ok: bool, lines: the table), figures."""
    return write_json(folder / f"{name}.json", name, environment, found, figures)


def load_records(folder: Path = RECORDS_DIR) -> list[dict[str, Any]]:
    """All records in the folder, in the page's order."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    records = [record for record in found if record.get("schema") == SCHEMA and record.get("name") in TITLES]
    return sorted(records, key=lambda record: list(TITLES).index(record["name"]))


def gpu_tests(folder: Path = GPU_TESTS) -> dict[str, str]:
    """A hash of the code, without comments, of each file of the GPU tests."""
    comments = {".py": PYTHON_COMMENT, ".cu": CPP_COMMENT}
    files = sorted(path for path in folder.iterdir() if path.suffix in comments)
    return {path.name: digest((), code_of(path.read_text(), comments[path.suffix])) for path in files}


def stale_reason(record: Found) -> str | None:
    """Why the record says nothing of today's kernel, or is of other tests than today's; None if neither."""
    head = f"the record {record['name']!r} of {record['date']} is of"
    today = kernel_hash()
    if record["kernel"] != today:
        return f"{head} kernel {record['kernel']}, today's is {today}; run make gate on a GPU again"
    if record["name"] != "tests":
        return None
    then, now = record["found"].get("files", {}), gpu_tests()
    changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
    if not changed:
        return None
    return f"{head} other tests: {', '.join(changed)} changed; run make gate STEPS=tests on a GPU again"


def _origin(record: Found) -> str:
    return ", ".join(f"{name} {record[name]}" for name in CARRIED)


def _row(record: Found) -> Line:
    found = record["found"]
    verdict = f"{'clean' if found['ok'] else 'not clean'}: {found['lines'][0] if found['lines'] else ''}"
    shown = Cell(verdict) if found["ok"] else Cell(verdict, Tone.BAD, strong=True)
    return Cell(TITLES[record["name"]]), shown, Cell(record["kernel"]), Cell(record["date"])


def render(records: list[dict[str, Any]]) -> str:
    """The page as Markdown: a table of all records, then what each found."""
    columns = tuple(map(Column, ("what", "found", "kernel", "date")))
    table = Table("", columns, tuple(map(_row, records)))
    sections = [(TITLES[record["name"]], _origin(record), record["found"]["lines"]) for record in records]
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(table=markdown_lines(table), sections=sections)


def write_page() -> Path:
    """Renders the records that are checked in; the page's path."""
    write_whole(PAGE, render(load_records(RECORDS_DIR)))
    return PAGE


def check(folder: Path = RECORDS_DIR) -> ExitCode:
    """Prints a line a record; the exit code."""
    records = load_records(folder)
    if not records:
        print(f"no records in {folder}")
        return ExitCode.INCOMPLETE
    reasons = [stale_reason(record) for record in records]
    for record, reason in zip(records, reasons, strict=True):
        print(reason or f"{record['name']}: current, {'ok' if record['found']['ok'] else 'NOT OK'}")
    failed = any(reasons) or not all(record["found"]["ok"] for record in records)
    return ExitCode.MISMATCH if failed else ExitCode.AGREE


@click.command("records")
@click.option("--check", "checks", is_flag=True, help="exit with 1 if a record is of another kernel")
@click.option("--render", "renders", is_flag=True, help="write docs/gpu-verification.md")
def command(checks: bool, renders: bool) -> int:
    """Checks the records of GPU runs, or renders the page of them. Without an option: checks."""
    if renders:
        click.echo(write_page())
    return check() if checks or not renders else ExitCode.AGREE


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.records")
