"""`persistent-topk plan`: how a call is laid over a device, as text, JSON and a picture."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from persistent_topk.commands.plan import command, parse_lengths

KIBI = 1024


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False)


def test_a_long_row_among_short_ones_has_a_team_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    result = run("--lengths", "127x4K,1x1024K", "--columns", "1024K", "--json", str(file))
    assert "larger teams (latency, 96 CTAs), by the plan (latency, 128 CTAs)" in result.output
    written = json.loads(file.read_text())
    assert (written["device"], written["policy"], written["grid"]) == ("h200", "latency", 96 + 128)
    row = {"length": 1024 * KIBI, "path": "large", "ctas": 16, "columns_a_cta": 64 * KIBI}
    assert written["rows"][-1] == row and len(written["rows"]) == 128
    assert written["rows"][0] == {"length": 4096, "path": "decode", "ctas": 1, "columns_a_cta": 4096}
    assert written["busiest_cta_columns"] == 64 * KIBI and written["waves"] == 2


def test_the_width_of_the_buffer_defaults_to_the_longest_row() -> None:
    assert "launches: by the plan (short, 4 CTAs)" in run("--lengths", "3x4K,1K").output


def test_rows_that_are_alike_share_a_line() -> None:
    lines = run("--lengths", "500x4K,12x8K", "--columns", "160K", "--device", "h100").output.splitlines()
    assert len(lines) == 4 and lines[1].split()[:3] == ["12", "x", "8192"]
    assert lines[1].endswith("launch: short rows")


@pytest.mark.parametrize("text", ["", "x4K", "4x", "2xabc", "4K,,1K", "9999999x1", "3x9999999999"])
def test_lengths_that_cannot_be_read_are_named(text: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_lengths(text)


def test_groups_are_lengths_of_rows_in_their_order() -> None:
    assert parse_lengths("2x1K, 5,1x0") == [1024, 1024, 5, 0]


@pytest.mark.skipif(importlib.util.find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_picture_is_drawn(tmp_path: Path) -> None:
    file = tmp_path / "plan.png"
    assert run("--lengths", "63x8K,1x128K", "--columns", "256K", "--plot", str(file)).exit_code == 0
    assert file.read_bytes().startswith(b"\x89PNG")
    assert "format" in str(run("--lengths", "4K", "--plot", str(tmp_path / "plan.xyz")).exception)
