"""The promises a top-k may make, by the names that the command line, the reports and the files use."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Property(NamedTuple):
    """name: as users write it. promise: what holds for every row of every call. claims: the named
    claims that include it."""

    name: str
    promise: str
    claims: tuple[str, ...]


# What the words "top-k of the first n columns, so many indices a row" say by themselves. Lengths under 1 or
# over the columns, and any stride and alignment, are promised by those alone who speak of them.
_ALL = ("selection", "set", "contract")
_SET = ("set", "contract")
_CONTRACT = ("contract",)

PROPERTIES = (
    Property("exact-set", "the selected values are the greatest min(k, n), bit for bit (+0 is -0)", _ALL),
    Property("in-range-unique", "the first min(k, n) slots hold distinct columns under n", _ALL),
    Property("fully-written", "no slot keeps what the memory held before the call", _ALL),
    Property("padding", "the slots behind min(k, n) hold the padding value, and no slot before does", _ALL),
    Property("short-lengths", "lengths under 1 and over the columns act as clamped to them", _SET),
    Property("tail-independent", "what lies beyond n never reaches the selection", _ALL),
    Property("layout-independent", "row stride, offset and alignment do not matter", _SET),
    Property("inputs-untouched", "logits (tails and gaps too) and lengths are as before the call", _ALL),
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

# Of targets that take windows, write places or columns, or return values; `set` includes each for these.
WINDOW_INDEPENDENT = Property("window-independent", "nothing before the start of a window matters", _ALL)
TRANSLATION = Property("translation", "each place is that of its column, or -1 where it has none", _ALL)
VALUES_MATCH = Property("values-match", "each value has the bits of the logit at its column, then -inf", _ALL)
# The arguments of a call that each is measured by, where a target takes one of them.
OF_WHOLE_CALLS = {
    WINDOW_INDEPENDENT: ("starts", "ends"),
    TRANSLATION: ("offsets", "page_table", "return_columns", "index_dtype"),
    VALUES_MATCH: ("return_values", "values"),
}

NAMES = tuple(item.name for item in PROPERTIES)
CLAIMABLE = (*NAMES, *(item.name for item in OF_WHOLE_CALLS), SHARD_INDEPENDENT.name)
EVERY_NAME = (*CLAIMABLE, TRACE_AGREEMENT.name)
CLAIMS: dict[str, frozenset[str]] = {
    claim: frozenset(item.name for item in (*PROPERTIES, *OF_WHOLE_CALLS) if claim in item.claims)
    for claim in _ALL
}
OWN_CLAIM = CLAIMS["contract"] | {TRACE_AGREEMENT.name}


def parse_claim(text: str) -> frozenset[str]:
    """The properties of a comma-separated list, from left to right: a named claim or a property adds, one
    with a minus before it takes back. A list that begins by taking back takes from "contract".

    Raises ValueError that names what is not known, or that nothing is left.
    """
    claimed: frozenset[str] = CLAIMS["contract"] if text.lstrip().startswith("-") else frozenset()
    for word in (part.strip() for part in text.split(",")):
        name = word.removeprefix("-")
        if name not in CLAIMS and name not in CLAIMABLE:
            known = ", ".join((*CLAIMS, *CLAIMABLE))
            raise ValueError(f"claim is {name!r}; expected a comma-separated list of: {known}")
        named = CLAIMS.get(name, frozenset({name}))
        claimed = claimed - named if word.startswith("-") else claimed | named
    if not claimed:
        raise ValueError(f"claim is {text!r}, which leaves no property; expected at least one")
    return claimed


def with_shards(claims: frozenset[str]) -> frozenset[str]:
    """The claims of a target that turns out to take shards: who promises the contract promises it of them."""
    return claims | {SHARD_INDEPENDENT.name} if claims.issuperset(NAMES) else claims


def measured_on(takes: Iterable[str], shards: bool = False, own: bool = False) -> tuple[str, ...]:
    """The properties that are measured on a target, in the order of reports. takes: what of a whole call it
    takes, by the names of cases/asking.py. shards: whether it takes these. own: whether it is ours."""
    taken = set(takes)
    more = [item.name for item, needs in OF_WHOLE_CALLS.items() if taken.intersection(needs)]
    more += [SHARD_INDEPENDENT.name] if shards else []
    return (*NAMES, *more, *((TRACE_AGREEMENT.name,) if own else ()))


def promise_of(name: str) -> str:
    """The sentence behind a property's name."""
    every = (*PROPERTIES, *OF_WHOLE_CALLS, SHARD_INDEPENDENT, TRACE_AGREEMENT)
    return next(item.promise for item in every if item.name == name)
