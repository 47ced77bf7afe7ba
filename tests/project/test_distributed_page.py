"""What docs/distributed.md shows is run, under torchrun too, and its figures are the formulas'."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from clocks import HANG_SECONDS
from places import ROOT

from persistent_topk.distributed.cost import sent_by
from persistent_topk.reference.layout import Layout

PAGE = (ROOT / "docs" / "distributed.md").read_text(encoding="utf-8")
RANKS_EXAMPLE, MODEL_EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
TABLE_ROW = re.compile(
    r"^\| (\d+) \| (\d+) \| (\d+) \| ([\d.]+) KiB \| ([\d.]+) KiB \| ([\d.]+) KiB \|$", re.M
)
KIB = 1024


@pytest.mark.parametrize("ranks", [2])
def test_its_ranks_agree_under_torchrun(ranks: int, tmp_path: Path) -> None:
    file = tmp_path / "sharded_rows.py"
    file.write_text(RANKS_EXAMPLE)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={ranks}",
        file,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=HANG_SECONDS, env=environment, check=False
    )
    assert 0 == done.returncode, done.stderr
    told = sorted(re.findall(r"rank (\d) holds (\d+) of 199 selected", done.stdout))
    assert [str(rank) for rank in range(ranks)] == [rank for rank, _ in told]
    assert 199 == sum(int(held) for _, held in told)


def test_its_simulation_runs() -> None:
    exec(MODEL_EXAMPLE, {})


def test_its_figures_are_those_of_the_formulas() -> None:
    rows = TABLE_ROW.findall(PAGE)
    assert len(rows) >= 4
    for ranks, k, columns, *told in rows:
        width = int(columns) // int(ranks)
        consecutive, dealt = Layout((width,) * int(ranks)), Layout.deal(int(columns), int(ranks), 1)
        asked = (("pairs", consecutive), ("digits", consecutive), ("digits", dealt))
        for (way, layout), kib in zip(asked, told, strict=True):
            sent = sent_by(way, layout, 1, int(k), True)
            assert float(kib) == pytest.approx(sum(s.travelled(int(ranks)) for s in sent) / KIB, abs=0.05)
