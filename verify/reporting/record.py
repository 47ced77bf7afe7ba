"""A record: what a run on a GPU found, with where and of which kernel, as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SCHEMA = 1

Found = dict[str, Any]


def write_json(path: Path, name: str, environment: Found, found: Found, figures: Found | None = None) -> Path:
    """Writes the record `name` to any file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"schema": SCHEMA, "name": name, **environment, "found": found, **(figures or {})}
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path
