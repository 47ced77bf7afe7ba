"""Every public function's docstring: parameters, shapes and dtypes, errors, where its algorithm is from."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from types import FunctionType

import pytest
import torch
from public_api import PACKAGE, public_objects

from persistent_topk.reference.arguments import check_arguments

ARRAYS = re.compile(r"\b(Tensor|ndarray)\b")
DTYPE = r"(?:float32|int8|uint8|int32|uint32|int64|uint64|integers?|bool|TRACE_DTYPE|dtype)"
SHAPE = r"\[[^\]]*\]|same shape|any shape"
DTYPE_AND_SHAPE = re.compile(rf"\b{DTYPE}\b[^.;]*?(?:{SHAPE})|(?:{SHAPE})[^.;]*?\b{DTYPE}\b")
SOURCE = re.compile(r"\bSource: \S")


def docstring(found: object) -> str:
    return inspect.getdoc(found) or ""


def parameters(function: FunctionType) -> dict[str, str]:
    """Names and annotations of what a caller passes."""
    signature = inspect.signature(function)
    return {
        name: str(parameter.annotation)
        for name, parameter in signature.parameters.items()
        if name not in ("self", "cls")
    }


def sentences(text: str) -> list[str]:
    lines = re.sub(r"(?<!\n)\n(?!\n)", " ", text)
    return re.split(r"(?<=[\w)\]`\"][.;]) +|\n\n", lines)  # not at the dots of `0 .. n-1`


def unnamed_parameters(function: FunctionType, text: str) -> Iterator[str]:
    for name in parameters(function):
        if not re.search(rf"\b{name}\b", text):
            yield f"says nothing of {name}"


def shapeless_arrays(function: FunctionType, text: str) -> Iterator[str]:
    """Arrays that come in need a dtype and a shape in a sentence that names them, what goes out one more."""
    arrays = [name for name, annotation in parameters(function).items() if ARRAYS.search(annotation)]
    for name in arrays:
        told = [part for part in sentences(text) if re.search(rf"\b{name}\b", part)]
        if not any(DTYPE_AND_SHAPE.search(part) for part in told):
            yield f"gives no dtype and shape of {name}"
    returns = ARRAYS.search(str(inspect.signature(function).return_annotation))
    if returns and len(DTYPE_AND_SHAPE.findall(text)) <= len(arrays):
        yield "gives no dtype and shape of what it returns"


@cache
def syntax(function: FunctionType) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def called(function: FunctionType) -> Iterator[FunctionType]:
    """Functions of the package that this one calls by a name of its module, or of a module named there."""
    for node in ast.walk(syntax(function)):
        if isinstance(node, ast.Call):
            found: object = sys.modules[function.__module__]
            for part in ast.unparse(node.func).split("."):
                found = getattr(found, part, None)
            if isinstance(found, FunctionType) and found.__module__.startswith(PACKAGE):
                yield found


def raised(function: FunctionType, seen: frozenset[FunctionType] = frozenset()) -> set[str]:
    """Names of the exceptions that reach the caller, from the functions below too; asserts do not count."""
    names = {
        ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc).split(".")[-1]
        for node in ast.walk(syntax(function))
        if isinstance(node, ast.Raise) and node.exc is not None
    }
    for below in called(function):
        if below not in seen:
            names |= raised(below, seen | {function})
    caught = {
        name.split(".")[-1]
        for node in ast.walk(syntax(function))
        if isinstance(node, ast.ExceptHandler) and node.type is not None
        for name in re.findall(r"[\w.]+", ast.unparse(node.type))
    }
    abstract = {"NotImplementedError"}
    return {name for name in names - caught - abstract if name[0].isupper()}


def unnamed_errors(function: FunctionType, text: str) -> Iterator[str]:
    for name in sorted(raised(function)):
        if not re.search(rf"\b{name}\b", text):
            yield f"does not say that it raises {name}"


# Modules without an algorithm of their own, with what they hold in place of one.
WITHOUT_ALGORITHM = {
    "testing": "a call of the campaign",
    "verify.campaign.outcome": "counts",
    "reference.arguments": "checks",
    "reference.policy": "numbers",
    "reference.trace": "the layout of a record",
    "verify.judging.describe": "words",
    "verify.judging.trace_difference": "a comparison, field by field",
    "verify.targets": "calls of implementations that are elsewhere",
}


def has_algorithm(function: FunctionType) -> bool:
    name = function.__module__.removeprefix(f"{PACKAGE}.")
    return not any(name == module or name.startswith(f"{module}.") for module in WITHOUT_ALGORITHM)


def no_source(function: FunctionType, text: str) -> Iterator[str]:
    """The source stands in the function's docstring or in its module's."""
    module = docstring(importlib.import_module(function.__module__))
    if has_algorithm(function) and not SOURCE.search(text) and not SOURCE.search(module):
        yield "does not say what its algorithm is from (Source: ...)"


Rule = Callable[[FunctionType, str], Iterator[str]]
RULES: tuple[Rule, ...] = (unnamed_parameters, shapeless_arrays, unnamed_errors, no_source)


def functions() -> dict[str, FunctionType]:
    return {name: found for name, found in public_objects().items() if isinstance(found, FunctionType)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_public_function_has(rule: Rule) -> None:
    found = functions().items()
    assert [] == [f"{name} {fault}" for name, each in found for fault in rule(each, docstring(each))]


def test_everything_public_is_described() -> None:
    assert [] == [name for name, found in public_objects().items() if not docstring(found)]


def test_fields_of_public_classes_are_described() -> None:
    """In the class's docstring, or in a comment on the field's line."""
    missing = []
    for name, found in public_objects().items():
        if inspect.isclass(found) and dataclasses.is_dataclass(found):
            code = inspect.getsource(found)
            missing += [
                f"{name}.{field.name}"
                for field in dataclasses.fields(found)
                if not re.search(rf"\b{field.name}\b", docstring(found))
                and not re.search(rf"^ *{field.name}: [^#\n]*# ", code, re.MULTILINE)
            ]
    assert [] == missing


def sample(rows: torch.Tensor, k: int) -> torch.Tensor:
    """For the tests below, which give it other docstrings."""
    check_arguments(rows, rows, k)
    if k == 0:
        raise LookupError
    return rows


WHOLE = """What it is: int64 [n].

