"""What of the package is public: what its entry modules define, and what documents and notebooks call."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import FunctionType, ModuleType

from places import ROOT

from persistent_topk import reference

PACKAGE = "persistent_topk"
# Modules that are there to be called, whole; of others, what is exported or shown to readers.
ENTRY_MODULES = (
    PACKAGE,
    f"{PACKAGE}.ops",
    f"{PACKAGE}.cuda.gpu",
    *(f"{PACKAGE}.cuda.engines.{name}" for name in ("vllm", "sglang", "flashinfer", "trtllm")),
    f"{PACKAGE}.cuda.emulator.topk",
    f"{PACKAGE}.cuda.sparse_indexer",
    *(f"{PACKAGE}.reference.{found.name}" for found in pkgutil.iter_modules(reference.__path__)),
)
EXPORTING = (
    PACKAGE,
    *(f"{PACKAGE}.{name}" for name in ("reference", "distributed", "testing")),
    *(f"{PACKAGE}.verify.{name}" for name in ("targets", "mutants")),
)
PYTHON_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)

Public = FunctionType | type


def shown_code() -> Iterator[str]:
    """Python that readers see: blocks of the documents, code cells of the notebooks."""
    for document in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        yield from PYTHON_BLOCK.findall(document.read_text(encoding="utf-8"))
    for notebook in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        yield "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def imported(code: ast.Module) -> dict[str, object]:
    """What a piece of code imports from the package, by the name that it goes by there."""
    found: dict[str, object] = {}
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == PACKAGE]
            found.update({name: importlib.import_module(name) for name in names})
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == PACKAGE:
            module = importlib.import_module(str(node.module))
            for alias in node.names:
                if not hasattr(module, alias.name):
                    importlib.import_module(f"{node.module}.{alias.name}")
                found[alias.asname or alias.name] = getattr(module, alias.name)
    return found


def used(code: str) -> Iterator[object]:
    """Objects of the package that the code imports, and those that it takes from imported modules."""
    tree = ast.parse(code)
    names = imported(tree)
    yield from names.values()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts = ast.unparse(node).split(".")
            found = names.get(parts[0])
            for part in parts[1:]:
                found = getattr(found, part, None) if isinstance(found, ModuleType) else None
            yield found


def is_ours(found: object) -> bool:
    return isinstance(found, Public) and str(found.__module__).split(".")[0] == PACKAGE


@cache
def public_objects() -> dict[str, Public]:
    """Public functions and classes, and the classes' public methods, by their full names."""
    found: list[object] = []
    for name in ENTRY_MODULES:
        module = importlib.import_module(name)
        found += [
            value
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", None) == name
        ]
    for name in EXPORTING:
        module = importlib.import_module(name)
        found += [getattr(module, key) for key in module.__all__]
    found += [value for code in shown_code() for value in used(code)]
    named = {f"{value.__module__}.{value.__qualname__}": value for value in found if is_ours(value)}  # type: ignore[attr-defined]
    for name, value in list(named.items()):
        if inspect.isclass(value) and not issubclass(value, BaseException):
            for key, found_there in vars(value).items():
                method = getattr(found_there, "__func__", found_there)  # of class and static methods
                if not key.startswith("_") and inspect.isfunction(method):
                    named[f"{name}.{key}"] = method
    return dict(sorted(named.items()))  # type: ignore[arg-type]
