"""Families of whole calls: dtypes, windows, and what is written for a column."""

from __future__ import annotations

from . import anything, narrow, places, windows

__all__ = ["anything", "narrow", "places", "windows"]
