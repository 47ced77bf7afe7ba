"""Named families of cases, by the way they try to break a top-k."""

from __future__ import annotations

from ..case import Case, Origin
from . import (
    batches,
    bins,
    commonest,
    contents,
    extents,
    indexer,
    lengths,
    published,
    streams,
    uneven,
    whole,
)
from .family import FAMILIES, Family, Setting

__all__ = ["FAMILIES", "Family", "Setting", "from_origin"]

# Referenced, so that importing this package is what fills FAMILIES.
_SOURCES = (batches, bins, commonest, contents, extents, indexer, lengths, published, streams, uneven, whole)
_SETTING = ("policy", "k", "device")


def from_origin(origin: Origin) -> Case:
    """Builds a case again from its origin; KeyError if no family has the name."""
    parameters = dict(origin.parameters)
    policy, k, device = (parameters.pop(name) for name in _SETTING)
    keeps_k = bool(parameters.pop("keeps_k", False))
    setting = Setting(None if policy is None else str(policy), int(str(k)), str(device), keeps_k)
    return FAMILIES[origin.family].make(setting, parameters, origin.seed)
