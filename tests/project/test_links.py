"""What the documents point at exists: links and anchors, files, commands, options, make targets.

Nothing is fetched: links to other hosts are left alone.
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

PACKAGE = "persistent_topk"

FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
FOREIGN = re.compile(r"^(?:[a-z]+:|//)")
FILE_NAME = re.compile(r"^[\w./-]+(?:\.(?:py|cuh|cu|cpp|hpp|md|ipynb|toml|txt|json)|(?<!/)/)$")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
OWN_COMMAND = re.compile(r"\bpersistent-topk ([a-z]+)\b(.*)")
OWN_MODULE = re.compile(rf"\bpython -m ({PACKAGE}[\w.]*)(.*)")
MAKE = re.compile(r"(?:^|[\s$])make ((?:[a-zA-Z_-]+(?:=\S*)? ?)+)")
MAKE_VARIABLE = re.compile(r"^([A-Z_]+) *[:?]?=", re.MULTILINE)
MAKE_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
DECLARED_OPTION = re.compile(r"""["'](--[a-z][\w-]*)(?:/--[a-z][\w-]*)?["']""")

# Files that a reader makes, or that a command writes, and options of programs that are not ours.
OF_THE_READER = {"my_kernel.py", "my_topk.py", "topk-failures/", "bench.json", "OLD.json", "build/docs/"}
OF_THE_READER.add("sharded_rows.py")
OF_OTHERS = {"--help", "--version"}
OTHER_PROGRAM = re.compile(r"\b(?:pip|torchrun|nvcc|ncu|g\+\+|git)\b")


@cache
def tracked() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("needs a git checkout")
    return frozenset(path for path in listed.stdout.splitlines() if (ROOT / path).is_file())


@cache
def known_places() -> frozenset[str]:
    """Tracked files and their folders (with a slash), each also by its last parts alone."""
    places: set[str] = set()
    for file in tracked():
        parts = PurePosixPath(file).parts
        for begin in range(len(parts)):
            places.add("/".join(parts[begin:]))
            places.update("/".join(parts[begin:end]) + "/" for end in range(begin + 1, len(parts)))
    return frozenset(places)


@cache
def prose(path: str) -> str:
    """A document's Markdown: a notebook's is that of its Markdown cells."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".ipynb"):
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def anchors(text: str) -> set[str]:
    """What a heading can be linked to by, as code hosts make it."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCED.sub("", text)):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeated = sum(re.fullmatch(rf"{re.escape(slug)}(?:-\d+)?", anchor) is not None for anchor in found)
        found.add(f"{slug}-{repeated}" if repeated else slug)
    return found


def spans(text: str) -> Iterator[str]:
    """Code of a document: the lines of its blocks, fenced or indented, and what backticks enclose."""
    for block in FENCED.findall(text):
        yield from block.splitlines()[1:-1]
    rest = FENCED.sub("", text)
    yield from (line.strip() for line in rest.splitlines() if line.startswith("    "))
    yield from INLINE.findall(re.sub(r"(?<=[^\n`])\n(?=[^\n`])", " ", rest))  # spans may go over a line's end


def broken_links(path: str, text: str) -> Iterator[str]:
    for link in LINK.findall(FENCED.sub("", text)):
        if FOREIGN.match(link):
            continue
        file, _, anchor = link.partition("#")
        end = os.path.normpath(PurePosixPath(path).parent / file) if file else path
        if end not in tracked() and f"{end}/" not in known_places():
            yield f"links to {link}: no such file"
        elif anchor and anchor not in anchors(text if end == path else prose(end)):
            yield f"links to {link}: no such heading"


def missing_files(path: str, text: str) -> Iterator[str]:
    for name in INLINE.findall(FENCED.sub("", text)):
        placeholder = re.search(r"[A-Z]{2,}", PurePosixPath(name).stem) and name not in tracked()
        beside = os.path.normpath(PurePosixPath(path).parent / name)
        known = name in known_places() | OF_THE_READER or beside in known_places()
        if FILE_NAME.match(name) and not placeholder and not known:
            yield f"names the file {name}, which is not there"


def own_options(command: click.Command) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts}


@cache
def declared_options(folder: str) -> frozenset[str]:
    """Options that Python files below the folder declare or pass on."""
    files = [ROOT / file for file in tracked() if file.startswith(folder) and file.endswith(".py")]
    return frozenset(option for file in files for option in DECLARED_OPTION.findall(file.read_text()))


