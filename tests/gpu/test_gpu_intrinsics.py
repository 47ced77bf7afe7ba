"""This GPU's intrinsics answer as the emulator's do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from intrinsics_answers import check_answers, emulate, emulator

from persistent_topk.tools.intrinsics.cases import operation_names
from persistent_topk.tools.intrinsics.record import record


def test_this_gpu_answers_as_recorded(tmp_path: Path) -> None:
    record(tmp_path / "now.npz")
    with np.load(tmp_path / "now.npz") as now:
        for number, name in enumerate(operation_names(emulator().functions)):
            check_answers(name, emulate(number, name), now[name])
