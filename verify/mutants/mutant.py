"""A mutant: the production kernel with one mistake, as replacements in its source.

Source: mutation analysis (DeMillo, Lipton and Sayward, "Hints on test data selection", 1978).
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from ...cuda.emulator.build import KERNEL

KINDS = ("*.cuh", "*.py")  # of files that mutants alter


class DoesNotApply(ValueError):
    """The text that a mutant replaces is not in the kernel's source exactly once."""


@dataclass(frozen=True)
class Edit:
    """In `file` of cuda/kernel, `old` becomes `new`. `old` is matched whatever its white space, so that
    it survives reformatting, and has to occur once."""

    file: str
    old: str
    new: str

    def in_text(self, text: str) -> str:
        """`text` with the replacement made. Raises DoesNotApply where it is not there to be replaced."""
        pattern = r"\s+".join(map(re.escape, self.old.split()))
        found = len(re.findall(pattern, text))
        if found != 1:
            raise DoesNotApply(f"{self.file} holds {self.old!r} {found} times; expected once")
        return re.sub(pattern, lambda match: self.new, text)


@dataclass(frozen=True)
class EditAt(Edit):
    """The same for a text that occurs often: the one that starts at `position` of the file."""

    position: int

    def in_text(self, text: str) -> str:
        """`text` with the replacement made. Raises DoesNotApply where it is not there to be replaced."""
        end = self.position + len(self.old)
        if text[self.position : end] != self.old:
            raise DoesNotApply(f"{self.file} has no {self.old!r} at {self.position}")
        return text[: self.position] + self.new + text[end:]


@dataclass(frozen=True)
class Mutant:
    """name: how the command line calls it. recreates: the published failure that it re-creates, or the
    mechanical kind it is of. edits: its replacements. equivalent: where no test can kill it, the argument
    why. of: the folder whose files it alters."""

    name: str
    recreates: str
    edits: tuple[Edit, ...]
    equivalent: str = ""
    of: Path = KERNEL

    def write(self, folder: Path, original: Path | None = None) -> Path:
        """A copy of the headers and modules in `original`, by default in `of`, with the mistake, in `folder`,
        which is returned.

        Raises DoesNotApply where a replacement is not there to be made.
        """
        source = original or self.of
        texts = {path.name: path.read_text() for kind in KINDS for path in source.glob(kind)}
        for edit in self.edits:
            if edit.file not in texts:
                raise DoesNotApply(f"{source.name} has no {edit.file}")
            texts[edit.file] = edit.in_text(texts[edit.file])
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / name).write_text(text)
        return folder


def one_edit(name: str, file: str, old: str, new: str, recreates: str) -> Mutant:
    """A mutant of one replacement."""
    return Mutant(name, recreates, (Edit(file, old, new),))