def unknown_commands(path: str, text: str) -> Iterator[str]:
    group = CommandFiles()
    for code in spans(text):
        for name, rest in OWN_COMMAND.findall(code):
            command = group.get_command(click.Context(click.Command("persistent-topk")), name)
            if command is None:
                yield f"persistent-topk has no command {name}"
                continue
            for option in set(OPTION.findall(rest)) - own_options(command) - {"--help"}:
                yield f"persistent-topk {name} has no option {option}"
        for module, rest in OWN_MODULE.findall(code):
            folder = module.removeprefix(PACKAGE).strip(".").replace(".", "/")
            if not {f"{folder}.py", f"{folder}/__main__.py"} & tracked():
                yield f"python -m {module}: no such module"
            for option in set(OPTION.findall(rest)) - declared_options(folder) - OF_OTHERS:
                yield f"python -m {module} has no option {option}"


def unknown_options(path: str, text: str) -> Iterator[str]:
    folders = ("verify/", "testing/", "cuda/", "commands/", "tools/")
    known = OF_OTHERS.union(*map(declared_options, folders))
    for code in spans(text):
        asked = set() if OTHER_PROGRAM.search(code) else set(OPTION.findall(code))
        for option in asked - known:
            yield f"nothing of ours has the option {option}"


def unknown_targets(path: str, text: str) -> Iterator[str]:
    makefile = (ROOT / "Makefile").read_text()
    targets, variables = set(MAKE_TARGET.findall(makefile)), set(MAKE_VARIABLE.findall(makefile))
    for code in spans(text):
        for words in MAKE.findall(code):
            for word in words.split():
                name, assigned, _ = word.partition("=")
                if name not in (variables if assigned else targets):
                    yield f"make has no {'variable' if assigned else 'target'} {name}"


Rule = Callable[[str, str], Iterator[str]]
RULES: tuple[Rule, ...] = (broken_links, missing_files, unknown_commands, unknown_options, unknown_targets)

# For each rule, texts with one fault each, and one without.
SAMPLES: dict[Rule, tuple[list[str], str]] = {
    broken_links: (
        ["[a](nowhere.md)", "[a](docs/contract.md#nothing)", "[a](#nothing)", "[a](docs/nowhere/)"],
        "# Two words: `x`\n[a](#two-words-x) [b](docs/contract.md#ties-and-nan-worked-through) [c](https://x.y/z)"
        " [d](docs)\n```\n[e](nowhere)\n```",
    ),
    missing_files: (
        ["`reference/nowhere.py`", "`nowhere.cuh`", "`cuda/nowhere/`", "`docs/nowhere.md`"],
        "`reference/order.py` `order.cuh` `cuda/kernel/` `reference/NAME.py` `my_kernel.py` `a.b` `k / 2`",
    ),
    unknown_commands: (
        [
            "`persistent-topk fly`",
            "    persistent-topk verify --nothing",
            "`python -m persistent_topk.nowhere`",
            "```\npython -m persistent_topk.tools.gate --nothing\n```",
        ],
        "`persistent-topk verify --target a:b --seconds 3`\n\n"
        "    python -m persistent_topk.tools.records --render",
    ),
    unknown_options: (["`--nothing 3`"], "`--claim set` - a dash -- and `pip install --no-deps`"),
    unknown_targets: (
        ["`make nothing`", "    make verify NOTHING=1", "`make test verify nothing`"],
        "`make verify BUDGET=20` makes sense\n\n    make test",
    ),
}


def documents() -> list[str]:
    return sorted(path for path in tracked() if path.endswith((".md", ".ipynb")))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_documents_have_no(rule: Rule) -> None:
    assert documents()
    assert [] == [f"{path} {fault}" for path in documents() for fault in rule(path, prose(path))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_one_fault_in_each_sample_and_none_without(rule: Rule) -> None:
    faulty, whole = SAMPLES[rule]
    assert [1] * len(faulty) == [len(list(rule("README.md", text))) for text in faulty]
    assert [] == list(rule("README.md", whole))


@pytest.mark.parametrize("index", ["README.md", "docs/README.md"])
def test_an_index_leads_to_every_document(index: str) -> None:
    folder = PurePosixPath(index).parent
    ends = {os.path.normpath(folder / link.partition("#")[0]) for link in LINK.findall(prose(index))}
    owed = {path for path in documents() if path.startswith(("docs/", "notebooks/"))}
    assert owed - {"docs/README.md", index} <= ends


def test_readme_leads_to_what_lies_beside_it() -> None:
    ends = {link.partition("#")[0] for link in LINK.findall(prose("README.md"))}
    assert {path for path in documents() if "/" not in path} | {"docs/README.md"} <= ends | {"README.md"}
