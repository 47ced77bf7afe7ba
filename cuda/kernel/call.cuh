// What a call asks for: one description for host, kernel and emulator. The Python mirror is CallRecord of
// cuda/structs.py. The contract of each argument is in the documentation of topk().
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

struct Call {
  const void* logits;  // [rows, columns]
  int64_t row_stride;  // elements from a row to the next
  const int32_t* lengths;  // [rows / queries], tokens; null: all columns
  const int32_t* starts;  // [rows], first column of a row's window; null: 0
  const int32_t* ends;  // [rows], the column behind it; null: by lengths
  void* output;  // [rows, k]
  int64_t output_stride;
  int32_t* columns_out;  // [rows, k], or null
  int64_t columns_stride;
  void* values_out;  // [rows, k] of the logits' dtype, or null
  int64_t values_stride;
  const void* offsets;  // [rows], or null
  const int32_t* page_table;  // [tables, pages], or null
  int64_t table_stride;
  const int32_t* table_rows;  // [rows]; null: row r has table r
  const int32_t* table_starts;  // [rows], pages; null: 0
  int32_t rows;
  int32_t columns;
  int32_t k;  // columns to select of each row
  int32_t queries;  // rows that share a length: the last has all its tokens, each before it one fewer
  int32_t compress_ratio;  // tokens of a column
  int32_t tables;
  int32_t pages;
  int32_t page_bits;  // a page has 2^page_bits columns
  int32_t wide_output;  // whether output is int64, not int32
  int32_t wide_offsets;  // whether offsets are
};

// Whether a row is its first lengths[row] columns.
constexpr bool has_plain_rows(const Call& call) {
  return call.lengths != nullptr && call.starts == nullptr && call.ends == nullptr && call.queries == 1 &&
         call.compress_ratio == 1;
}

// Whether the selected columns are written as they are, row by row, and nothing else.
constexpr bool has_plain_output(const Call& call) {
  return !call.wide_output && call.output_stride == call.k && call.columns_out == nullptr &&
         call.values_out == nullptr && call.offsets == nullptr && call.page_table == nullptr;
}

// The columns that take part, of a row of the logits.
struct Window {
  int begin;
  int columns;
};

// The row's tokens, divided by those of a column. Most calls have neither queries nor a ratio, and a division
// takes as long as a read.
PERSISTENT_TOPK_DEVICE int row_columns(const Call& call, int row) {
  if (call.queries == 1 && call.compress_ratio == 1) return max(0, call.lengths[row]);
  const int64_t given = call.lengths[row / call.queries];
  const int64_t tokens = given - call.queries + 1 + row % call.queries;
  return tokens <= 0 ? 0 : static_cast<int>(static_cast<uint32_t>(tokens) / call.compress_ratio);
}

PERSISTENT_TOPK_DEVICE Window window_of(const Call& call, int row) {
  const int begin = call.starts == nullptr ? 0 : max(0, min(call.starts[row], call.columns));
  const int room = call.columns - begin;
  if (call.ends != nullptr) return {begin, max(begin, min(call.ends[row], call.columns)) - begin};
  if (call.lengths == nullptr) return {begin, room};
  return {begin, min(row_columns(call, row), room)};
}

}  // namespace persistent_topk
