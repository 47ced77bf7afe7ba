"""Memory that holds a pattern before a call, so that a slot which the call leaves unwritten can be told."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch

PERTURB = (
    -6
)  # M_PERTURB of mallopt: the C library fills memory with the complement of a byte as it hands it out
BYTE = 0xFF


@cache
def _library() -> ctypes.CDLL | None:
    """glibc, or None: other C libraries do not fill memory."""
    try:
        library = ctypes.CDLL(None)
        _ = library.gnu_get_libc_version, library.mallopt
    except (OSError, AttributeError, TypeError):
        return None
    return library


@contextmanager
def poisoned_memory(rows: int, k: int, poison: int, device: str = "cpu") -> Iterator[None]:
    """Inside, new memory is likely to hold `poison`, int32 in one word and int64 in two; the memory that an
    output [rows, k] on the device is likely to be given holds it in any case."""
    for dtype in (torch.int32, torch.int64):
        torch.full((rows, k), poison, dtype=dtype, device=device)
    library = _library()
    if library is None:
        yield
        return
    library.mallopt(PERTURB, BYTE ^ (poison & BYTE))
    try:
        yield
    finally:
        library.mallopt(PERTURB, 0)
