"""What passes between the checker and the process that a target runs in: JSON and raw arrays, no pickle."""

from __future__ import annotations

import json
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import torch

from ...reference.layout import Layout
from ..cases.asking import numbers_of, options_of
from ..cases.case import Case
from ..cases.dtypes import memory_of
from .target import Answer, NotTaken, TargetFailure

Message = dict[str, Any]
BESIDE = ("values", "columns")  # of an answer, where it has them


def send(connection: Connection, message: Message, *arrays: np.ndarray) -> None:
    """One message and the arrays that belong to it."""
    connection.send_bytes(json.dumps({**message, "arrays": len(arrays)}).encode())
    for array in arrays:
        connection.send_bytes(np.ascontiguousarray(array).data if array.size else b"")


def receive(connection: Connection) -> tuple[Message, list[bytes]]:
    """The next message and its arrays; EOFError when the other side is gone."""
    message: Message = json.loads(connection.recv_bytes())
    return message, [connection.recv_bytes() for _ in range(message["arrays"])]


def send_case(connection: Connection, case: Case, poison: int, graph: bool = False) -> None:
    """Asks for one call; poison: what the output should be found to hold; graph: as a graph's replay."""
    numbers = {name: getattr(case, name) for name in ("offset", "row_stride", "columns", "k", "rows")}
    cut = None if case.cut is None else {"widths": case.cut.widths, "block": case.cut.block}
    tensors = {name: [_name(tensor), list(tensor.shape)] for name, tensor in case.tensors.items()}
    asked = {"tensors": tensors, "numbers": numbers_of(case.options)}
    send(
        connection,
        {"call": numbers, "cut": cut, "poison": poison, "graph": graph, **asked},
        *map(memory_of, case.tensors.values()),
    )


def case_of(message: Message, arrays: list[bytes]) -> Case:
    """The case that send_case sent."""
    tensors = {
        name: torch.frombuffer(bytearray(content) or bytearray(1), dtype=torch.uint8)[: len(content)]
        .view(getattr(torch, dtype))
        .reshape(shape)
        for (name, (dtype, shape)), content in zip(message["tensors"].items(), arrays, strict=True)
    }
    told = message["cut"]
    cut = None if told is None else Layout(tuple(told["widths"]), told["block"])
    storage, lengths = tensors.pop("storage"), tensors.pop("lengths", None)
    options = options_of(message["numbers"], tensors)
    return Case(storage=storage, lengths=lengths, cut=cut, options=options, **message["call"])


def _name(tensor: torch.Tensor) -> str:
    """ "float32", "int64", ..."""
    return str(tensor.dtype).removeprefix("torch.")


def send_answer(connection: Connection, answer: Answer, resident: int) -> None:
    """resident: bytes of memory that the sender holds."""
    rows, k = answer.indices.shape
    beside = {name: array for name in BESIDE if (array := getattr(answer, name)) is not None}
    send(
        connection,
        {"rows": rows, "k": k, "damage": answer.damage, "resident": resident, "beside": list(beside)},
        *(array.astype(np.int64) for array in (answer.indices, *beside.values())),
    )


def send_failure(connection: Connection, failure: TargetFailure, lost: bool) -> None:
    """Tells that a call gave no answer, and why. lost: the sender can answer no other call."""
    told = {"failure": failure.kind, "words": failure.words, "promise": failure.promise, "lost": lost}
    send(connection, {**told, "traceback": failure.traceback})


def send_not_taken(connection: Connection, refusal: NotTaken) -> None:
    """Tells that the target does not take such a call."""
    send(connection, {"not taken": str(refusal)})


def answer_of(message: Message, arrays: list[bytes], printed: str = "") -> Answer:
    """The answer that was sent; raises the TargetFailure or NotTaken that was. printed: by the target, in the
    call."""
    if "not taken" in message:
        raise NotTaken(message["not taken"])
    if "failure" in message:
        told = message["failure"], message["words"], message["promise"], message["lost"]
        raise TargetFailure(*told, message["traceback"], printed)
    shape = message["rows"], message["k"]
    indices, *beside = (np.frombuffer(array, np.int64).reshape(shape).copy() for array in arrays)
    named = dict(zip(message["beside"], beside, strict=True))
    return Answer(indices, None, message["damage"], printed, **named)
