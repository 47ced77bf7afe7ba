"""What the kernel's headers say, through the program layout.cpp."""

from __future__ import annotations

import json
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import native

from persistent_topk.reference.policy import Policy
from persistent_topk.reference.trace import PASS_DTYPE, TRACE_DTYPE

POLICY_NUMBERS = [field.name for field in fields(Policy) if field.name != "name"]


def read_layout(folder: Path, calls: str = "") -> dict[str, Any]:
    """Policies, constants, trace layout, and the plans of `calls`, one a line (see layout.cpp)."""
    names = {"POLICY": POLICY_NUMBERS, "TRACE": TRACE_DTYPE.names, "PASS": PASS_DTYPE.names}
    macros = [f"-D{group}_FIELDS=" + " ".join(f"FIELD({name})" for name in names[group]) for group in names]
    program = native.compile(folder / "layout", [native.SHARED / "layout.cpp"], "-O1", *macros)
    printed = subprocess.run([str(program)], input=calls, capture_output=True, text=True, check=True)
    return json.loads(printed.stdout)
