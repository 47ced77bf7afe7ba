"""What the documents name exists: files, commands with their options, make targets. An index names each.

`make check` looks at the links between Markdown files. Links of notebooks are looked at here.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import PurePosixPath

import click
import pytest
from places import ROOT

from persistent_topk.commands.cli import CommandFiles

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
# What PyPI shows links to this repository by its address; `make check` follows these links on the disk.
OWN_ADDRESS = "https://github.com/persistent-topk/persistent-topk/blob/main/"
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)[^)\s]*\)")
FILE_NAME = re.compile(r"^[\w./-]+(?:\.(?:py|cuh|cu|cpp|hpp|md|ipynb|toml|txt)|(?<!/)/)$")
PLACEHOLDER = re.compile(r"[A-Z]{2,}[^/]*$")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
OWN_COMMAND = re.compile(r"\bpersistent-topk ([a-z]+)\b(.*)")
MAKE = re.compile(r"(?:^|[\s$])make ((?:[a-zA-Z_-]+(?:=\S*)? ?)+)")
OF_THE_READER = {
    "my_kernel.py",
    "my_topk.py",
    "sharded_rows.py",
    "topk-failures/",
    "build/docs/",
    "build.toml",
}


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return frozenset(path for path in listed.stdout.splitlines() if (ROOT / path).is_file())


@cache
def places() -> frozenset[str]:
    """Tracked files and their folders (with a slash), each also by its last parts alone."""
    found: set[str] = set()
    for file in tracked():
        parts = PurePosixPath(file).parts
        for begin in range(len(parts)):
            found.add("/".join(parts[begin:]))
            found.update("/".join(parts[begin:end]) + "/" for end in range(begin + 1, len(parts)))
    return frozenset(found)


@cache
def prose(path: str) -> str:
    """The Markdown of a document or of a notebook's cells."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".ipynb"):
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def code(text: str) -> Iterator[str]:
    """The lines of a document's blocks, fenced or indented, and what backticks enclose."""
    for block in FENCED.findall(text):
        yield from block.splitlines()[1:-1]
    rest = FENCED.sub("", text)
    yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
    yield from INLINE.findall(re.sub(r"(?<=[^\n`])\n(?=[^\n`])", " ", rest))  # spans may go over a line's end


def ends(path: str) -> set[str]:
    """The files of this repository that a document links to."""
    text = prose(path)
    own = re.findall(rf"\]\({OWN_ADDRESS}([^)#\s]+)", text)
    return {beside(path, link) for link in LINK.findall(text)} | set(own)


def beside(path: str, name: str) -> str:
    return os.path.normpath(PurePosixPath(path).parent / name)


def missing_files(path: str, text: str) -> Iterator[str]:
    for name in INLINE.findall(FENCED.sub("", text)):
        known = PLACEHOLDER.search(name) or name in places() | OF_THE_READER or beside(path, name) in places()
        if FILE_NAME.match(name) and not known:
            yield f"names the file {name}, which is not there"
    links = {link: beside(path, link) for link in LINK.findall(text)} if path.endswith(".ipynb") else {}
    links |= {OWN_ADDRESS + end: end for end in re.findall(rf"\({OWN_ADDRESS}([^)#\s]+)", text)}
    for link, end in links.items():
        if end not in tracked():
            yield f"links to {link}, which is not there"


def unknown_commands(path: str, text: str) -> Iterator[str]:
    group = CommandFiles()
    for line in code(text):
        for name, rest in OWN_COMMAND.findall(line):
            command = group.get_command(click.Context(click.Command("persistent-topk")), name)
            if command is None:
                yield f"persistent-topk has no command {name}"
                continue
            known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)}
            for option in set(OPTION.findall(rest)) - known - {"--help"}:
                yield f"persistent-topk {name} has no option {option}"


def unknown_targets(path: str, text: str) -> Iterator[str]:
    known = re.findall(r"^([A-Z_]+=|[a-z-]+:)", (ROOT / "Makefile").read_text().replace(" ?=", "="), re.M)
    for words in (word for line in code(text) for found in MAKE.findall(line) for word in found.split()):
        name, assigned, _ = words.partition("=")
        if name + (assigned or ":") not in known:
            yield f"make has no {'variable' if assigned else 'target'} {name}"


Rule = Callable[[str, str], Iterator[str]]
# For each rule, texts with one fault each, and one without.
SAMPLES: dict[Rule, tuple[list[str], str]] = {
    missing_files: (
        ["`reference/nowhere.py`", "`cuda/nowhere/`", "[a](nowhere.md)", f"[a]({OWN_ADDRESS}nowhere.md)"],
        "`reference/order.py` `order.cuh` `cuda/kernel/` `reference/NAME.py` `a.b` [a](../README.md#b) "
        f"[a]({OWN_ADDRESS}docs/contract.md#b)",
    ),
    unknown_commands: (
        ["`persistent-topk fly`", "    persistent-topk verify --nothing"],
        "`persistent-topk verify --target a:b --seconds 3`",
    ),
    unknown_targets: (
        ["`make nothing`", "    make verify NOTHING=1", "`make test verify nothing`"],
        "`make verify BUDGET=20` makes sense\n\n    make test",
    ),
}


def documents() -> list[str]:
    return sorted(path for path in tracked() if path.endswith((".md", ".ipynb")))


@pytest.mark.parametrize("rule", SAMPLES, ids=lambda rule: rule.__name__)
def test_documents_have_no(rule: Rule) -> None:
    assert [] == [f"{path} {fault}" for path in documents() for fault in rule(path, prose(path))]


@pytest.mark.parametrize("rule", SAMPLES, ids=lambda rule: rule.__name__)
def test_rule_finds_one_fault_in_each_sample_and_none_without(rule: Rule) -> None:
    faulty, whole = SAMPLES[rule]
    assert [1] * len(faulty) == [len(list(rule("notebooks/a.ipynb", text))) for text in faulty]
    assert [] == list(rule("notebooks/a.ipynb", whole))


def test_the_index_leads_to_every_document() -> None:
    index = "docs/README.md"
    owed = {path for path in documents() if path.startswith(("docs/", "notebooks/"))}
    assert owed - {index} <= ends(index)


def test_readme_leads_to_the_index_and_to_what_lies_beside_it() -> None:
    owed = {path for path in documents() if "/" not in path} | {"docs/README.md"}
    assert owed - {"README.md"} <= ends("README.md")


def test_readme_links_by_addresses_alone() -> None:
    assert [] == LINK.findall(prose("README.md")), "PyPI knows no files beside the page"
