"""Records of GPU runs, as JSON files, and the page made of them. A record holds for the kernel that it names.

python -m persistent_topk.tools.records --check     exits with 1 if a record is of another kernel
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
    """Writes folder/name.json and returns its path.

    found: what the step found, with ok (a bool) and lines (the table). figures: further keys of the record.
    """
    return write_json(folder / f"{name}.json", name, environment, found, figures)


class MalformedRecord(ValueError):
    """A JSON file in the folder of records is no record. The message names the file and its fault."""


def _fault(record: Any, name: str) -> str | None:
    """What keeps a JSON value from being the record `name`, None if nothing does."""
    if not isinstance(record, dict):
        return f"it is of type {type(record).__name__}; expected an object"
    if record.get("schema") != SCHEMA:
        return f"schema is {record.get('schema')!r}; expected {SCHEMA}"
    if record.get("name") != name or name not in TITLES:
        return f"name is {record.get('name')!r}; expected the file's, one of {', '.join(TITLES)}"
    missing = [key for key in CARRIED if not isinstance(record.get(key), str)]
    if missing:
        return f"{missing[0]} is {record.get(missing[0])!r}; expected a string"
    found = record.get("found")
    if not isinstance(found, dict) or not isinstance(found.get("ok"), bool):
        return "found has no ok; expected true or false"
    lines = found.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        return f"found.lines is {lines!r}; expected a list of strings"
    return None


def read_record(path: Path) -> dict[str, Any]:
    """The record in a file. Raises MalformedRecord."""
    try:
        record = json.loads(path.read_text())
    except ValueError as error:
        raise MalformedRecord(f"{path} is not JSON ({error}); run make gate on a GPU again") from error
    fault = _fault(record, path.stem)
    if fault:
        raise MalformedRecord(f"{path}: {fault}; run make gate on a GPU again")
    return dict(record)


def load_records(folder: Path = RECORDS_DIR) -> list[dict[str, Any]]:
    """All records in the folder, in the page's order. Raises MalformedRecord."""
    records = [read_record(path) for path in folder.glob("*.json")]
    return sorted(records, key=lambda record: list(TITLES).index(record["name"]))


def gpu_tests(folder: Path = GPU_TESTS) -> dict[str, str]:
    """A hash of the code, without comments, of each file of the GPU tests."""
    comments = {".py": PYTHON_COMMENT, ".cu": CPP_COMMENT}
    files = sorted(path for path in folder.iterdir() if path.suffix in comments)
    return {path.name: digest((), code_of(path.read_text(), comments[path.suffix])) for path in files}


def stale_reason(record: Found) -> str | None:
    """Why the record is stale: it is of another kernel or of other tests. None if it is current."""
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
    """Writes the page of the records that are checked in, and returns its path."""
    write_whole(PAGE, render(load_records(RECORDS_DIR)))
    return PAGE


def check(folder: Path = RECORDS_DIR) -> ExitCode:
    """Prints a line for each record. Returns AGREE if all are of the present kernel and clean."""
    try:
        records = load_records(folder)
    except MalformedRecord as error:
        print(error)
        return ExitCode.MISMATCH
    if not records:
        print(f"no records in {folder}")
        return ExitCode.INCOMPLETE
    reasons = [stale_reason(record) for record in records]
    for record, reason in zip(records, reasons, strict=True):
        print(reason or f"{record['name']}: current, {'ok' if record['found']['ok'] else 'NOT OK'}")
    failed = any(reasons) or not all(record["found"]["ok"] for record in records)
    return ExitCode.MISMATCH if failed else ExitCode.AGREE


@click.command("records")
@click.option("--check", "checks", is_flag=True, help="exit with 1 if a record is red or of another kernel")
@click.option("--render", "renders", is_flag=True, help="write docs/gpu-verification.md")
def command(checks: bool, renders: bool) -> int:
    """Checks the records of GPU runs, which is the default, or renders their page."""
    if renders:
        click.echo(write_page())
    return check() if checks or not renders else ExitCode.AGREE


if __name__ == "__main__":
    cli.run(command, "python -m persistent_topk.tools.records")
