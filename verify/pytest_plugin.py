"""The former name of the pytest plugin, for `pytest -p persistent_topk.verify.pytest_plugin`."""

from __future__ import annotations

pytest_plugins = ("persistent_topk.testing.pytest_plugin",)
