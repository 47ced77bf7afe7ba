"""Kernels with one mistake each: the emulator says what, who and where; correct twins pass."""

from __future__ import annotations

import pytest
from emulator_harness import run

from persistent_topk.cuda.emulated import EmulationError, Schedule

SCHEDULES = ["round_robin", "reverse", "starve:seed=1", "random:seed=1", "pct:seed=1"]

# Kernel: kind of failure, and what the message must contain.
ONE_CTA = {
    "barrier_missed_by_a_warp": ("barrier-mismatch", "__syncthreads()"),
    "barrier_in_two_places": ("barrier-mismatch", "while"),
    "deadlock_of_barrier_and_collective": ("deadlock", "__syncwarp(mask 0xffffffff)"),
    "collective_masks_differ": ("collective-mismatch", "0xfffffff8"),
    "collective_operations_differ": ("collective-mismatch", "__any_sync"),
    "collective_without_its_lane": ("collective-mismatch", "in which it is not"),
    "collective_with_exited_lane": ("collective-mismatch", "exit"),
    "cluster_wait_without_arrival": ("barrier-mismatch", "without having arrived"),
    "assertion_fails": ("assertion", "thread 9 (warp 0, lane 9) of CTA 0: assertion threadIdx.x != 9 fails"),
    "traps": ("assertion", "trap"),
    "reads_beyond_input": ("out-of-bounds", "0 bytes behind the end of input"),
    "reads_before_input": ("out-of-bounds", "4 bytes before input"),
    "writes_input": ("read-only-write", "input"),
    "writes_beyond_output": ("out-of-bounds", "behind the end of output"),
    "leaves_a_slot": ("unwritten-output", "output[0, 17]"),
    "reads_output_unwritten": ("unwritten-read", "of output"),
    "reads_shared_unwritten": ("unwritten-read", "offset 12 of the shared memory"),
    "reads_beyond_shared": ("out-of-bounds", "offset 256 of shared memory, which has 256 bytes"),
    "copies_beyond_shared": ("out-of-bounds", "columns"),
    "misaligned_vector": ("misaligned", "16 bytes"),
    "vector_beyond_input": ("out-of-bounds", "16 bytes"),
    "shifts_too_far": ("undefined-behaviour", "shift"),
    "touches_anothers_variable": ("out-of-bounds", "another thread's local variables"),
    "copies_odd_struct_beyond_shared": ("out-of-bounds", "writes 7 bytes at offset 252 of shared memory"),
    "clears_beyond_shared": ("out-of-bounds", "writes 259 bytes at offset 0 of shared memory"),
    "overflows": ("undefined-behaviour", "signed addition overflows"),
    "runs_away": ("runaway", "budget"),
    "waits_for_nobody": (
        "deadlock",
        "CTA 0: thread 0: spinning on a word that nobody writes, at mistakes.cpp",
    ),
    "waits_for_nobody_in_a_volatile": (
        "deadlock",
        "CTA 0: thread 40: spinning on a word that nobody writes, at mistakes.cpp",
    ),
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel", ONE_CTA)
def test_mistake_is_named(kernel, schedule):
    kind, text = ONE_CTA[kernel]
    with pytest.raises(EmulationError) as caught:
        run("mistakes", kernel, schedule=Schedule.parse(schedule), access_budget=10**5)
    assert caught.value.kind == kind
    assert text in str(caught.value)
    assert str(Schedule.parse(schedule)) in str(caught.value)


PEERS = {
    "cluster_barrier_missed_by_a_cta": {"barrier-mismatch"},
    "reads_peer_too_early": {"peer-not-started"},
    "reads_peer_too_late": {"peer-exited"},
    "overwrites_what_peers_read": {"race"},
}


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("kernel", PEERS)
def test_mistake_between_ctas_of_a_cluster_is_named(kernel, schedule):
    with pytest.raises(EmulationError) as caught:
        run("mistakes", kernel, grid=4, cluster=2, schedule=Schedule.parse(schedule))
    assert caught.value.kind in PEERS[kernel]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_groups_of_a_warp_may_use_masks_of_their_own(schedule):
    sum_of_last_group = 28 + 29 + 30 + 31
    assert set(run("mistakes", "collectives_of_groups", schedule=Schedule.parse(schedule))) == {
        sum_of_last_group
    }


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_peers_of_a_cluster_read_each_others_shared_memory(schedule):
    got = run("mistakes", "reads_peer", grid=6, cluster=3, schedule=Schedule.parse(schedule))
    assert got.reshape(6, -1)[:, 0].tolist() == [1, 2, 0, 4, 5, 3]


def test_failure_names_file_and_line_through_inlined_functions():
    with pytest.raises(EmulationError, match=r"at mistakes\.cpp:\d+"):
        run("mistakes", "reads_shared_unwritten")


def test_loop_without_any_access_ends():
    with pytest.raises(EmulationError, match="without touching memory or synchronising") as caught:
        run("mistakes", "runs_away_in_registers")
    assert caught.value.kind == "runaway"
    assert set(run("mistakes", "collectives_of_groups")) == {28 + 29 + 30 + 31}  # the next launch is whole


def test_vector_is_seen_in_full_when_one_lane_of_it_is_used():
    with pytest.raises(
        EmulationError, match="reads 16 bytes at offset 256 of shared memory, which has 264"
    ) as caught:
        run("mistakes", "reads_vector_for_one_lane", shared_words=66)
    assert caught.value.kind == "out-of-bounds"


def test_launch_that_a_device_would_refuse_is_refused():
    for shape in ({"block": 48}, {"block": 2048}, {"grid": 3, "cluster": 2}, {"shared_words": 60_000}):
        with pytest.raises(EmulationError) as caught:
            run("mistakes", "traps", **shape)
        assert caught.value.kind == "launch"
