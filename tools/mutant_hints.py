"""Writes down what killed each mutant, from `persistent-topk mutants --json FILE`, for the first look at it.

python -m persistent_topk.tools.mutant_hints FILE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..verify.mutants.first_look import HINTS_FILE
from ..whole_file import write_whole


def hints_in(document: dict[str, Any]) -> str:
    """The hints file: a line a mutant. Those that no family's case killed have none."""
    found = {name: told["hint"] for name, told in document["mutants"].items() if told["hint"]}
    lines = (f" {json.dumps(name)}: {json.dumps(hint)}" for name, hint in sorted(found.items()))
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    write_whole(HINTS_FILE, hints_in(json.loads(Path(sys.argv[1]).read_text())))
