"""A failure as a Python script that needs torch alone: the tensors, what is expected of them, what differs.

What it expects is the contract's three lines of a stable sort, so that whoever is handed the script can check
by eye that it asks for the right thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ..cases.case import Case
from ..cases.variants import VARIANTS, Variant
from ..judging.describe import case_in_words, runs_of
from ..printable import printable
from .replay import Failure, case_called
from .script_text import AGAIN, ANSWER, FORMS, HEAD, INPUTS, JUDGE

MOST_RUNS = 256  # of equal values that are written into the script; more are put into a file beside it
PLAIN_NAN = 0x7FC00000  # what float("nan") is
# The promises that two calls alone can break, and what of an answer the others look at.
TWICE = {"repeatable-set": "columns", "repeatable-bytes": "slots", "fully-written": "slots"}
LEVELS = {
    "lowest-column-ties": "columns",
    "signed-zero-tie": "columns",
    "ascending-order": "order",
}
NEEDS_THE_PACKAGE = ("graph-replay", "trace-agreement", "shard-independent")


class NoScript(ValueError):
    """The failure cannot be shown by a call alone; the message says why."""


def script_of(failure: Failure, target: str, device: str, beside: Path) -> str:
    """The script's text. target: module:function that it calls. device: where it puts the tensors. beside:
    where tensors that are too large to be read go, as safetensors; not written without one.

    Raises NoScript for a property or a target that a script without the package cannot show.
    """
    if failure.promise in NEEDS_THE_PACKAGE:
        raise NoScript(f"{failure.promise} needs the package to be seen; expected a property of plain calls")
    if ":" not in target:
        raise NoScript(f"target is {target!r}; expected module:function, which a script can import")
    case = case_called(failure)
    variant = _variant(failure, case)
    calls = [case] if variant is None else [case, variant.case]
    settings = {
        "TARGET": target,
        "DEVICE": device,
        "DTYPE": f"torch.{failure.takes.dtype or 'float32'}",
        "PADDING": -1 if failure.takes.padding is None else failure.takes.padding,
        "K": failure.case.k,
        "SHOWN": len(calls),
        "EARLIER_KS": [call.k for call in failure.earlier],
        "LEVEL": _level(failure),
        "JUDGES_NAN": "nan-first" in failure.claims or failure.promise == "nan-first",
    }
    words = {
        "title": f"{target} breaks {failure.promise}",
        "case": case_in_words(case, own=False),
        "found": failure.message,
    }
    head = HEAD.format(**{name: _quoted(text) for name, text in words.items()})
    lines = [f"{name} = {value if name == 'DTYPE' else repr(value)}" for name, value in settings.items()]
    tensors = _tensors([*calls, *failure.earlier], beside)
    return "\n".join((head, *lines, *tensors, JUDGE, _ending(failure.promise, variant)))


def _quoted(text: str) -> str:
    """Text that can stand in the script's docstring."""
    return printable(text).replace("\\", "/").replace('"""', "'''")


def _variant(failure: Failure, case: Case) -> Variant | None:
    """The other form of the case whose answer differs, for a property of two forms."""
    if failure.promise not in VARIANTS:
        return None
    forms = VARIANTS[failure.promise](case)
    found = next((form for form in forms if failure.takes.refuses(form.case) is None), None)
    if found is None:
        raise NoScript(f"the case has no other form that shows {failure.promise}")
    return found


def _level(failure: Failure) -> str:
    """What answers are compared by: the values, the columns, their order, or the slots as they are."""
    if failure.promise in VARIANTS:
        claimed = [name for name in ("repeatable-bytes", "repeatable-set") if name in failure.claims]
        return TWICE[claimed[0]] if claimed else "values"
    return TWICE.get(failure.promise) or LEVELS.get(failure.promise, "values")


def _ending(promise: str, variant: Variant | None) -> str:
    if variant is not None:
        return FORMS.format(form=variant.form, source=variant.source)
    if promise in TWICE:
        return AGAIN
    return INPUTS if promise == "inputs-untouched" else ANSWER


def _tensors(calls: list[Case], beside: Path) -> Iterator[str]:
    """Lines that make (storage, offset, row stride, columns, lengths) of each call."""
    rows_of_runs = [runs_of(case.storage.numpy().view(np.uint32)) for case in calls]
    inline = max(*map(len, rows_of_runs), *(case.rows for case in calls)) <= MOST_RUNS
    if not inline:
        save_tensors(calls, beside)
        yield f"SAVED = saved({str(beside.absolute())!r})"
    yield "CALLS = ["
    for number, (case, runs) in enumerate(zip(calls, rows_of_runs, strict=True)):
        storage = _inline(runs) if inline else f'SAVED["storage_{number}"]'
        lengths = f"ints({case.lengths.tolist()})" if inline else f'SAVED["lengths_{number}"]'
        yield f"    ({storage}, {case.offset}, {case.row_stride}, {case.columns}, {lengths}),"
    yield "]"


def _inline(runs: list[tuple[int, int]]) -> str:
    """The storage as runs of equal values; by their bits where a NaN is not the plain one."""
    counts = [count for _, count in runs]
    values = np.array([bits for bits, _ in runs], np.uint32).view(np.float32)
    odd = [bits for bits, _ in runs if np.isnan(np.uint32(bits).view(np.float32)) and bits != PLAIN_NAN]
    if odd:
        return f"bits({[int(np.uint32(bits).view(np.int32)) for bits, _ in runs]}, {counts})"
    return f"floats({[float(value) for value in values]}, {counts})"


def save_tensors(calls: list[Case], path: Path) -> None:
    """Writes each call's storage, float32 [elements], and lengths, int32 [rows], as safetensors."""
    from safetensors.torch import save_file

    tensors: dict[str, torch.Tensor] = {}
    for number, case in enumerate(calls):
        tensors |= {f"storage_{number}": case.storage, f"lengths_{number}": case.lengths}
    save_file({name: tensor.clone() for name, tensor in tensors.items()}, path)


def save_case(failure: Failure, path: Path) -> None:
    """Writes the case as safetensors, as `verify --logits` and `explain --logits` read it: logits, float32
    [rows, columns], and lengths, int32 [rows]; also storage, float32 [elements], and in the metadata how the
    logits lie in it, k, the property and the target. Raises OSError where it cannot be written."""
    from safetensors.torch import save

    from ...whole_file import write_whole

    case = case_called(failure)
    tensors = {"logits": case.logits.contiguous(), "lengths": case.lengths, "storage": case.storage.clone()}
    facts = {name: getattr(case, name) for name in ("offset", "row_stride", "k")}
    facts |= {"property": failure.promise, "target": failure.target}
    write_whole(path, save(tensors, {name: str(value) for name, value in facts.items()}))
