"""The promises a top-k may make, by the names that the command line, the reports and the files use."""

from __future__ import annotations

from typing import NamedTuple


class Property(NamedTuple):
    """name: as users write it. promise: what holds for every row of every call. claims: the named
    claims that include it."""

    name: str
    promise: str
    claims: tuple[str, ...]


_BOTH = ("set", "contract")
_CONTRACT = ("contract",)

PROPERTIES = (
    Property("exact-set", "the selected values are the greatest min(k, n), bit for bit (+0 is -0)", _BOTH),
    Property("in-range-unique", "the first min(k, n) slots hold distinct columns under n", _BOTH),
    Property("fully-written", "no slot keeps what the memory held before the call", _BOTH),
    Property("padding", "the slots behind min(k, n) hold the padding value, and no slot before does", _BOTH),
    Property("short-lengths", "lengths under 1 and over the columns act as clamped to them", _BOTH),
    Property("tail-independent", "what lies beyond n never reaches the selection", _BOTH),
    Property("layout-independent", "row stride, offset and alignment do not matter", _BOTH),
    Property("inputs-untouched", "logits (tails and gaps too) and lengths are as before the call", _BOTH),
    Property("lowest-column-ties", "of equal values at the k-th place, the lowest columns", _CONTRACT),
    Property("ascending-order", "columns are written in ascending order", _CONTRACT),
    Property("repeatable-set", "the same call selects the same columns", _CONTRACT),
    Property("repeatable-bytes", "the same call writes the same bytes, under any schedule", _CONTRACT),
    Property("batch-independent", "a row's answer does not depend on the rows around it", _CONTRACT),
    Property("nan-first", "NaN of any sign and payload is above everything", _CONTRACT),
    Property("signed-zero-tie", "+0 and -0 tie, and the lowest columns win", _CONTRACT),
    Property("graph-replay", "a captured CUDA graph replays to the same bytes", _CONTRACT),
)
TRACE_AGREEMENT = Property(
    "trace-agreement", "stage by stage, the record of every row equals the model's", ("own",)
)

# Of targets that take the rows in shards; `contract` includes it for these.
SHARD_INDEPENDENT = Property("shard-independent", "ranks that share the rows give the bytes of one", ())

NAMES = tuple(item.name for item in PROPERTIES)
EVERY_NAME = (*NAMES, SHARD_INDEPENDENT.name, TRACE_AGREEMENT.name)
CLAIMS: dict[str, frozenset[str]] = {
    claim: frozenset(item.name for item in PROPERTIES if claim in item.claims) for claim in _BOTH
}
OWN_CLAIM = CLAIMS["contract"] | {TRACE_AGREEMENT.name}


def parse_claim(text: str) -> frozenset[str]:
    """The properties of "contract", "set" or a comma-separated list of these and property names.

    Raises ValueError that names what is not known.
    """
    claimed: set[str] = set()
    for word in (part.strip() for part in text.split(",")):
        if word in CLAIMS:
            claimed |= CLAIMS[word]
        elif word in (*NAMES, SHARD_INDEPENDENT.name):
            claimed.add(word)
        else:
            known = ", ".join((*CLAIMS, *NAMES, SHARD_INDEPENDENT.name))
            raise ValueError(f"claim is {word!r}; expected a comma-separated list of: {known}")
    return frozenset(claimed)


def with_shards(claims: frozenset[str]) -> frozenset[str]:
    """The claims of a target that turns out to take shards: who promises the contract promises it of them."""
    return claims | {SHARD_INDEPENDENT.name} if CLAIMS["contract"] <= claims else claims


def promise_of(name: str) -> str:
    """The sentence behind a property's name."""
    every = (*PROPERTIES, SHARD_INDEPENDENT, TRACE_AGREEMENT)
    return next(item.promise for item in every if item.name == name)
