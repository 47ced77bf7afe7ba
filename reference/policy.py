"""The numbers that tuning may change, by name; the Python mirror of `Policy` in cuda/kernel/constants.cuh."""

from __future__ import annotations

from dataclasses import dataclass, replace

WARP_SIZE = 32  # threads of a warp; chunk bounds are multiples of as many columns (128 bytes)
QUAD = 4  # columns of one 16-byte load
DIGIT_BITS = 8  # bits of one radix refinement digit
DIGITS = 1 << DIGIT_BITS  # counters of one digit histogram
MAX_PASSES = 4  # refinement passes: a 32-bit key range holds four 8-bit digits
MAX_BINS = 2048  # counters of the widest coarse histogram
MAX_K = 4096  # largest k of the contract
DEFAULT_K = 2048  # the default: that of DeepSeek's sparse attention
MAX_VALUES = 64  # columns that a thread holds
MOST_SHARED = 65535  # greatest count of a coarse bin that CTAs exchange: 16 bits, above any k and buffer
MAX_CTAS = 16  # CTAs of the largest cluster there is (sm_90, non-portable size)


@dataclass(frozen=True)
class Policy:
    """Thresholds and sizes of one compiled kernel. name: the one that commands and reports use.

    Sizes are in columns (float32 logits) unless noted otherwise. The same values stand in
    cuda/kernel/constants.cuh, each with its reason; a test holds the two equal.
    """

    name: str
    threads: int  # threads of a CTA
    ctas_per_sm: int  # CTAs that an SM holds at a time where all rows are short
    wide_ctas_per_sm: int  # the same where rows may be long
    decode_max: int  # longest row of the decode path
    medium_max: int  # longest row that one CTA takes when the plan does not split it
    split_min: int  # rows longer than this are shared when a team has several CTAs
    chunk_min: int  # a row is not cut into chunks shorter than this
    chunk_max: int  # where chunks may be longer by the plan, the longest rows get larger teams
    max_ctas: int  # most CTAs that share a row
    decode_bin_bits: int  # coarse FP16 bins of the decode path: 2**bits
    medium_bin_bits: int  # the same for medium
    large_bin_bits: int  # the same for large
    candidates: int  # capacity of the candidate buffer, keys; more spill to passes over the row
    rank_max: int  # most candidates that are ranked by comparison; more take digit passes
    tile: int  # columns that a CTA reads at a time while it streams; rows and chunks of so few have less code
    sample: int  # columns of a chunk that bound what is selected, before it is streamed
    held: int  # longest row that one CTA holds in registers, by its own path or the medium one
    survivors: int  # capacity of the list of columns that pass the running threshold
    map: int  # columns of a chunk whose selection is kept as a bitmap; longer ones take segments
    shared_bytes: int  # of shared memory that a CTA must be able to ask for to take wide rows

    @property
    def register_columns(self) -> int:
        """Columns of a decode path's row, or of a shared row's chunk, that registers hold: whole rounds."""
        round_columns = self.threads * QUAD
        return -(-self.decode_max // round_columns) * round_columns

    def __post_init__(self) -> None:
        assert self.threads % WARP_SIZE == 0 and self.map % (QUAD * self.threads) == 0
        assert max(self.register_columns, self.tile) <= self.medium_max
        assert self.survivors % self.threads == 0 and self.tile % (QUAD * self.threads) == 0
        assert self.sample % (QUAD * self.threads) == 0 and self.sample <= self.register_columns
        assert self.decode_max <= self.held <= self.medium_max and self.held % (QUAD * self.threads) == 0
        assert self.held <= MAX_VALUES * self.threads, "a thread's columns fit two words of a mask"
        assert self.rank_max <= self.candidates
        assert self.rank_max < 1024, "a rank travels in ten bits"
        assert self.max_ctas <= MAX_CTAS


LATENCY = Policy(
    name="latency",
    threads=512,
    ctas_per_sm=2,
    wide_ctas_per_sm=1,
    decode_max=16384,
    medium_max=65536,
    split_min=16384,
    chunk_min=8192,
    chunk_max=65536,
    max_ctas=16,
    decode_bin_bits=11,
    medium_bin_bits=11,
    large_bin_bits=9,
    candidates=4096,
    rank_max=64,
    tile=8192,
    sample=4096,
    held=32768,
    survivors=10240,
    map=131072,
    shared_bytes=227 * 1024,
)

# Shared by the policies that give each row one CTA.
_UNSHARED = replace(
    LATENCY,
    split_min=65536,
    chunk_min=65536,
    max_ctas=1,
    candidates=2048,
)

DENSE = replace(
    _UNSHARED,
    name="dense",
    wide_ctas_per_sm=2,
    tile=4096,
    held=16384,
    survivors=6144,
    map=65536,
    shared_bytes=113 * 1024,
)

SHORT = replace(
    _UNSHARED,
    name="short",
    threads=256,
    ctas_per_sm=4,
    decode_max=8192,
    tile=4096,
    held=8192,
    map=262144,
)

COMPACT = replace(
    LATENCY,
    name="compact",
    medium_bin_bits=10,
    candidates=2048,
    tile=4096,
    survivors=6144,
    map=24576,
    shared_bytes=99 * 1024,
)

SMALL = Policy(
    name="small",
    threads=64,
    ctas_per_sm=1,
    wide_ctas_per_sm=1,
    decode_max=384,
    medium_max=1024,
    split_min=512,
    chunk_min=64,
    chunk_max=512,
    max_ctas=4,
    decode_bin_bits=11,
    medium_bin_bits=8,
    large_bin_bits=8,
    candidates=48,
    rank_max=16,
    tile=256,
    sample=512,
    held=768,
    survivors=320,
    map=512,
    shared_bytes=48 * 1024,
)

TINY = Policy(
    name="tiny",
    threads=32,
    ctas_per_sm=1,
    wide_ctas_per_sm=1,
    decode_max=32,
    medium_max=256,
    split_min=64,
    chunk_min=32,
    chunk_max=64,
    max_ctas=2,
    decode_bin_bits=8,
    medium_bin_bits=8,
    large_bin_bits=9,
    candidates=8,
    rank_max=4,
    tile=128,
    sample=128,
    held=128,
    survivors=96,
    map=128,
    shared_bytes=48 * 1024,
)

SHIPPED = (LATENCY, DENSE, SHORT, COMPACT)
POLICIES = {policy.name: policy for policy in (*SHIPPED, SMALL, TINY)}


def by_name(name: str) -> Policy:
    """The policy of that name. Raises ValueError that lists the known names if there is none."""
    if name not in POLICIES:
        raise ValueError(f"policy is {name!r}; expected one of {', '.join(POLICIES)}")
    return POLICIES[name]
