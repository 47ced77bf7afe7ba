"""Building where there is no compiler for the GPU: the error says what to install."""

from __future__ import annotations

import pytest

from persistent_topk.cuda import build


def test_a_missing_nvcc_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: None)
    monkeypatch.setattr(build.Path, "is_file", lambda path: False)
    monkeypatch.setenv(build.CACHE_VARIABLE, str(tmp_path))
    with pytest.raises(build.BuildError, match="install the CUDA toolkit"):
        build.build()


def test_the_kernel_hash_is_of_all_its_sources() -> None:
    names = [path.name for path in build.kernel_headers()]
    assert {"persistent.cuh", "ptx.cuh", "order.cuh", "plan.cuh"} <= set(names)
    assert len(build.kernel_hash()) == build.HASH_LENGTH
