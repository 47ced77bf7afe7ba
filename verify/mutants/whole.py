"""Mutants of whole calls: where a row lies, what it is made of, and what is written for a column."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE, SPECIAL_VALUE
from .mutant import Mutant, one_edit

NO_BOUND = "a bound left out"
NARROWER = "a narrower integer"
OTHER = "one column, row or page taken for another"


def of_call(name: str, old: str, new: str, recreates: str) -> Mutant:
    return one_edit(name, "call.cuh", old, new, recreates)


def of_places(name: str, old: str, new: str, recreates: str) -> Mutant:
    return one_edit(name, "places.cuh", old, new, recreates)


START = "const int begin = call.starts == nullptr ? 0 : max(0, min(call.starts[row], call.columns));"
END = "return {begin, max(begin, min(call.ends[row], call.columns)) - begin};"
TOKENS = "const int64_t tokens = given - call.queries + 1 + row % call.queries;"
COLUMNS = "static_cast<int>(static_cast<uint32_t>(tokens) / call.compress_ratio);"

WINDOWS = (
    of_call("window-start-ignored", START, "const int begin = 0;", LEFT_OUT),
    of_call(
        "window-start-below-the-row",
        START,
        "const int begin = call.starts == nullptr ? 0 : min(call.starts[row], call.columns);",
        NO_BOUND,
    ),
    of_call(
        "window-end-behind-the-row", END, "return {begin, max(begin, call.ends[row]) - begin};", NO_BOUND
    ),
    of_call(
        "window-longer-than-its-room",
        "return {begin, min(row_columns(call, row), room)};",
        "return {begin, min(row_columns(call, row), call.columns)};",
        NO_BOUND,
    ),
    of_call(
        "all-columns-from-the-first",
        "if (call.lengths == nullptr) return {begin, room};",
        "if (call.lengths == nullptr) return {begin, call.columns};",
        NO_BOUND,
    ),
    of_call(
        "queries-off-by-one",
        TOKENS,
        "const int64_t tokens = given - call.queries + row % call.queries;",
        OFF_BY_ONE,
    ),
    of_call(
        "length-of-another-sequence",
        "const int64_t given = call.lengths[row / call.queries];",
        "const int64_t given = call.lengths[row % call.queries];",
        OTHER,
    ),
    of_call(
        "ratio-rounded-up",
        COLUMNS,
        "static_cast<int>((static_cast<uint32_t>(tokens) + call.compress_ratio - 1) / call.compress_ratio);",
        OFF_BY_ONE,
    ),
    of_call(
        "tokens-below-none",
        "return tokens <= 0 ? 0 : static_cast<int>",
        "return static_cast<int>",
        SPECIAL_VALUE,
    ),
    one_edit(
        "head-of-a-stream-not-masked",
        "stream.cuh",
        "tile.take_part(first == 0 ? chunk.head : 0, chunk.length - first);",
        "tile.take_part(0, chunk.length - first);",
        LEFT_OUT,
    ),
    one_edit(
        "head-of-a-held-row-not-masked",
        "medium.cuh",
        "tile.take_part(row.head, row.length);",
        "tile.take_part(0, row.length);",
        LEFT_OUT,
    ),
)

OFFSETS = (
    of_places(
        "offset-on-the-padding",
        "write_place(call, index, slot, kPadding);",
        "write_place(call, index, slot, kPadding + places_of(call, row.index).offset);",
        SPECIAL_VALUE,
    ),
    of_places(
        "offset-of-64-bits-in-32",
        "call.wide_offsets ? static_cast<const int64_t*>(call.offsets)[row]",
        "call.wide_offsets ? static_cast<int32_t>(static_cast<const int64_t*>(call.offsets)[row])",
        NARROWER,
    ),
    of_places(
        "offset-over-64-bits",
        "places.offset > INT64_MAX - column ? kPadding : places.offset + column",
        "static_cast<int64_t>(static_cast<uint64_t>(places.offset) + column)",
        NO_BOUND,
    ),
    of_places(
        "place-of-64-bits-in-32",
        "static_cast<int64_t*>(call.output)[row * call.output_stride + slot] = place;",
        "static_cast<int64_t*>(call.output)[row * call.output_stride + slot] = static_cast<int32_t>(place);",
        NARROWER,
    ),
    of_places(
        "place-over-32-bits-cut",
        "fits ? static_cast<int32_t>(place) : kPadding;",
        "static_cast<int32_t>(place);",
        NO_BOUND,
    ),
)

PAGE = "const int64_t page = places.first_page + (column >> call.page_bits);"
OUTSIDE = "if (page < 0 || page >= call.pages) return kPadding;"
ENTRY = "return entry < 0 ? kPadding : (static_cast<int64_t>(entry) << call.page_bits) + within;"

PAGES = (
    of_places(
        "page-of-the-next-column",
        PAGE,
        "const int64_t page = places.first_page + ((column + 1) >> call.page_bits);",
        OTHER,
    ),
    of_places("first-page-ignored", PAGE, "const int64_t page = column >> call.page_bits;", LEFT_OUT),
    of_places(
        "page-behind-the-table", OUTSIDE, "if (page < 0 || page > call.pages) return kPadding;", COMPARISON
    ),
    of_places("page-before-the-table", OUTSIDE, "if (page >= call.pages) return kPadding;", NO_BOUND),
    of_places(
        "page-wraps",
        "const int32_t entry = places.table[page];",
        "const int32_t entry = places.table[page & 1];",
        OTHER,
    ),
    of_places(
        "table-row-unchecked",
        "const bool exists = 0 <= table && table < call.tables;",
        "const bool exists = true;",
        NO_BOUND,
    ),
    of_places(
        "table-rows-ignored",
        "const int table = call.table_rows == nullptr ? row : call.table_rows[row];",
        "const int table = row;",
        LEFT_OUT,
    ),
    of_places(
        "negative-entry-taken",
        ENTRY,
        "return (static_cast<int64_t>(entry) << call.page_bits) + within;",
        SPECIAL_VALUE,
    ),
    of_places(
        "place-in-its-page-in-32-bits",
        ENTRY,
        "return entry < 0 ? kPadding : "
        "static_cast<int32_t>(static_cast<uint32_t>(entry) << call.page_bits) + within;",
        NARROWER,
    ),
    of_places(
        "place-in-its-page-lost",
        ENTRY,
        "return entry < 0 ? kPadding : static_cast<int64_t>(entry) << call.page_bits;",
        LEFT_OUT,
    ),
)

BESIDE = (
    of_places(
        "values-of-another-column",
        "if (call.values_out != nullptr) value[i] = logits[column[i]];",
        "if (call.values_out != nullptr) value[i] = logits[column[kBatch - 1]];",
        OTHER,
    ),
    of_places(
        "values-from-the-first-column",
        "(call.values_out == nullptr ? 0 : row.params.window(index).begin);",
        "0;",
        LEFT_OUT,
    ),
    of_places(
        "columns-padded-with-zero",
        "call.columns_out[index * call.columns_stride + slot] = kPadding;",
        "call.columns_out[index * call.columns_stride + slot] = 0;",
        SPECIAL_VALUE,
    ),
    of_places(
        "values-not-padded",
        "if (call.values_out != nullptr) set_lowest(static_cast<T*>(call.values_out)"
        "[index * call.values_stride + slot]);",
        "",
        LEFT_OUT,
    ),
    one_edit(
        "values-padded-with-zero",
        "dtypes.cuh",
        "x = float_of(kSignBit | kInfinityBits);",
        "x = 0;",
        SPECIAL_VALUE,
    ),
    one_edit(
        "half-values-padded-with-plus-infinity",
        "dtypes.cuh",
        "x.bits = kSignBit >> kHalfBits | kHalfInfinity;",
        "x.bits = kHalfInfinity;",
        SPECIAL_VALUE,
    ),
)

DTYPES = (
    one_edit(
        "bfloat16-with-its-neighbours-bits",
        "dtypes.cuh",
        "x[c + 1] = float_of(quad.words[c / 2] & kUpper);",
        "x[c + 1] = float_of(quad.words[c / 2]);",
        LEFT_OUT,
    ),
    one_edit(
        "bfloat16-pairs-swapped",
        "dtypes.cuh",
        "x[c] = float_of(quad.words[c / 2] << kHalfBits);",
        "x[c] = float_of(quad.words[c / 2] & kUpper);",
        OTHER,
    ),
    one_edit(
        "bfloat16-bound-compared-as-its-bits",
        "order.cuh",
        "return (bits >> kHalfBits) + ((bits & kSignBit) && (bits & kLower));",
        "return (bits >> kHalfBits) + ((bits & kLower) != 0);",
        COMPARISON,
    ),
    one_edit(
        "float16-nan-lost",
        "order.cuh",
        "return sign | kInfinityBits | (magnitude - kHalfInfinity) << kDroppedBits;",
        "return sign | kInfinityBits;",
        SPECIAL_VALUE,
    ),
    one_edit(
        "float16-bound-one-too-high",
        "order.cuh",
        "return !above ? nearest : sign ? nearest + 1 : nearest - 1;",
        "return nearest;",
        OFF_BY_ONE,
    ),
)

WHOLE = (*WINDOWS, *OFFSETS, *PAGES, *BESIDE, *DTYPES)