rows: float32 [R, S]. k: one or more. Raises TypeError or ValueError for arguments that cannot be right,
LookupError for 0. Source: a book.
"""


def test_a_whole_docstring_has_no_fault() -> None:
    assert [] == [fault for rule in RULES for fault in rule(sample, WHOLE)]


@pytest.mark.parametrize(
    ("rule", "part", "fault"),
    [
        (unnamed_parameters, "k: one", "says nothing of k"),
        (shapeless_arrays, " [R, S]", "gives no dtype and shape of rows"),
        (shapeless_arrays, "float32 ", "gives no dtype and shape of rows"),
        (shapeless_arrays, ": int64 [n]", "gives no dtype and shape of what it returns"),
        (unnamed_errors, "LookupError", "does not say that it raises LookupError"),
        (unnamed_errors, "ValueError", "does not say that it raises ValueError"),
        (no_source, "Source: a book", "does not say what its algorithm is from (Source: ...)"),
    ],
)
def test_what_a_docstring_lacks_is_named(rule: Rule, part: str, fault: str) -> None:
    assert part in WHOLE
    assert fault in list(rule(sample, WHOLE.replace(part, "")))


def test_what_readers_call_is_public() -> None:
    names = (
        "topk",
        "cuda.gpu.topk",
        "cuda.emulator.topk.topk",
        "reference.oracle.topk",
        "verify.failures.shrink.shrink",
    )
    assert {f"{PACKAGE}.{name}" for name in names} <= set(public_objects())
