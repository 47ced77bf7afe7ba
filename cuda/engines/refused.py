"""What a call asks for and this kernel does not have."""

from __future__ import annotations

from typing import NoReturn


def refuse(call: str, argument: str, value: object, expected: str) -> NoReturn:
    """Raises NotImplementedError that names the argument, its value, and what was expected."""
    raise NotImplementedError(f"{call}: {argument} is {value!r}; expected {expected}")
