"""Each emulated intrinsic against what CUDA's documentation says, written out in Python."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from emulator_harness import run

from persistent_topk.cuda.emulated import Schedule
from persistent_topk.cuda.emulator.build import EMULATOR, compiler

WARP = 32
BLOCK = 64
VALUES = np.random.default_rng(5).integers(0, 900, BLOCK).astype(np.uint32)
WIDE = np.array([0, 1, 2, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFF, 0x00010000, 0xDEADBEEF] * 8, dtype=np.uint32)
MASK = 0xFFFFFFFF


def each(function, values):
    return [function(int(x), i) & MASK for i, x in enumerate(values)]


def per_warp(function, values):
    return [
        function(values[i - i % WARP : i - i % WARP + WARP].tolist(), i % WARP) & MASK for i in range(BLOCK)
    ]


def from_lane(source):
    """source(lane) is the lane whose value a lane gets."""
    return lambda warp, lane: warp[source(lane)]


def segment(lane, width):
    return lane - lane % width


def ffs(x):
    return (x & -x).bit_length()


def byte_perm(x, i):
    bytes_ = [*x.to_bytes(4, "little"), *(x ^ MASK).to_bytes(4, "little")]
    selector = 0xB4 + i
    return int.from_bytes(bytes([bytes_[selector >> 4 * n & 7] for n in range(4)]), "little")


BITS = {
    "popc": lambda x, i: x.bit_count(),
    "clz": lambda x, i: 32 - x.bit_length(),
    "ffs": lambda x, i: ffs(x),
    "brev": lambda x, i: int(f"{x:032b}"[::-1], 2),
    "funnelshift_l": lambda x, i: ((x ^ MASK) << 32 | x) << i % 32 >> 32,
    "funnelshift_r": lambda x, i: ((x ^ MASK) << 32 | x) >> i % 32,
    "byte_perm": byte_perm,
    "byte_perm_of_bit_3": lambda x, i: x ^ MASK,  # as without: no sign is copied
    "umulhi": lambda x, i: x * ((x + i) & MASK) >> 32,
}


@pytest.mark.parametrize("name", BITS)
def test_bit_intrinsic(name):
    assert run("intrinsics", name, WIDE).tolist() == each(BITS[name], WIDE)


NUMBERS = np.array([1.0, np.nan, -0.0, 0.0, np.inf, -np.inf, -2.5, -np.nan], np.float32)


def number_of_two(function, x, y):
    """The lesser or greater number; -0 lies below +0, and NaN counts only against NaN."""
    numbers = [value for value in (x, y) if not np.isnan(value)]
    return function(numbers, key=lambda value: (value, not np.signbit(value))) if numbers else np.nan


@pytest.mark.parametrize("type_", ["float", "double"])
@pytest.mark.parametrize("function", [min, max])
def test_a_number_is_chosen_before_nan(function, type_):
    count = len(NUMBERS)
    got = run("intrinsics", f"{function.__name__}_{type_}", NUMBERS.repeat(count).view(np.uint32))
    expected = np.array([number_of_two(function, x, y) for x in NUMBERS for y in NUMBERS], np.float32)
    np.testing.assert_array_equal(got.view(np.float32), expected)
    numbers = ~np.isnan(expected)
    assert np.array_equal(np.signbit(got.view(np.float32))[numbers], np.signbit(expected)[numbers])


COLLECTIVES = {
    "ballot": lambda warp, lane: sum((x & 1) << n for n, x in enumerate(warp)),
    "any": lambda warp, lane: 77 in warp,
    "all": lambda warp, lane: all(x < 1000 for x in warp),
    "shfl_up": from_lane(lambda lane: lane if lane < 3 else lane - 3),
    "shfl_up_narrow": from_lane(lambda lane: lane if lane % 16 < 3 else lane - 3),
    "shfl_down": from_lane(lambda lane: lane if lane + 5 > 31 else lane + 5),
    "shfl_down_narrow": from_lane(lambda lane: lane if lane % 8 + 5 > 7 else lane + 5),
    "shfl_xor": from_lane(lambda lane: lane ^ 9),
    "shfl_xor_narrow": from_lane(lambda lane: lane ^ 9 if lane ^ 9 < segment(lane, 8) + 8 else lane),
    "match_any": lambda warp, lane: sum((x % 3 == warp[lane] % 3) << n for n, x in enumerate(warp)),
    "match_all": lambda warp, lane: MASK ^ 1,  # all values are below 1000: all equal, and `all` is 1
    "reduce_add": lambda warp, lane: sum(warp),
    "reduce_min": lambda warp, lane: min(warp),
    "reduce_max_signed": lambda warp, lane: max(warp),
    "reduce_and": lambda warp, lane: np.bitwise_and.reduce(warp),
    "reduce_or": lambda warp, lane: np.bitwise_or.reduce(warp),
    "reduce_xor": lambda warp, lane: np.bitwise_xor.reduce(warp),
    "ballot_of_halves": lambda warp, lane: sum(
        (warp[n] & 1) << n for n in range(lane // 16 * 16, lane // 16 * 16 + 16)
    ),
}


@pytest.mark.parametrize("name", COLLECTIVES)
@pytest.mark.parametrize("schedule", ["round_robin", "reverse", "random:seed=3"])
def test_warp_collective(name, schedule):
    actual = run("intrinsics", name, VALUES, schedule=Schedule.parse(schedule))
    assert actual.tolist() == per_warp(COLLECTIVES[name], VALUES)


def test_shuffle_from_a_lane_takes_the_lane_modulo_the_width():
    # The source lane is computed from the thread's number in the block, 0..63, times five.
    wide = [VALUES[i - i % WARP + i * 5 % WARP] for i in range(BLOCK)]
    narrow = [VALUES[segment(i, 8) + i * 5 % 8] for i in range(BLOCK)]
    assert run("intrinsics", "shfl", VALUES).tolist() == wide
    assert run("intrinsics", "shfl_narrow", VALUES).tolist() == narrow


def test_signed_reduction_takes_the_sign_into_account():
    values = np.where(np.arange(BLOCK) % 2, WIDE, 0x80000000).astype(np.uint32)
    expected = per_warp(lambda warp, lane: max(np.array(warp, np.uint32).view(np.int32).tolist()), values)
    assert run("intrinsics", "reduce_max_signed", values).tolist() == expected


BLOCK_VOTES = {
    "syncthreads_count": sum(int(x) & 1 for x in VALUES),
    "syncthreads_and": 1,
    "syncthreads_or": int(77 in VALUES),
}


@pytest.mark.parametrize("name", BLOCK_VOTES)
def test_block_vote(name):
    assert set(run("intrinsics", name, VALUES).tolist()) == {BLOCK_VOTES[name]}


SIGNED = VALUES.astype(np.int64) - 450
ATOMICS = {
    "atomic_add": (VALUES, 5 + int(VALUES.sum())),
    "atomic_sub": (VALUES, (5 - int(VALUES.sum())) & MASK),
    "atomic_min": (VALUES, int(VALUES.min())),
    "atomic_max_signed": (SIGNED.astype(np.uint32), int(SIGNED.max())),
    "atomic_and": (VALUES | 64, int(np.bitwise_and.reduce(VALUES | 64))),
    "atomic_or": (VALUES, int(np.bitwise_or.reduce(VALUES))),
    "atomic_xor": (VALUES, int(np.bitwise_xor.reduce(VALUES))),
    "atomic_inc": (VALUES, BLOCK % 10),
    "atomic_cas": (VALUES, BLOCK),
}


@pytest.mark.parametrize("name", ATOMICS)
@pytest.mark.parametrize("schedule", ["round_robin", "reverse", "starve:seed=1", "pct:seed=2"])
def test_atomic(name, schedule):
    values, expected = ATOMICS[name]
    assert set(run("intrinsics", name, values, schedule=Schedule.parse(schedule)).tolist()) == {expected}


def test_atomic_exchange_hands_out_each_value_once():
    got = run("intrinsics", "atomic_exchange", schedule=Schedule("random", seed=1)).tolist()
    assert len(set(got)) == BLOCK and set(got) < {1000, *range(BLOCK)}


def compiles(statement):
    """(whether the dialect takes the statement about the address `p`, what the compiler says)."""
    source = f'#include "dialect.hpp"\nvoid call(void* p) {{ {statement}; }}\n'
    flags = ["-std=c++20", "-fsyntax-only", f"-I{EMULATOR}", "-x", "c++", "-"]
    done = subprocess.run([*compiler(), *flags], input=source, capture_output=True, text=True)
    return done.returncode == 0, done.stderr


RECORDED = ("atomicAdd(static_cast<int*>(p), 1)", "__shfl_sync(1, 1.0f, 0)", "__match_any_sync(1, 1u)")
UNRECORDED = {
    "atomicAdd(static_cast<float*>(p), 1.0f)": "atomics of 32-bit integers alone",
    "atomicAdd(static_cast<double*>(p), 1.0)": "atomics of 32-bit integers alone",
    "atomicSub(static_cast<long long*>(p), 1)": "atomics of 32-bit integers alone",
    "atomicCAS(static_cast<unsigned long long*>(p), 1, 2)": "atomics of 32-bit integers alone",
    "__shfl_xor_sync(1, 1.0, 0)": "exchange 32 bits alone",
    "__match_any_sync(1, 1ull)": "exchange 32 bits alone",
}


@pytest.mark.parametrize("statement", UNRECORDED)
def test_what_no_gpu_has_answered_is_refused(statement):
    taken, told = compiles(statement)
    assert not taken and UNRECORDED[statement] in told


def test_what_a_gpu_has_answered_is_taken():
    assert compiles("; ".join(RECORDED)) == (True, "")
