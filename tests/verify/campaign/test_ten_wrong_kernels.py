"""Ten kernels, wrong in ten ways: what is told of each says its cause in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import ten_wrong_kernels
import torch
from places import SHARED

from persistent_topk.verify.campaign import campaign
from persistent_topk.verify.campaign.campaign import Campaign, Options
from persistent_topk.verify.reporting.story import stories_of
from persistent_topk.verify.targets.function import FunctionTarget
from persistent_topk.verify.targets.isolated import IsolatedTarget

SECONDS = 60.0
# What the story of each has to say, and the families that the search is kept to, which saves its time.
TOLD: dict[Callable[..., torch.Tensor], tuple[str, tuple[str, ...]]] = {
    ten_wrong_kernels.kernel_a: (r"slot 0 was never written", ()),
    ten_wrong_kernels.kernel_b: (r"slot 0 holds the padding, -1, where a column is due; .*\(-inf\)", ()),
    ten_wrong_kernels.kernel_c: (r"slot 0 holds column 1, beyond the length, 1", ()),
    ten_wrong_kernels.kernel_d: (r"missing: 0 \(1\.0\); 1 column of equal value was selected instead: 1", ()),
    ten_wrong_kernels.kernel_e: (r"expected column is missing: \d \(NaN", ("contents",)),
    ten_wrong_kernels.kernel_f: (r"row 64 .* this is the answer to row 0", ("mixed-batches", "many-rows")),
    ten_wrong_kernels.kernel_g: (
        r"killed by SIGABRT: at ten_wrong_kernels.py:\d+, in kernel_g: os.abort\(\)\ncase: 1 x 1, k 1501",
        (),
    ),
    ten_wrong_kernels.kernel_h: (
        r"case: 1 x 2, k 2.*\nagain: in the same process, before it: 1 x 1, k 1",
        (),
    ),
    ten_wrong_kernels.kernel_i: (r"slot 1024 holds the padding.*\ncase: 1 x 1026, k 1025", ()),
    ten_wrong_kernels.kernel_j: (
        r"raised: RuntimeError: .* \(at ten_wrong_kernels.py:\d+, in _loaded: .*\ncase: 1 x 601, k 1",
        (),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ten_wrong_kernels.KERNELS, ids=lambda kernel: kernel.__name__)
def test_each_story_says_the_cause(
    kernel: Callable[..., torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(SHARED)
    monkeypatch.setattr(campaign, "SHORT_SHRINK_SECONDS", SECONDS)  # attempts end it, on a busy machine too
    words, families = TOLD[kernel]
    target = IsolatedTarget(FunctionTarget(f"ten_wrong_kernels:{kernel.__name__}"))
    target.prepare()
    try:
        options = Options(seconds=SECONDS, failures=tmp_path, families=families, first_only=True)
        outcome = Campaign([target], options).run()
    finally:
        target.close()
    (told,) = stories_of(outcome.targets[target.name])
    assert re.search(words, "\n".join(told.lines())), told.lines()
