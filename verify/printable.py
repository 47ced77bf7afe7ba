"""What others' code and files say, fit for a terminal, a log and XML."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with what is no character to be seen, such as colour codes, NUL and surrogates, as "?"; ends
    of lines stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in text)
