"""persistent-topk soak: rows by the million, on a GPU."""

from __future__ import annotations

from ..soak.command import command

__all__ = ["command"]
