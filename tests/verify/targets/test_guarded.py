"""What surrounds a call on a GPU, as far as it can be tried without one."""

from __future__ import annotations

import pytest
import torch

from persistent_topk.verify.targets.gpu import ALONE, BYTES, KINDS, STREAMS, GpuTarget, parsed
from persistent_topk.verify.targets.graph import decoy_of
from persistent_topk.verify.targets.guarded import GUARD, GuardedOutput
from persistent_topk.verify.targets.target import POISONS


@pytest.mark.parametrize("poison", POISONS)
def test_a_word_written_beside_the_output_is_told(poison: int) -> None:
    guarded = GuardedOutput(3, 5, poison)
    assert guarded.output.shape == (3, 5) and guarded.output.is_contiguous()
    assert bool((guarded.output == poison).all()) and guarded.damage() is None
    guarded.output.zero_()
    assert guarded.damage() is None
    memory = torch.as_strided(guarded.output, (3 * 5 + 2 * GUARD,), (1,), 0)
    for place in (0, GUARD - 1, GUARD + 15, len(memory) - 1):
        memory[place] += 1
        assert guarded.damage() == "1 words beside the output were written"
        memory[place] -= 1
    assert guarded.damage() is None


def test_a_schedule_tells_the_streams_and_the_dirt() -> None:
    told = [parsed(GpuTarget().schedule(seed)) for seed in range(2 * BYTES)]
    assert {kind for kind, _ in told} == set(KINDS) == {ALONE, STREAMS}
    assert {dirt for _, dirt in told} == set(range(BYTES))
    assert parsed("") == (ALONE, 0)
    for wrong in ("streams", "streams:256", "streams:-1", "both:3"):
        with pytest.raises(ValueError, match="expected one of alone, streams"):
            parsed(wrong)


def test_a_decoy_is_another_length_and_as_legal() -> None:
    lengths = torch.tensor([9, 2, 1, 0, -4, 100000], dtype=torch.int32)
    decoy = decoy_of(lengths)
    assert decoy.tolist() == [4, 1, 1, 0, -4, 50000]
    assert decoy.dtype == torch.int32
