"""Which folder may import which: arrows run down, by an import and by a subprocess alike."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from places import ROOT

PACKAGE = "persistent_topk"
# From the ground up. Rooms of one floor do not import each other. A file stands on the floor of the longest
# name here that its own begins with.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("exit_code", "extras", "long_work", "whole_file"),
    ("reference",),
    ("cuda",),
    ("distributed",),
    ("verify.printable", "verify.properties", "verify.settings", "verify.start"),
    ("verify.cases",),
    ("verify.targets",),
    ("verify.judging",),
    ("verify.failures",),
    ("verify.campaign",),
    ("verify.soak",),
    ("verify.reporting",),
    ("verify.mutants",),
    ("testing",),
    ("bench",),
    ("commands",),
    ("tools",),
    ("tests", "notebooks", "docs", "packaging", "setup"),
)
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
# The package's face and the operators pick an implementation when they are called, by the tensors' device;
# `python -m` enters at the top, from where it is typed. Nothing imports an entry point but the operators: who
# calls them opens that door.
ENTRY_POINTS = (
    "__init__.py",
    "ops.py",
    "verify/__init__.py",
    "verify/__main__.py",
    "verify/pytest_plugin.py",
)


def room_of(name: str) -> str | None:
    """The room of a dotted name below the package; None for the package itself and for what is no room."""
    parts = name.split(".")
    longest_first = (".".join(parts[:end]) for end in range(len(parts), 0, -1))
    return next((room for room in longest_first if room in FLOOR_OF), None)


def docstrings(tree: ast.Module) -> set[int]:
    """The ids of the nodes that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = (node.body for node in ast.walk(tree) if isinstance(node, owners) and node.body)
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def names_in(path: str, tree: ast.Module) -> Iterator[str]:
    """Dotted names below the package that the file imports, or has as a word to run."""
    package = [PACKAGE, *PurePosixPath(path).parts[:-1]]
    prose = docstrings(tree)
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            names = [".".join([*base, *filter(None, [node.module]), item.name]) for item in node.names]
        elif isinstance(node, ast.Import):
            names = [item.name for item in node.names]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            words = node.value.replace(":", " ").split()
            names = [word for word in words if word.startswith(f"{PACKAGE}.")]
            names += [f"{PACKAGE}.commands"] if "persistent-topk" in words[:1] and len(words) == 1 else []
        yield from (name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}."))


def upward_arrows(path: str, text: str) -> list[str]:
    own = room_of(path.removesuffix(".py").replace("/", "."))
    if own is None or path in ENTRY_POINTS:
        return []
    found = []
    for name in names_in(path, ast.parse(text)):
        other = room_of(name)
        if other is None or other == own or other.startswith(f"{own}.") or own.startswith(f"{other}."):
            continue
        if FLOOR_OF[other] >= FLOOR_OF[own]:
            found.append(f"{path} uses {name}, which is not below it")
    return found


def python_files() -> list[str]:
    command = ["git", "ls-files", "*.py"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return [path for path in listed.stdout.splitlines() if (ROOT / path).is_file()]


def test_no_arrow_runs_up() -> None:
    users = ("tests/", "notebooks/", "docs/", "packaging/")
    files = [path for path in python_files() if not path.startswith(users)]
    assert [] == [fault for path in files for fault in upward_arrows(path, (ROOT / path).read_text())]


def test_cuda_answers_nothing_by_the_model() -> None:
    answers = {"dispatch", "oracle", "places", "trivial", "decode", "medium", "large", "topk"}
    found = [
        f"{path} uses {name}"
        for path in python_files()
        if path.startswith("cuda/")
        for name in names_in(path, ast.parse((ROOT / path).read_text()))
        if name.startswith("reference.") and name.split(".")[1] in answers
    ]
    assert [] == found


def test_every_file_stands_on_a_floor() -> None:
    homeless = [path for path in python_files() if not room_of(path.removesuffix(".py").replace("/", "."))]
    assert sorted(ENTRY_POINTS) == sorted(homeless)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("reference/a.py", "from ..cuda import gpu"),
        ("cuda/a.py", "from ..verify.campaign import outcome"),
        ("cuda/a.py", "import persistent_topk.tools.gate"),
        ("cuda/a.py", 'run(["-m", "persistent_topk.verify.targets.worker"])'),
        ("verify/soak/a.py", 'run(["persistent-topk", "verify"])'),
        ("verify/cases/a.py", "from ..judging.judge import judge"),
        ("verify/mutants/a.py", "from ...testing.gate import Gate"),
        ("bench/a.py", "from ..commands.options import json_option"),
        ("commands/a.py", "from ..tools import records"),
    ],
)
def test_an_upward_arrow_is_found(path: str, text: str) -> None:
    assert 1 == len(upward_arrows(path, text))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("cuda/a.py", '"""Run as `python -m persistent_topk.verify`."""\nfrom ..reference import policy'),
        ("verify/targets/a.py", 'run(["-m", "persistent_topk.verify.targets.worker"])'),
        ("verify/targets/peers/a.py", "from ..function import FunctionTarget"),
        ("tools/a.py", 'run(["persistent-topk", "verify"])'),
    ],
)
def test_a_downward_arrow_is_not(path: str, text: str) -> None:
    assert [] == upward_arrows(path, text)
