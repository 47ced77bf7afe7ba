"""Defaults of a soak: its rows, its time and its folder."""

from __future__ import annotations

from pathlib import Path

GOAL_ROWS = {"short": 1_000_000, "long": 10_000}  # of each stage, over all runs
STAGE_SECONDS = 450.0  # of one run: under eight minutes with all that is around it
DEFAULT_FOLDER = Path("build/soak")
