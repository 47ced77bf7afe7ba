"""Someone's captured scores as cases: .npy, .safetensors, or .pt without running what is in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from ...reference.policy import DEFAULT_K, MAX_K
from .case import Case, Origin, lay_out

ROWS_A_CASE = 4
FLOATS = (torch.float32, torch.bfloat16, torch.float16)  # the narrower ones convert exactly
INTEGERS = (torch.int32, torch.int64)
EXPECTED = "expected logits [rows, columns] of float32, bfloat16 or float16, with or without lengths [rows]"
Tensors = dict[str, torch.Tensor]
BFLOAT16_IN_NUMPY = np.dtype("V2")  # numpy has no name for it and writes its two bytes as they are
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
NO_TENSOR = re.compile(r"Unsupported global: GLOBAL (\S+)")  # of torch.load: what it does not unpickle
NO_PICKLE = re.compile(r"Unsupported operand \d+")


class UnreadableLogits(ValueError):
    """The file does not hold logits; the message says what was found and what was expected."""


def _from_npy(path: Path) -> Tensors:
    found = np.load(path, allow_pickle=False)
    if found.dtype == BFLOAT16_IN_NUMPY:
        return {"logits": torch.from_numpy(found.view(np.int16)).view(torch.bfloat16)}
    if found.dtype.kind == "V":
        raise UnreadableLogits(f"{path} holds {found.dtype}, which numpy has no name for; {EXPECTED}")
    return {"logits": torch.from_numpy(found)}


def _from_safetensors(path: Path) -> Tensors:
    from safetensors.torch import load_file

    return dict(load_file(path))


def _from_pt(path: Path) -> Tensors:
    found = torch.load(path, weights_only=True, map_location="cpu")
    if isinstance(found, torch.Tensor):
        return {"logits": found}
    if not isinstance(found, dict):
        raise UnreadableLogits(f"{path} holds {type(found).__name__}; expected a tensor or a dict of tensors")
    for name in ("logits", "lengths"):
        if name in found and not isinstance(found[name], torch.Tensor):
            raise UnreadableLogits(f"{path}: {name} is of type {type(found[name]).__name__}; {EXPECTED}")
    return {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}


READERS: dict[str, Callable[[Path], Tensors]] = {
    ".npy": _from_npy,
    ".safetensors": _from_safetensors,
    ".pt": _from_pt,
}


def read_logits(path: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """The logits float32 [rows, columns] and lengths int32 [rows] of a file. Without lengths rows are full.

    Raises UnreadableLogits.
    """
    reader = READERS.get(path.suffix)
    if reader is None:
        raise UnreadableLogits(f"{path} ends in {path.suffix!r}; expected one of {', '.join(READERS)}")
    if not path.is_file():
        raise UnreadableLogits(f"{path} is not a file; expected captured logits")
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise UnreadableLogits(f"{path} is a pointer of Git LFS, not the file; run git lfs pull")
    try:
        tensors = reader(path)
    except UnreadableLogits:
        raise
    except Exception as error:  # readers raise whatever they like over damaged files
        raise UnreadableLogits(f"{path} {_why_unread(path, error)}; {EXPECTED}") from error
    logits = _logits(path, tensors)
    return logits, _lengths(path, tensors, logits)


def _why_unread(path: Path, error: Exception) -> str:
    """A reader's error in one line, without torch.load's advice to run the code of the file."""
    words = str(error).strip()
    if found := NO_TENSOR.search(words):
        return f"holds {found[1]} beside tensors: save tensors alone, torch.save({{'logits': logits}}, path)"
    if NO_PICKLE.search(words):
        return "is no file of torch.save"
    return f"cannot be read as {path.suffix}: {type(error).__name__}: {words.partition(chr(10))[0]}"


def _plain(path: Path, name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor, dense and on the CPU, with the signs of its values applied. Raises UnreadableLogits."""
    if tensor.layout != torch.strided or tensor.is_nested or tensor.device.type != "cpu":
        kind = "nested" if tensor.is_nested else f"{tensor.layout} on {tensor.device}"
        raise UnreadableLogits(f"{path}: {name} is a tensor that is {kind}; expected a dense one with values")
    return tensor.resolve_neg()


def _logits(path: Path, tensors: Tensors) -> torch.Tensor:
    if "logits" not in tensors:
        raise UnreadableLogits(f"{path} holds {sorted(tensors) or 'no tensors'}; {EXPECTED}")
    logits = _plain(path, "logits", tensors["logits"])
    if logits.dim() != 2 or not logits.numel():
        raise UnreadableLogits(f"{path}: logits have shape {list(logits.shape)}; {EXPECTED}")
    if logits.dtype not in FLOATS:
        raise UnreadableLogits(f"{path}: logits are {logits.dtype}; {EXPECTED}")
    return logits.float().contiguous()


def _lengths(path: Path, tensors: Tensors, logits: torch.Tensor) -> torch.Tensor:
    rows, columns = logits.shape
    if "lengths" not in tensors:
        return torch.full((rows,), columns, dtype=torch.int32, device="cpu")
    lengths = _plain(path, "lengths", tensors["lengths"])
    if lengths.dtype not in INTEGERS or tuple(lengths.shape) != (rows,):
        raise UnreadableLogits(
            f"{path}: lengths are {lengths.dtype} {list(lengths.shape)}; expected int32 or int64 [{rows}]"
        )
    return lengths.clamp(-1, columns).to(torch.int32)  # more than that means no more, and must not wrap


def captured_cases(path: Path, ks: tuple[int, ...] = ()) -> list[Case]:
    """Cases of ROWS_A_CASE captured rows, for each k. Raises UnreadableLogits."""
    logits, lengths = read_logits(path)
    bits = logits.view(torch.int32).numpy().view(np.uint32)
    cases = []
    for k in ks or (min(DEFAULT_K, MAX_K),):
        for first in range(0, len(bits), ROWS_A_CASE):
            rows = slice(first, first + ROWS_A_CASE)
            origin = Origin("captured", {"file": path.name, "first_row": first, "k": k})
            cases.append(lay_out(list(bits[rows]), k, lengths=lengths.numpy()[rows], origin=origin))
    return cases
