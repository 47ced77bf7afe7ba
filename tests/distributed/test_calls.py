"""Calls over processes: the bytes of one process, on every rank, whatever the layout and who is slow."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

import pytest
import torch
from processes import run

from persistent_topk import distributed
from persistent_topk.reference import oracle, sharded
from persistent_topk.reference.layout import Layout
from persistent_topk.reference.sharded import DIGITS, PAIRS

SPECIALS = (0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e30, -1e-45)
LATE_SECONDS = 0.02
K = 23


def layouts(ranks: int) -> Iterator[Layout]:
    yield Layout.deal(120, ranks, 1)
    yield Layout.deal(97, ranks, 16)
    yield Layout(tuple(40 * (rank + 1) for rank in range(ranks)))
    yield Layout((0,) * (ranks - 1) + (90,))
    yield Layout((9,) * ranks)  # k is over every width


def rows_of(layout: Layout, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits with few values, so that ties lie astride all shards, and lengths under 0 to over S."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.cat([torch.tensor(SPECIALS), torch.randn(5, generator=generator)])
    logits = values[torch.randint(len(values), (4, layout.columns), generator=generator)]
    lengths = torch.randint(-5, layout.columns + 9, (4,), generator=generator, dtype=torch.int32)
    lengths[0] = layout.columns
    return logits, lengths


def compare(rank: int, ranks: int) -> list[str]:
    """Every layout, way and form of answer; what differs from the oracle, in words."""
    wrong = []
    for number, layout in enumerate(layouts(ranks)):
        logits, lengths = rows_of(layout, number)
        shards = layout.cut(logits)
        expected = oracle.topk(logits, lengths, K)
        own = sharded.topk(shards, lengths, K, block=layout.block, owned=True)[rank]
        for way in (PAIRS, DIGITS, None):
            told = {"block": layout.block, "way": way}
            if not torch.equal(expected, distributed.topk(shards[rank], lengths, K, **told)):
                wrong.append(f"{layout} {way}")
            if not torch.equal(own, distributed.topk(shards[rank], lengths, K, owned=True, **told)):
                wrong.append(f"{layout} {way} owned")
    return wrong


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_every_rank_has_the_bytes_of_one_process(ranks: int) -> None:
    for ended in run(ranks, compare, ranks):
        assert ("", []) == (ended.error, ended.result)


def repeat(rank: int, ranks: int) -> list[str]:
    """One prepared call with other logits and lengths each time; each time another rank is late."""
    wrong = []
    late = random.Random(0)
    for layout in (Layout.deal(64, ranks, 4), Layout(tuple(30 * rank for rank in range(ranks)))):
        for way, owned in ((PAIRS, False), (DIGITS, True)):
            call = distributed.Prepared(4, layout.widths[rank], K, block=layout.block, owned=owned, way=way)
            for seed in range(6):
                logits, lengths = rows_of(layout, seed)
                if late.randrange(ranks) == rank:
                    time.sleep(LATE_SECONDS)
                answer = call(layout.cut(logits)[rank], lengths)
                expected = sharded.topk(layout.cut(logits), lengths, K, block=layout.block, owned=owned)
                if not torch.equal(expected[rank], answer):
                    wrong.append(f"{layout} {way} {seed}")
    return wrong


def test_a_prepared_call_takes_other_lengths_and_waits_for_the_slow() -> None:
    for ended in run(3, repeat, 3):
        assert ("", []) == (ended.error, ended.result)


def in_a_part(rank: int) -> object:
    """Ranks 2 and 0 share rows; rank 1 is no member."""
    import torch.distributed as processes

    group = processes.new_group([0, 2])
    shard, lengths = torch.full((1, 4), float(rank)), torch.tensor([8], dtype=torch.int32)
    try:
        return distributed.topk(shard, lengths, 3, group=group).tolist()
    except ValueError as error:
        return str(error)


def test_a_group_may_be_a_part_of_all_ranks() -> None:
    first, second, third = run(3, in_a_part)
    assert [[4, 5, 6]] == first.result == third.result
    assert "this process" in str(second.result)


def alone(rank: int) -> tuple[object, ...]:
    """One rank makes no collective, whatever it asks for."""
    import torch.distributed as processes

    call = distributed.Prepared(2, 50, 7, block=1)
    shard = torch.randn(2, 50, generator=torch.Generator().manual_seed(1))
    lengths = torch.tensor([50, 3], dtype=torch.int32)
    for name in ("all_gather_into_tensor", "all_gather_single", "all_reduce"):
        setattr(processes, name, None)
    answers = call(shard, lengths), *(distributed.topk(shard, lengths, 7, owned=own) for own in (False, True))
    expected = oracle.topk(shard, lengths, 7)
    return tuple(torch.equal(expected, answer) for answer in answers)


def test_one_rank_costs_nothing() -> None:
    (ended,) = run(1, alone)
    assert ("", (True, True, True)) == (ended.error, ended.result)


def no_rows(rank: int) -> list[list[int]]:
    shapes = []
    for way in (PAIRS, DIGITS):
        answer = distributed.topk(torch.zeros(0, 8), torch.zeros(0, dtype=torch.int32), 3, way=way, block=2)
        shapes.append(list(answer.shape))
    return shapes


def test_no_rows_are_no_trouble() -> None:
    assert [[[0, 3], [0, 3]]] * 2 == [ended.result for ended in run(2, no_rows)]


def test_without_a_group_there_is_an_error_and_no_answer_of_the_shard_alone() -> None:
    with pytest.raises(
        RuntimeError, match="no process group; expected one: start the processes with torchrun"
    ):
        distributed.topk(torch.zeros(1, 4), torch.zeros(1, dtype=torch.int32), 1)


def destroyed(rank: int) -> str:
    """A prepared call outlives its group and does not keep it: torch aborts where one lives to the end."""
    import torch.distributed as processes

    call = distributed.Prepared(1, 4, 3)
    processes.destroy_process_group()
    try:
        return str(call(torch.zeros(1, 4), torch.tensor([8], dtype=torch.int32)).tolist())
    except RuntimeError as error:
        return str(error)


def test_a_prepared_call_of_a_destroyed_group_is_an_error() -> None:
    for ended in run(2, destroyed):
        assert "destroyed; expected a living one: prepare anew" in str(ended.result)
