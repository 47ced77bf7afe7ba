"""The packages that parts of this one need, and the extra of it that installs each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

# Import name of a package -> the extra that has it; pyproject.toml lists the same.
EXTRA_OF = {
    "click": "verify",
    "hypothesis": "verify",
    "jinja2": "verify",
    "rich": "verify",
    "safetensors": "verify",
    "matplotlib": "plot",
}


class MissingExtra(ModuleNotFoundError):
    """A package of an extra is missing; the message says what to install."""


def command_for(name: str) -> str:
    """The command that installs the package which is imported by `name`, a key of EXTRA_OF."""
    return f"pip install 'persistent-topk[{EXTRA_OF[name]}]'"


@contextmanager
def advised() -> Iterator[None]:
    """Has an import that fails in it say what to install.

    Raises MissingExtra for a package of an extra; ModuleNotFoundError of others stays as it is.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name not in EXTRA_OF or isinstance(error, MissingExtra):
            raise
        raise MissingExtra(f"{name} is not installed: {command_for(name)}", name=error.name) from error
