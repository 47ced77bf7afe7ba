"""The checker for test suites: any callable, in this process, by a call, a fixture or a marker.

    from persistent_topk.testing import assert_topk

    def test_my_kernel():
        assert_topk(build_my_kernel(), claim="set", ks=(512, 2048))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..verify.campaign.outcome import Outcome
    from .in_process import Limits, assert_topk, check

__all__ = ["Limits", "Outcome", "assert_topk", "check"]


def __getattr__(name: str) -> object:
    """What the package offers, imported when it is first asked for: it brings torch along."""
    if name == "Outcome":
        return importlib.import_module("persistent_topk.verify.campaign.outcome").Outcome
    if name in __all__:
        return getattr(importlib.import_module("persistent_topk.testing.in_process"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
