"""The checker for test suites: any callable, in this process, by a call, a fixture or a marker.

from persistent_topk.testing import assert_topk

def test_my_kernel():
    assert_topk(build_my_kernel(), claim="set", ks=(512, 2048))
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ..extras import advised

if TYPE_CHECKING:
    from ..verify.campaign.outcome import Outcome
    from .in_process import Limits, assert_topk, check

__all__ = ["Limits", "Outcome", "assert_topk", "check"]


def __getattr__(name: str) -> object:
    """What the package offers, imported when it is first asked for: it brings torch along."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "persistent_topk.verify.campaign.outcome" if name == "Outcome" else f"{__name__}.in_process"
    with advised():
        found = getattr(importlib.import_module(home), name)
    globals()[name] = found  # asked for once
    return found
