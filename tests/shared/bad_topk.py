"""Targets that are no top-k at all, for the checker's own tests."""

from __future__ import annotations

import os
import sys

import torch
from wrong_topk import correct, wrong_dtype, wrong_shape

__all__ = ["wrong_dtype", "wrong_shape"]
MEGABYTE = 1 << 20
_kept: list[torch.Tensor] = []


def wrong_device(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return correct(logits, lengths, k).to("meta")


def returns_nothing(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> None:
    return None


def raises(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    raise RuntimeError("no kernel for this shape\nand pages\nof advice")


def raises_in_colour(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    raise ValueError("kernel \x1b[31mfailed\x00\udce4 here")


def exits(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    raise SystemExit(0)


def leaves(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    os._exit(0)


def takes_all_memory(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    torch.zeros(1 << 42)
    return correct(logits, lengths, k)


def chatters(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    for stream in (sys.stdout, sys.stderr):
        stream.write("x" * 4 * MEGABYTE)
    return correct(logits, lengths, k)


def forks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    os.fork()
    return correct(logits, lengths, k)


def leaks(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    _kept.append(torch.ones(64 * MEGABYTE // 4))
    return correct(logits, lengths, k)


def two_arguments(logits: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    return correct(logits, lengths, 1)
