"""Limits of style, over all tracked files; every rule is shown to find what it is for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest
from places import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

CPP = {".cuh", ".cu", ".cpp", ".hpp"}
PROSE = {".md", ".py", ".toml", ".ipynb", *CPP}
PATHS = ("trivial", "decode", "medium", "large")
MAX_FILE_LINES = 300
MAX_LINE_COLUMNS = 110  # ruff holds Python to it
MAX_FUNCTION_LINES = 50  # from the first statement to the last
# Names that say nothing about what a file holds.
EMPTY_NAMES = {"utils", "util", "helpers", "misc", "common", "stuff"}
# The kernel headers that may know for which machine they are compiled.
MAY_ASK_FOR_THE_MACHINE = {
    "cuda/kernel/ptx.cuh",
    "cuda/kernel/ptx_cluster.cuh",
    "cuda/kernel/ptx_grid.cuh",
    "cuda/kernel/ptx_half.cuh",
    "cuda/kernel/order.cuh",
}
MACHINE_MACROS = re.compile(r"__CUDA_ARCH__|__CUDACC__")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b")
# A folder of somebody's machine; a number of a tracker that the reader cannot know. A number behind a
# repository's name (vLLM #123) is a source.
PRIVATE_PLACES = re.compile(r"(?<![\w.~/-])/(work|home|root|Users)/\w")
UNKNOWN_NUMBERS = re.compile(r"(?i)\bissues? #?\d")

Rule = Callable[[str, str], Iterator[str]]


def long_files(path: str, text: str) -> Iterator[str]:
    if PurePosixPath(path).suffix in {".py", *CPP} and (lines := text.count("\n")) > MAX_FILE_LINES:
        yield f"has {lines} lines, over {MAX_FILE_LINES}"


def long_lines(path: str, text: str) -> Iterator[str]:
    if PurePosixPath(path).suffix in CPP:
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > MAX_LINE_COLUMNS:
                yield f"line {number} has {len(line)} columns, over {MAX_LINE_COLUMNS}"


def long_functions(path: str, text: str) -> Iterator[str]:
    if not path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
            lines = (body[-1].end_lineno or 0) - body[0].lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"{node.name} has {lines} lines, over {MAX_FUNCTION_LINES}"


def empty_names(path: str, text: str) -> Iterator[str]:
    for part in PurePosixPath(path).parts:
        if part.split(".")[0] in EMPTY_NAMES:
            yield f"{part} does not say what it holds"


def machine_macros(path: str, text: str) -> Iterator[str]:
    if path.startswith("cuda/kernel/") and path not in MAY_ASK_FOR_THE_MACHINE:
        for found in MACHINE_MACROS.findall(text):
            yield f"asks for {found}; only {', '.join(sorted(MAY_ASK_FOR_THE_MACHINE))} may"


def hiding_packages(path: str, text: str) -> Iterator[str]:
    if path == "cuda/__init__.py":
        yield "hides NVIDIA's namespace package `cuda` from who works in this folder"


def unfinished(path: str, text: str) -> Iterator[str]:
    for found in UNFINISHED.findall(text):
        yield f"says {found}"


def private_words(path: str, text: str) -> Iterator[str]:
    for pattern in (PRIVATE_PLACES, UNKNOWN_NUMBERS):
        for found in pattern.finditer(text):
            yield f"mentions {found.group()!r}, which readers cannot look up"


RULES: tuple[Rule, ...] = (
    long_files,
    long_lines,
    long_functions,
    empty_names,
    machine_macros,
    hiding_packages,
    unfinished,
    private_words,
)

# For each rule, a file that breaks it and one that does not quite.
SAMPLES: dict[Rule, tuple[tuple[str, str], tuple[str, str]]] = {
    long_files: (("a.py", "\n" * (MAX_FILE_LINES + 1)), ("a.py", "\n" * MAX_FILE_LINES)),
    long_lines: (("a.cuh", "x" * (MAX_LINE_COLUMNS + 1)), ("a.cuh", "x" * MAX_LINE_COLUMNS)),
    long_functions: (
        ("a.py", "def f():\n" + "    x = 1\n" * (MAX_FUNCTION_LINES + 1)),
        ("a.py", 'def f():\n    """Docs."""\n' + "    x = 1\n" * MAX_FUNCTION_LINES),
    ),
    empty_names: (("cuda/utils.py", ""), ("cuda/utilisation.py", "")),
    machine_macros: (
        ("cuda/kernel/a.cuh", "#ifdef __CUDACC__"),
        ("cuda/kernel/ptx.cuh", "#ifdef __CUDACC__"),
    ),
    hiding_packages: (("cuda/__init__.py", ""), ("bench/__init__.py", "")),
    unfinished: (("a.py", "# TO{}: later".format("DO")), ("a.py", "# todos los casos")),
    private_words: (
        ("a.md", "see issue {} in /ho{}".format(12, "me/me")),
        ("a.md", "vLLM #12, docs/home/me, 2 issues"),
    ),
}


def tracked_files() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def contents(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8") if PurePosixPath(path).suffix in PROSE else ""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_file_breaks(rule: Rule) -> None:
    found = [f"{path}: {fault}" for path in tracked_files() for fault in rule(path, contents(path))]
    assert [] == found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_what_it_is_for_and_no_more(rule: Rule) -> None:
    broken, whole = SAMPLES[rule]
    assert list(rule(*broken)), f"{rule.__name__} passes {broken}"
    assert [] == list(rule(*whole))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", ["reference/{}.py", "cuda/kernel/{}.cuh", "tests/reference/test_{}.py"])
def test_the_files_of_a_path_have_one_name(name: str, path: str) -> None:
    assert name.format(path) in tracked_files()


def packaging() -> tuple[set[str], dict[str, list[str]]]:
    """(folders that pyproject.toml installs, patterns of their data files by folder)."""
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]

    def folder(package: str) -> str:
        return "/".join(package.split(".")[1:]) or "."

    return set(map(folder, setuptools["packages"])), {
        folder(package): patterns for package, patterns in setuptools["package-data"].items()
    }


def test_every_file_of_the_package_is_installed() -> None:
    folders, data = packaging()
    left_out = []
    for path in tracked_files():
        parent, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
        if path.split("/")[0] not in {"reference", "cuda", "distributed", "testing", "verify", "__init__.py"}:
            continue
        is_module = name.endswith(".py") and parent in folders
        if not is_module and not any(fnmatch(name, pattern) for pattern in data.get(parent, [])):
            left_out.append(path)
    assert [] == left_out


def test_every_installed_folder_exists() -> None:
    folders, data = packaging()
    assert [] == [folder for folder in folders if not (ROOT / folder).is_dir()]
    assert set() == set(data) - folders
