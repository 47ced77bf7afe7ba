"""Pages that the code knows best: the command line from click, calls with their parameters as tables."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, is_typeddict

import click

from persistent_topk.commands.cli import COMMANDS, CommandFiles

KEYWORD = inspect.Parameter.KEYWORD_ONLY
# What is there to be called: modules, and the names of each that a page shows.
CALLED = {
    "persistent_topk": ("topk", "Selection"),
    "persistent_topk.distributed": ("topk", "Prepared"),
    "persistent_topk.testing": ("assert_topk", "check", "Limits"),
    "persistent_topk.cuda.gpu": ("topk", "workspace_size", "plan_for"),
    "persistent_topk.cuda.sparse_indexer": (
        "SparseIndexer",
        "WorkspaceManager",
        "causal_lengths",
        "persistent_topk",
    ),
    "persistent_topk.ops": ("topk_out", "select_out", "select"),
    "persistent_topk.cuda.emulated": ("topk",),
    "persistent_topk.reference": ("topk",),
    "persistent_topk.reference.oracle": ("topk",),
}


def cell(text: str) -> str:
    """Text as one cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [headings, tuple("---" for _ in headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def option_row(parameter: click.Parameter, context: click.Context) -> tuple[str, str]:
    """(how it is written, what it does) of a parameter."""
    names = [*parameter.opts, *parameter.secondary_opts]
    if isinstance(parameter, click.Argument):
        return f"`{parameter.make_metavar(context)}`", "an argument"
    assert isinstance(parameter, click.Option)
    written = ", ".join(f"`{name}`" for name in names)
    if not parameter.is_flag:
        written += f" {cell(parameter.make_metavar(context))}"
    record = parameter.get_help_record(context)
    return written, cell(record[1]) if record else ""


def command_line() -> str:
    """Every command with its options."""
    group = CommandFiles()
    parts = []
    for name in COMMANDS:
        context = click.Context(click.Command("persistent-topk"), info_name="persistent-topk")
        command = group.get_command(context, name)
        assert command is not None and command.help is not None
        below = click.Context(command, info_name=name, parent=context)
        usage = " ".join(["persistent-topk", name, *command.collect_usage_pieces(below)])
        rows = [option_row(parameter, below) for parameter in command.get_params(below)]
        prose = inspect.cleandoc(command.help)
        parts.append(f"## `{name}`\n\n    {usage}\n\n{prose}\n\n{table(('option', 'does'), rows)}")
    return "\n".join(parts) + "\n"


def described(text: str, names: list[str]) -> dict[str, str]:
    """What a docstring says of each parameter: from "name: ", where that begins a sentence, to where the next
    or a paragraph begins; else the first sentence that names it."""
    one = rf"(?:{'|'.join(map(re.escape, names))})"
    begin = re.compile(rf"(?<![\w`.])({one}(?:(?:, | and |, and ){one})*): ")
    found: dict[str, str] = {}
    for paragraph in re.split(r"\n\s*\n", text):
        marks = [mark for mark in begin.finditer(paragraph) if begins_sentence(paragraph[: mark.start()])]
        ends = [*(mark.start() for mark in marks), len(paragraph)][1:]
        for mark, end in zip(marks, ends, strict=bool(marks)):
            said = re.split(r"(?<=\.)\s+(?:Returns|Raises)\b", paragraph[mark.end() : end])[0]
            for name in re.split(r", and |, | and ", mark[1]):
                found.setdefault(name, said.strip())
    sentences = re.split(r"(?<=[.;])\s+", text)
    for name in names:
        naming = [sentence for sentence in sentences if re.search(rf"\b{name}\b", sentence)]
        found.setdefault(name, naming[0] if naming else "")
    return found


def begins_sentence(before: str) -> bool:
    """Whether what stands behind `before` begins a sentence or a paragraph."""
    return not before.strip() or before.rstrip()[-1] in ".;"


def annotation_of(parameter: inspect.Parameter) -> str:
    """The type of a parameter as its source writes it."""
    kind = parameter.annotation
    if kind is inspect.Parameter.empty:
        return ""
    text = kind if isinstance(kind, str) else getattr(kind, "__forward_arg__", None) or kind.__name__
    return f"`{cell(text)}`"


def given_to(found: Any) -> dict[str, inspect.Parameter]:
    """What a caller passes to a function or a class, or the keys of a TypedDict."""
    if is_typeddict(found):
        keys = inspect.get_annotations(found).items()
        return {name: inspect.Parameter(name, KEYWORD, annotation=kind) for name, kind in keys}
    return dict(inspect.signature(found).parameters)


def parameters_of(found: Any, text: str) -> list[tuple[str, ...]]:
    """A row for each parameter: name, type, default, what the docstring says."""
    given = given_to(found)
    said = described(text, list(given)) if given else {}
    rows: list[tuple[str, ...]] = []
    for name, one in given.items():
        default = "" if one.default is inspect.Parameter.empty else f"`{one.default!r}`"
        shown = f"`**{name}`" if one.kind is inspect.Parameter.VAR_KEYWORD else f"`{name}`"
        rows.append((shown, annotation_of(one), cell(default), cell(said.get(name, ""))))
    return rows


def call(module: str, name: str) -> Iterator[str]:
    """The entry of one function or class."""
    found = getattr(importlib.import_module(module), name)
    text = inspect.getdoc(found) or ""
    first, *others = re.split(r"\n\s*\n", text)
    rows = parameters_of(found, text)
    names = "|".join(re.escape(row[0].strip("`*")) for row in rows)
    others = [
        part for part in others if not rows or not re.match(rf"(?:{names})(?:(?:,| and) [^:]*)?: ", part)
    ]
    yield f"### `{module}.{name}`\n"
    yield f"{first}\n"
    if rows:
        yield table(("parameter", "type", "default", "is"), rows)
    yield from (f"{part}\n" for part in others)


def python() -> str:
    """The calls of the package, module by module."""
    lines = ['<a class="whole-reference" href="../api/index.html">Every module, whole</a>\n']
    for module, names in CALLED.items():
        lines.append(f"## `{module}`\n")
        for name in names:
            lines += call(module, name)
    return "\n".join(lines) + "\n"


GENERATED: dict[str, Callable[[], str]] = {"command line": command_line, "python": python}
