"""Every public function's docstring names parameters, shapes and dtypes of arrays, and errors."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import FunctionType

import pytest
import torch
from public_api import PACKAGE, public_objects

ARRAYS = re.compile(r"\b(Tensor|ndarray)\b")
DTYPE = r"(?:float32|int8|uint8|int32|uint32|int64|uint64|integers?|bool|TRACE_DTYPE|dtype)"
SHAPE = r"\[[^\]]*\]|same shape|any shape"
DTYPE_AND_SHAPE = re.compile(rf"\b{DTYPE}\b[^.;]*?(?:{SHAPE})|(?:{SHAPE})[^.;]*?\b{DTYPE}\b")


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
        about = [part for part in sentences(text) if re.search(rf"\b{name}\b", part)]
        if not any(DTYPE_AND_SHAPE.search(part) for part in about):
            yield f"gives no dtype and shape of {name}"
    returns = ARRAYS.search(str(inspect.signature(function).return_annotation))
    if returns and len(DTYPE_AND_SHAPE.findall(text)) <= len(arrays):
        yield "gives no dtype and shape of what it returns"


def unnamed_errors(function: FunctionType, text: str) -> Iterator[str]:
    """Exceptions that the function itself raises."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            name = ast.unparse(node.exc.func).split(".")[-1]
            if not re.search(rf"\b{name}\b", text):
                yield f"does not say that it raises {name}"


Rule = Callable[[FunctionType, str], Iterator[str]]
RULES: tuple[Rule, ...] = (unnamed_parameters, shapeless_arrays, unnamed_errors)


def functions() -> dict[str, FunctionType]:
    return {name: found for name, found in public_objects().items() if isinstance(found, FunctionType)}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_public_function_has(rule: Rule) -> None:
    found = functions().items()
    assert [] == [f"{name} {fault}" for name, each in found for fault in rule(each, docstring(each))]


def test_everything_public_is_described() -> None:
    assert [] == [name for name, found in public_objects().items() if not docstring(found)]


def sample(rows: torch.Tensor, k: int) -> torch.Tensor:
    """For the tests below, which give it other docstrings."""
    if k == 0:
        raise LookupError("k")
    return rows


WHOLE = """What it is: int64 [n].

rows: float32 [R, S]. k: one or more. Raises LookupError for 0.
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
