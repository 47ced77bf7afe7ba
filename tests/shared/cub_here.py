"""Whether CUB can be compiled on this machine."""

from __future__ import annotations

import pytest

from persistent_topk.cuda import build
from persistent_topk.verify.targets.peers import cub_library as cub


def lacking() -> str:
    """What the library cannot be compiled without and is not here; empty if all is."""
    try:
        build.find_nvcc()
        cub.find_headers()
    except (cub.CubUnavailable, build.BuildError) as error:
        return str(error)
    return ""


needs_cub = pytest.mark.skipif(lacking() != "", reason=lacking())
