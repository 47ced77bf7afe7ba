"""Where things are in a checkout: tests lie at several depths."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
SHARED = TESTS / "shared"  # what test targets are imported from
DATA = TESTS / "data"
