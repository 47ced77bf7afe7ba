"""The API reference: one page a module, made by pdoc from the docstrings, and a check that it is whole.

    python docs/api_reference.py build/docs

Exit codes: 0, 1 (a page, a public function or a link's end is missing, or Markdown took a docstring's stars
for emphasis), 2 (no folder named), 3 (pdoc is not installed).
"""

from __future__ import annotations

import inspect
import os
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import ModuleType

from persistent_topk.exit_code import ExitCode

ROOT = Path(__file__).resolve().parent.parent
TEMPLATES = Path(__file__).resolve().parent / "templates"
PACKAGE = "persistent_topk"
LAYERS = (
    "ops.py",
    "reference",
    "cuda",
    "distributed",
    "verify",
    "testing",
    "bench",
    "commands",
    "exit_code.py",
    "whole_file.py",
)
EMPHASIS = {"em", "strong"}
# A package brings the modules that it exports; named once more, they keep their one page. An annotation that
# type checkers alone can resolve is shown as it is written. The keys that a TypedDict inherits have no place.
HARMLESS = ("The module specification", "Error parsing type annotation", "Cannot determine where")
ADDRESS = re.compile(r"^(?:[a-z]+:|//)")


def module_names() -> list[str]:
    """Every module of the package that can be imported by others: all but the `__main__`s."""
    names = [PACKAGE]
    for layer in LAYERS:
        for file in sorted((ROOT / layer).rglob("*.py")) or [ROOT / layer]:
            parts = file.relative_to(ROOT).with_suffix("").parts
            if parts[-1] != "__main__":
                names.append(".".join((PACKAGE, *(parts[:-1] if parts[-1] == "__init__" else parts))))
    return names


class Page(HTMLParser):
    """What a built page holds: `anchors`, `links`, and words that Markdown set in another face."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.emphasised: list[str] = []
        self._depth = 0
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors.add(found.get("id") or "")
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        self._depth += tag in EMPHASIS

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in EMPHASIS

    def handle_data(self, data: str) -> None:
        if self._depth:
            self.emphasised.append(data)


def public_functions(module: ModuleType) -> Iterator[str]:
    """Names of the functions and classes that the module itself defines for others."""
    for name, found in vars(module).items():
        own = getattr(found, "__module__", None) == module.__name__
        if own and not name.startswith("_") and (inspect.isfunction(found) or inspect.isclass(found)):
            yield name


def faults(folder: Path, names: list[str]) -> Iterator[str]:
    """What the built pages lack, a line each."""
    pages = {file.relative_to(folder): Page(file) for file in folder.rglob("*.html")}
    for name in names:
        path = Path(*name.split(".")).with_suffix(".html")
        if path not in pages:
            yield f"{name} has no page"
            continue
        for public in public_functions(import_module(name)):
            if public not in pages[path].anchors:
                yield f"{path} lacks {public}"
        for words in pages[path].emphasised:
            yield f"{path}: Markdown emphasises {words!r}; put formulas in backticks"
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if ADDRESS.match(link) or not target:  # pdoc's own navigation within a page
                continue
            end = Path(os.path.normpath(path.parent / target))
            if end not in pages or (anchor and anchor not in pages[end].anchors):
                yield f"{path} links to {link}, which is not there"


def main(arguments: list[str]) -> int:
    """Builds into the folder that is named, and checks it; the exit code."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return ExitCode.USAGE
    try:
        import pdoc
        import pdoc.render
    except ImportError:
        print("pdoc is not installed: pip install 'persistent-topk[docs]'", file=sys.stderr)
        return ExitCode.CANNOT_RUN
    folder, names = Path(arguments[0]), module_names()
    shutil.rmtree(folder, ignore_errors=True)
    version = import_module(PACKAGE).__version__
    pdoc.render.configure(docformat="markdown", template_directory=TEMPLATES, footer_text=version)
    for name in names:  # what a module imports when it is first asked for is on its page, too
        module = import_module(name)
        for exported in getattr(module, "__all__", ()):
            getattr(module, exported)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for harmless in HARMLESS:
            warnings.filterwarnings("ignore", harmless)
        pdoc.pdoc(*names, output_directory=folder)
    found = list(faults(folder, names))
    print("\n".join(found) or f"{folder}/index.html: {len(names)} modules")
    return ExitCode.MISMATCH if found else ExitCode.AGREE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
