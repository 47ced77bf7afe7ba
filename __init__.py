"""Exact, deterministic top-k selection for sparse attention."""

__version__ = "0.1.0"
