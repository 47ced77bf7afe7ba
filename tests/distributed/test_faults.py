"""What goes wrong on one rank is an error on all, within the group's time-out, and never an answer."""

from __future__ import annotations

import os
import time

import pytest
import torch
from processes import Ended, run

from persistent_topk import distributed
from persistent_topk.distributed import calls

GROUP_SECONDS = 2.0
SLACK_SECONDS = 30.0  # over the group's time-out, on a busy machine

# What rank 1 does otherwise than rank 0, and what both are told.
DIFFERENCES = {
    "k": "k is 3 on rank 0, 4 on rank 1; expected the same on all ranks",
    "rows": "rows is 2 on rank 0, 3 on rank 1; expected the same on all ranks",
    "block": "block is None on rank 0, 2 on rank 1; expected the same on all ranks",
    "owned": "owned is False on rank 0, True on rank 1; expected the same on all ranks",
    "way": "way is None on rank 0, 'digits' on rank 1; expected the same on all ranks",
    "lengths": "lengths has other values on some ranks than on others (rank 0; rank 1)",
    "width": "the shards of the ranks make no row: widths is (8, 3); expected (7, 4)",
}


def call(
    rank: int, rows: int = 2, width: int = 8, last: int = 16, k: int = 3, **named: object
) -> torch.Tensor:
    lengths = torch.tensor([16] * (rows - 1) + [last], dtype=torch.int32)
    return distributed.topk(torch.full((rows, width), float(rank)), lengths, k, **named)  # type: ignore[arg-type]


def told(rank: int, **named: object) -> str:
    try:
        return str(call(rank, **named))  # type: ignore[arg-type]
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def differ(rank: int) -> list[str]:
    """One call for each difference, and one without in the end: the ranks are still in step."""
    other = [{"k": 4}, {"rows": 3}, {"block": 2}, {"owned": True}, {"way": "digits"}, {"last": 9}]
    found = [told(rank, **(named if rank else {})) for named in other]
    found.append(told(rank, block=4, **({"width": 3} if rank else {})))
    return [*found, told(rank)]


def test_other_arguments_on_a_rank_are_named_on_all() -> None:
    for ended in run(2, differ):
        assert not ended.error
        *found, last = ended.result  # type: ignore[misc]
        for words, expected in zip(found, DIFFERENCES.values(), strict=True):
            assert words.startswith(f"RanksDisagree: {expected}"), words
        assert "tensor([[ 8,  9, 10]" in last


def refuse(rank: int) -> list[str]:
    wrong = ({"k": 0}, {"block": "2"}, {"owned": 1}, {"way": "union"}, {"block": 0})
    return [*(told(rank, **(named if rank == 1 else {})) for named in wrong), told(rank)]


def test_what_one_rank_refuses_the_others_hear_of() -> None:
    first, second, third = run(3, refuse)
    for heard in (first, third):
        *found, last = heard.result  # type: ignore[misc]
        assert {"RanksDisagree: rank 1 refused the arguments; see the error raised there"} == set(found)
        assert "tensor" in last
    own = [words.split(";")[0] for words in second.result]  # type: ignore[attr-defined]
    assert own[:-1] == [
        "ValueError: k is 0",
        "TypeError: block is '2' of type str",
        "TypeError: owned is 1 of type int",
        "ValueError: way is 'union'",
        "ValueError: block is 0",
    ]


def die(rank: int, moment: str) -> object:
    """Rank 1 ends: before the call, or between the comparison and the exchange."""
    if rank == 1 and moment == "before":
        os._exit(3)
    if rank == 1:
        calls.select = lambda *_: os._exit(3)  # type: ignore[assignment]
    return call(rank)


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_rank_that_dies_is_an_error_on_the_others(moment: str) -> None:
    first, second, third = run(3, die, moment, group_seconds=GROUP_SECONDS)
    assert "died" == second.error
    for ended in (first, third):
        assert_an_error_in_time(ended)


def assert_an_error_in_time(ended: Ended) -> None:
    assert ended.error and ended.error != "died", f"an answer, {ended.result}, or no word"
    assert ended.seconds < GROUP_SECONDS + SLACK_SECONDS


def stumble(rank: int) -> list[str]:
    """Rank 1 fails between the comparison and the exchange, and goes on as if nothing had been."""
    select = calls.select
    if rank == 1:
        calls.select = lambda *_: 1 / 0  # type: ignore[assignment, return-value]
    found = [told(rank)]
    calls.select = select
    return [*found, told(rank)]


def test_a_rank_that_fails_in_the_middle_never_meets_the_others_later() -> None:
    first, second = run(2, stumble, group_seconds=GROUP_SECONDS)
    assert second.result[0].startswith("ZeroDivisionError")  # type: ignore[index]
    assert second.result[1].startswith("OutOfStep: an earlier call on this process group failed")  # type: ignore[index]
    assert "Error" in first.result[0], "an answer without rank 1's part"  # type: ignore[index]
    assert first.result[1].startswith("OutOfStep")  # type: ignore[index]
    assert first.seconds < GROUP_SECONDS + SLACK_SECONDS


def misfit(rank: int) -> list[str]:
    """What a prepared call does not take is an error there, and leaves the ranks out of step."""
    prepared = distributed.Prepared(2, 8, 3)
    lengths = torch.tensor([16, 16], dtype=torch.int32)
    found = []
    for rows in (2, 3 if rank == 1 else 2, 2):
        try:
            found.append(str(prepared(torch.zeros(rows, 8), lengths[:1].repeat(rows)).tolist()))
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
    return found


def test_what_a_prepared_call_does_not_take_is_named() -> None:
    first, second = run(2, misfit, group_seconds=GROUP_SECONDS)
    assert "[[0, 1, 2], [0, 1, 2]]" == first.result[0] == second.result[0]  # type: ignore[index]
    assert "shard is [3, 8] on cpu; expected [2, 8] on cpu, as prepared" in second.result[1]  # type: ignore[index]
    assert second.result[2].startswith("OutOfStep")  # type: ignore[index]
    assert "Error" in first.result[1] and first.result[2].startswith("OutOfStep")  # type: ignore[index]


def absent(rank: int) -> torch.Tensor:
    if rank == 1:
        time.sleep(GROUP_SECONDS + 1)
    return call(rank)


def test_a_rank_that_never_comes_is_an_error_within_the_time_out() -> None:
    first, _ = run(2, absent, group_seconds=GROUP_SECONDS)
    assert_an_error_in_time(first)
    assert first.seconds >= GROUP_SECONDS / 2
