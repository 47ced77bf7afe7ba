"""A record: what a run on a GPU found, with where and of which kernel, as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ... import whole_file

SCHEMA = 1

Found = dict[str, Any]


def write_json(path: Path, name: str, environment: Found, found: Found, figures: Found | None = None) -> Path:
    """Writes the record `name` to any file."""
    record = {"schema": SCHEMA, "name": name, **environment, "found": found, **(figures or {})}
    whole_file.write_json(path, record)
    return path
