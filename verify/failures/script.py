"""A failure as a Python script that needs torch alone: the tensors, what is expected of them, what differs.

What it expects is the contract's three lines of a stable sort, so that whoever is handed the script can check
by eye that it asks for the right thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from ..cases.asking import numbers_of
from ..cases.case import Case
from ..cases.dtypes import memory_of, narrowed
from ..cases.variants import VARIANTS, Variant
from ..judging.describe import case_in_words, runs_of
from ..printable import printable
from . import script_whole
from .replay import Failure, case_called
from .script_text import AGAIN, ANSWER, FORMS, HEAD, INPUTS, JUDGE, SHARED

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
        "DTYPE": f"torch.{failure.takes.dtypes[0]}",
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
    whole = _is_whole([*calls, *failure.earlier])
    judge = script_whole.JUDGE if whole else JUDGE
    return "\n".join((head, *lines, *tensors, SHARED, judge, _ending(failure.promise, variant, whole)))


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


def _is_whole(calls: list[Case]) -> bool:
    """Whether a script of these calls has to know of more than logits, lengths and k."""
    return any(case.asks for case in calls)


def _ending(promise: str, variant: Variant | None, whole: bool) -> str:
    if variant is not None:
        return FORMS.format(form=variant.form, source=variant.source)
    if promise in TWICE:
        return AGAIN
    if promise == "inputs-untouched":
        return script_whole.INPUTS if whole else INPUTS
    return ANSWER


def _tensors(calls: list[Case], beside: Path) -> Iterator[str]:
    """Lines that make (storage, offset, row stride, columns, lengths) of each call; where one asks for more,
    a dict of these and of its other arguments."""
    rows_of_runs = [runs_of(memory_of(case.storage)) for case in calls]
    entries = (tensor.numel() for case in calls for name, tensor in case.tensors.items() if name != "storage")
    inline = max(*map(len, rows_of_runs), *entries) <= MOST_RUNS
    if not inline:
        save_tensors(calls, beside)
        yield f"SAVED = saved({str(beside.absolute())!r})"
    whole = _is_whole(calls)
    yield "CALLS = ["
    for number, case in enumerate(calls):
        made = {
            name: _inline(tensor, name) if inline else f'SAVED["{name}_{number}"]'
            for name, tensor in case.tensors.items()
        }
        if whole:
            yield f"    dict({_arguments(case, made)}),"
        else:
            numbers = f"{case.offset}, {case.row_stride}, {case.columns}"
            yield f"    ({made['storage']}, {numbers}, {made['lengths']}),"
    yield "]"


def _arguments(case: Case, made: dict[str, str]) -> str:
    """The keyword arguments of a whole call's dict. made: what makes its tensors."""
    numbers = {name: str(value) for name, value in case.options.items() if name not in made}
    options = {**{name: text for name, text in made.items() if name in case.options}, **numbers}
    parts = {
        "storage": made["storage"],
        "lengths": made.get("lengths", "None"),
        **{name: str(getattr(case, name)) for name in ("rows", "columns", "offset", "row_stride")},
        "options": f"dict({', '.join(f'{name}={text}' for name, text in options.items())})",
    }
    return ", ".join(f"{name}={text}" for name, text in parts.items())


def _inline(tensor: torch.Tensor, name: str) -> str:
    """What makes a tensor: the storage of runs of equal values, others of their entries."""
    if name != "storage":
        made = f"ints({tensor.tolist()})" if tensor.dtype == torch.int32 else f"longs({tensor.tolist()})"
        return made if tensor.numel() else f"{made}.reshape({list(tensor.shape)})"
    if tensor.dtype == torch.float32:
        return _floats(runs_of(memory_of(tensor).view(np.uint32)))
    runs = runs_of(memory_of(tensor))
    return f"halves({[bits for bits, _ in runs]}, {[count for _, count in runs]}, {tensor.dtype})"


def _floats(runs: list[tuple[int, int]]) -> str:
    """Runs of equal values; by their bits where a NaN is not the plain one."""
    counts = [count for _, count in runs]
    values = np.array([bits for bits, _ in runs], np.uint32).view(np.float32)
    odd = [bits for bits, _ in runs if np.isnan(np.uint32(bits).view(np.float32)) and bits != PLAIN_NAN]
    if odd:
        return f"bits({[int(np.uint32(bits).view(np.int32)) for bits, _ in runs]}, {counts})"
    return f"floats({[float(value) for value in values]}, {counts})"


def save_tensors(calls: list[Case], path: Path) -> None:
    """Writes each call's tensors as safetensors: storage [elements], lengths, and what else it has."""
    from safetensors.torch import save_file

    tensors = {
        f"{name}_{number}": tensor.clone()
        for number, case in enumerate(calls)
        for name, tensor in case.tensors.items()
    }
    save_file(tensors, path)


def save_case(failure: Failure, path: Path) -> None:
    """Writes the case as safetensors, as `verify --logits` and `explain --logits` read it: logits, [rows,
    columns], from each row's start on, and lengths, int32 [rows], in columns; also storage, [elements], and
    the call's other tensors, and in the metadata how the logits lie in it, k, other numbers, the property and
    the target. Raises OSError where it cannot be written."""
    from safetensors.torch import save

    from ...whole_file import write_whole

    case = case_called(failure)
    others = {name: tensor.clone() for name, tensor in case.tensors.items()}
    logits = narrowed(case.bits(), case.storage.dtype) if case.starts.any() else case.logits.contiguous()
    tensors = {**others, "logits": logits, "lengths": case.row_lengths}
    facts = {name: getattr(case, name) for name in ("offset", "row_stride", "k")} | numbers_of(case.options)
    facts |= {"property": failure.promise, "target": failure.target}
    write_whole(path, save(tensors, {name: str(value) for name, value in facts.items()}))
