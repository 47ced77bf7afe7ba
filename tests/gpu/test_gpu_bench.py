"""The bench on a GPU: every output timed and judged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from persistent_topk.bench import peers, table
from persistent_topk.bench.run import COLD, WARM
from persistent_topk.commands.cli import group
from persistent_topk.exit_code import ExitCode


def sort_topk(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Right where all columns count."""
    return logits.sort(dim=1, descending=True).indices[:, :k]


def test_on_a_gpu_every_output_of_a_cell_is_timed_and_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waiting(logits: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
        return logits.topk(min(k, int(lengths.max()))).indices  # cannot be captured

    functions = {"sorted": sort_topk, "waiting": waiting}
    monkeypatch.setattr(peers, "adapters", lambda: functions)
    monkeypatch.setattr(peers, "adapted", peers.called)
    words = ["--cells", "2048,4,4K", "--cells", "2048,32,1K/8K", "--peers", "torch,sorted,waiting"]
    words += ["--repeat", "2", "--json", str(tmp_path / "a.json")]
    assert ExitCode.AGREE == group.main(["bench", *words], standalone_mode=False)
    cells = table.read_cells(tmp_path / "a.json")
    assert ["2048 x 4 x 4K", "2048 x 32 x 1K/8K"] == [cell["name"] for cell in cells]
    full, short = cells
    assert {"torch", "sorted"} == set(full[COLD]["peers"]) and not full["wrong_peers"]
    assert {"waiting"} == set(full["refused"]) and "torch" in short["refused"]
    assert {"sorted"} == set(short["wrong_peers"])  # it looks beyond the length
    for cell in cells:
        assert 0 == cell["wrong_rows"] and 2 == len(cell[WARM]["runs"])
        assert 0 < cell[WARM]["empty"] < cell[WARM]["us"] < cell[COLD]["us"] * 1.5
