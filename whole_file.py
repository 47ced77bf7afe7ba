"""Files that are there whole or not at all: a reader finds the old or the new, after whatever crash."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Replaces the file at `path`, and makes its folder. content: str is encoded as UTF-8. Raises OSError.

    Until then the content lies beside it, in path + ".part". A pipe, a device or a link (/dev/stdout) is
    written to as it is.
    """
    content = content.encode() if isinstance(content, str) else content
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_json(path: Path, document: object) -> None:
    """write_whole() of a document as JSON."""
    write_whole(path, json.dumps(document, indent=1) + "\n")


def produce_whole(path: Path, produce: Callable[[Path], None]) -> None:
    """Puts at `path` the file or folder that `produce` makes where it is told to: at a path of the same name,
    in a folder of its own that is removed afterwards. Raises OSError, and what `produce` raises.

    Several processes may do so at once. A folder that another one has put there meanwhile is left as it is.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as own:
        part = Path(own) / path.name
        produce(part)
        try:
            os.replace(part, path)
        except OSError:
            if not path.is_dir():
                raise
