"""Where behaviour may change with a row's length or with the keys that share a bin, from a Policy."""

from __future__ import annotations

from dataclasses import fields

from ...reference.policy import WARP_SIZE, Policy

# Lengths at which published kernels change path or fill a buffer: torch's topk from 300 to 20000, by the
# number of rows; 12288 and 200000 of TensorRT-LLM and vLLM.
PEER_LENGTHS = (
    *(300, 400, 800, 1000, 2048, 3000, 3708, 4096, 5000, 8000, 8192, 10000, 12288, 16384, 20000, 22016),
    *(32768, 65536, 98304, 200000),
)

PEER_BOUNDARIES = tuple(f"peer-{length}" for length in PEER_LENGTHS)

QUAD = 4  # columns that a thread reads at once

# A policy's fields that are no length of rows; all others are lengths at which something changes.
NOT_LENGTHS = (
    "name",
    "sample",
    "threads",
    "max_ctas",
    "ctas_per_sm",
    "wide_ctas_per_sm",
    "shared_bytes",
    "decode_bin_bits",
    "medium_bin_bits",
    "large_bin_bits",
)
POLICY_SIZES = tuple(field.name for field in fields(Policy) if field.name not in NOT_LENGTHS)
ROW_BOUNDARIES = ("k", *POLICY_SIZES, "word", "round", "chunk")
BIN_BOUNDARIES = ("rank_max", "candidates", "twice_candidates")


def row_boundary(name: str, policy: Policy, k: int, ctas: int) -> int:
    """The length called `name`, one of ROW_BOUNDARIES or "peer-N".

    word: two ballot words. round: what a block's threads read at once. chunk: the first length over
    split_min that `ctas` CTAs share in equal whole words.
    """
    if name.startswith("peer-"):
        return int(name.removeprefix("peer-"))
    if name == "k":
        return k
    if name == "word":
        return 2 * WARP_SIZE
    if name == "round":
        return policy.threads * QUAD
    if name == "chunk":
        share = WARP_SIZE * ctas
        return (policy.split_min // share + 1) * share
    return int(getattr(policy, name))


def bin_boundary(name: str, policy: Policy) -> int:
    """The number of keys in the threshold bin called `name`, one of BIN_BOUNDARIES."""
    return 2 * policy.candidates if name == "twice_candidates" else int(getattr(policy, name))


def label(name: str, delta: int) -> str:
    """ "decode_max", "decode_max-1", ..."""
    return name if delta == 0 else f"{name}{delta:+d}"


def touched_lengths(n: int, policy: Policy, k: int, ctas: int) -> list[str]:
    """Labels of the row boundaries, ours and published ones, that length n is at, or one column beside."""
    near = ((name, n - row_boundary(name, policy, k, ctas)) for name in (*ROW_BOUNDARIES, *PEER_BOUNDARIES))
    return [label(name, delta) for name, delta in near if abs(delta) <= 1]


def touched_counts(count: int, policy: Policy) -> list[str]:
    """Labels of the bin boundaries that `count` keys in the threshold bin are at, or one beside."""
    near = ((name, count - bin_boundary(name, policy)) for name in BIN_BOUNDARIES)
    return [f"bin {label(name, delta)}" for name, delta in near if abs(delta) <= 1]
