"""Failures as files: everything that a failing call needs, to be run again anywhere.

A file is a zip of manifest.json and raw little-endian arrays. No pickle: opening a stranger's file runs
nothing of theirs. Version 1 holds plain calls, and is what they are still written as; version 2 any calls.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...cuda.emulator.library import Schedule as EmulatedSchedule
from ...reference.call import Call
from ...reference.plan import DeviceLimits
from ...reference.policy import MAX_K, POLICIES
from ...whole_file import write_whole
from ..cases.asking import numbers_of, options_of
from ..cases.case import Case, Origin
from ..cases.dtypes import memory_of
from ..cases.variants import with_legal_lengths
from ..properties import EVERY_NAME
from ..targets import OWN
from ..targets.limits import TargetLimits, limits_of
from ..targets.target import Schedule

FORMAT = "persistent-topk failure"
PLAIN_VERSION, VERSION = 1, 2
MANIFEST = "manifest.json"
MOST_MANIFEST_BYTES = 1 << 20
MOST_ARRAY_BYTES = 1 << 32
PLAIN_ARRAYS = {"storage": "<f4", "lengths": "<i4"}
# What numpy calls the bits of each dtype; bfloat16 has no name there.
FORMATS = {
    torch.float32: "<f4",
    torch.float16: "<f2",
    torch.bfloat16: "<u2",
    torch.int32: "<i4",
    torch.int64: "<i8",
}
DTYPES = {form: dtype for dtype, form in FORMATS.items()}
# What a description of no case raises; torch raises RuntimeError for a shape that is not a tensor's.
WRONG = (KeyError, TypeError, ValueError, AttributeError, AssertionError, OverflowError, RuntimeError)
INTEGERS = ("offset", "row_stride", "columns", "k")
NO_LIMITS = TargetLimits()


class DamagedFile(ValueError):
    """Not a failure file, or not a whole one; the message says what was found and what was expected."""


@dataclass(frozen=True)
class Failure:
    """A broken promise. target: its name as given on the command line. schedules: one a call. takes: what
    calls the target takes. row: of the case, the first that is wrong. earlier: calls of the same process
    without which it does not fail. fresh: whether a process that made these alone was seen to fail."""

    target: str
    promise: str
    message: str
    case: Case
    schedules: tuple[Schedule, ...] = ("",)
    claims: tuple[str, ...] = ()
    takes: TargetLimits = NO_LIMITS
    row: int = 0
    earlier: tuple[Case, ...] = ()
    fresh: bool = True


def case_called(failure: Failure) -> Case:
    """The case with the lengths that the failing call saw: legal ones, but for our own targets and where
    others were the question."""
    if failure.target in OWN or failure.promise == "short-lengths":
        return failure.case
    return with_legal_lengths(failure.case)


def array_name(name: str, number: int) -> str:
    """Of an array of a case: of the failing one without a number, of those before it with theirs."""
    return f"{name}.{number}" if number else name


def _described(case: Case) -> dict[str, Any]:
    shapes = {name: list(tensor.shape) for name, tensor in case.tensors.items()}
    whole = {"rows": case.rows, "shapes": shapes, "options": numbers_of(case.options)} if case.asks else {}
    return {
        **{name: getattr(case, name) for name in INTEGERS},
        **whole,
        "policy": case.policy,
        "limits": asdict(case.limits),
        "origin": {
            "family": case.origin.family,
            "parameters": dict(case.origin.parameters),
            "seed": case.origin.seed,
        },
    }


def save(failure: Failure, path: Path) -> Path:
    """Writes `failure` to `path`, whole or not at all."""
    cases = (failure.case, *failure.earlier)
    raw: dict[str, bytes] = {}
    formats: dict[str, str] = {}
    for number, case in enumerate(cases):
        for name, tensor in case.tensors.items():
            named = array_name(name, number)
            raw[named], formats[named] = memory_of(tensor.contiguous()).tobytes(), FORMATS[tensor.dtype]
    manifest = {
        "format": FORMAT,
        "version": VERSION if any(case.asks for case in cases) else PLAIN_VERSION,
        "target": failure.target,
        "property": failure.promise,
        "message": failure.message,
        "claims": list(failure.claims),
        "schedules": list(failure.schedules),
        "case": _described(failure.case),
        "arrays": {
            name: {
                "dtype": formats[name],
                "elements": len(content) // np.dtype(formats[name]).itemsize,
                "sha256": hashlib.sha256(content).hexdigest(),
            }
            for name, content in raw.items()
        },
    }
    stated = {name: value for name, value in asdict(failure.takes).items() if value is not None}
    manifest |= {"takes": stated} if stated else {}
    manifest |= {"row": failure.row} if failure.row else {}
    manifest |= {"earlier": [_described(case) for case in failure.earlier]} if failure.earlier else {}
    manifest |= {} if failure.fresh else {"fresh": False}
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(MANIFEST, json.dumps(manifest, indent=1))
        for name, content in raw.items():
            file.writestr(f"{name}.bin", content)
    write_whole(path, whole.getvalue())
    return path


def load(path: Path) -> Failure:
    """The failure that `path` holds. Raises DamagedFile, or OSError where it cannot be read."""
    content = path.read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            manifest = _manifest(path, file)
            arrays = {
                array_name(name, number): _array(path, file, manifest, array_name(name, number))
                for number, told in enumerate([manifest.get("case", {}), *manifest.get("earlier", [])])
                for name in told.get("shapes", PLAIN_ARRAYS)
            }
    except DamagedFile:
        raise
    except Exception as error:  # zipfile and zlib raise all sorts over flipped bytes
        raise DamagedFile(f"{path} is no failure file: {error}; expected a zip with {MANIFEST}") from error
    return _failure(path, manifest, arrays)


def _manifest(path: Path, file: zipfile.ZipFile) -> Mapping[str, Any]:
    if MANIFEST not in file.namelist():
        raise DamagedFile(f"{path} holds {file.namelist()[:4]}; expected {MANIFEST} among them")
    if file.getinfo(MANIFEST).file_size > MOST_MANIFEST_BYTES:
        raise DamagedFile(f"{path}: {MANIFEST} is over {MOST_MANIFEST_BYTES} bytes")
    try:
        manifest = json.loads(file.read(MANIFEST))
    except ValueError as error:
        raise DamagedFile(f"{path}: {MANIFEST} is not JSON: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DamagedFile(f"{path}: {MANIFEST} has no format {FORMAT!r}")
    if manifest.get("version") not in (PLAIN_VERSION, VERSION):
        expected = f"{PLAIN_VERSION} or {VERSION}"
        raise DamagedFile(f"{path} has version {manifest.get('version')!r}; expected {expected}")
    return manifest


def _array(path: Path, file: zipfile.ZipFile, manifest: Mapping[str, Any], name: str) -> torch.Tensor:
    arrays = manifest.get("arrays")
    told = arrays.get(name) if isinstance(arrays, dict) else None
    entry, plain = f"{name}.bin", PLAIN_ARRAYS.get(name.partition(".")[0])
    if not isinstance(told, dict) or entry not in file.namelist():
        raise DamagedFile(f"{path} holds no {entry}")
    dtype = str(told.get("dtype"))
    known = dtype in DTYPES and (dtype == plain or manifest["version"] != PLAIN_VERSION)
    size = file.getinfo(entry).file_size
    expected = told.get("elements", -1) * np.dtype(dtype if known else "u1").itemsize
    if not known or size != expected or size > MOST_ARRAY_BYTES:
        raise DamagedFile(f"{path}: {entry} has {size} bytes; expected {expected} of {dtype}")
    content = file.read(entry)
    if hashlib.sha256(content).hexdigest() != told.get("sha256"):
        raise DamagedFile(f"{path}: {entry} has another hash than {MANIFEST} says")
    bits = torch.frombuffer(bytearray(content) or bytearray(1), dtype=torch.uint8)[: len(content)]
    return bits.view(DTYPES[dtype])


def _failure(path: Path, manifest: Mapping[str, Any], arrays: Mapping[str, torch.Tensor]) -> Failure:
    try:
        claims, schedules = _words(manifest, "claims"), _words(manifest, "schedules")
        unknown = [name for name in claims if name not in EVERY_NAME]
        if unknown:
            raise ValueError(f"claim {unknown[0]!r} is not known")
        if manifest["target"] == "emulator":
            for schedule in filter(None, schedules):
                EmulatedSchedule.parse(schedule)
        if manifest["property"] not in EVERY_NAME:
            raise ValueError(f"property {manifest['property']!r} is not known")
        case = _case(manifest["case"], arrays, 0)
        earlier = [_case(told, arrays, number + 1) for number, told in enumerate(manifest.get("earlier", []))]
        return Failure(
            target=str(manifest["target"]),
            promise=manifest["property"],
            message=str(manifest["message"]),
            case=case,
            schedules=schedules or ("",),
            claims=claims,
            takes=limits_of(manifest.get("takes", {})),
            row=_row(manifest.get("row", 0), case),
            earlier=tuple(earlier),
            fresh=manifest.get("fresh", True) is not False,
        )
    except WRONG as error:
        raise DamagedFile(
            f"{path}: {MANIFEST} does not describe a case: {type(error).__name__} {error}"
        ) from error


def _case(told: Mapping[str, Any], arrays: Mapping[str, torch.Tensor], number: int) -> Case:
    whole = ("rows",) if "rows" in told else ()
    numbers = {name: told[name] for name in (*INTEGERS, *whole)}
    wrong = [name for name, value in numbers.items() if type(value) is not int or value < 0]
    if wrong or not 1 <= numbers["k"] <= MAX_K:
        raise ValueError(f"{', '.join(wrong) or 'k'} out of range")
    if told["policy"] is not None and told["policy"] not in POLICIES:
        raise ValueError(f"policy {told['policy']!r} is none of {', '.join(POLICIES)}")
    shapes = told.get("shapes", {name: [-1] for name in PLAIN_ARRAYS})
    tensors = {name: arrays[array_name(name, number)].reshape(shape) for name, shape in shapes.items()}
    case = Case(
        storage=tensors.pop("storage"),
        lengths=tensors.pop("lengths", None),
        policy=told["policy"],
        limits=_limits(told["limits"]),
        origin=_origin(told["origin"]),
        options=options_of(told.get("options", {}), tensors),
        **numbers,
    )
    return case if not case.asks else _checked(case)


def _checked(case: Case) -> Case:
    """The case, if its arguments can be right. Raises TypeError or ValueError."""
    Call(case.logits, case.lengths, case.k, **case.options)
    return case


def _row(row: object, case: Case) -> int:
    if type(row) is not int or not 0 <= row < max(1, case.rows):
        raise ValueError(f"row is {row!r}; expected one of the {case.rows} rows")
    return row


def _words(manifest: Mapping[str, Any], name: str) -> tuple[str, ...]:
    words = manifest[name]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name} is {words!r}; expected a list of strings")
    return tuple(words)


def _limits(told: Any) -> DeviceLimits:
    numbers = (*told.get("resident", ()), *(told[name] for name in ("sms", "cluster", "shared_bytes")))
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError(f"limits are {told!r}; expected whole numbers")
    return DeviceLimits(**told)


def _origin(told: Any) -> Origin:
    if not isinstance(told["parameters"], dict):
        raise ValueError(f"origin: parameters are {told['parameters']!r}; expected names and values")
    return Origin(str(told["family"]), told["parameters"], int(told["seed"]))


def file_name(failure: Failure) -> str:
    """A name that tells target, property and case apart."""
    safe = "".join(letter if letter.isalnum() or letter in "-." else "-" for letter in failure.target)
    return f"{safe}-{failure.promise}-{failure.case.digest()[:8]}.zip"
