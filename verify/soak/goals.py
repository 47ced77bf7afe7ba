"""Defaults of a soak: its rows, its time and its folder."""

from __future__ import annotations

from pathlib import Path

GOAL_ROWS = {"short": 1_000_000, "long": 10_000}  # of each stage, over all runs
STAGE_SECONDS = 450.0  # of one run: with imports and builds it takes under eight minutes
DEFAULT_FOLDER = Path("build/soak")
