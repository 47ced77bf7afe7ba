// What is written for a selected column: its place, and beside it the column and its logit, where a call
// asks for them.
#pragma once

#include <cstdint>

#include "call.cuh"
#include "constants.cuh"
#include "dtypes.cuh"
#include "ptx.cuh"
#include "row.cuh"

namespace persistent_topk {

// The place of a column in the pages of its row; kPadding where there is none.
PERSISTENT_TOPK_DEVICE int64_t place_in_pages(const Call& call, int row, int column) {
  const int table = call.table_rows == nullptr ? row : call.table_rows[row];
  const int64_t first = call.table_starts == nullptr ? 0 : call.table_starts[row];
  const int64_t page = first + (column >> call.page_bits);
  if (table < 0 || table >= call.tables || page < 0 || page >= call.pages) return kPadding;
  const int32_t entry = call.page_table[table * call.table_stride + page];
  if (entry < 0) return kPadding;
  return (static_cast<int64_t>(entry) << call.page_bits) + (column & ((1 << call.page_bits) - 1));
}

PERSISTENT_TOPK_DEVICE int64_t offset_of(const Call& call, int row) {
  if (call.offsets == nullptr) return 0;
  return call.wide_offsets ? static_cast<const int64_t*>(call.offsets)[row]
                           : static_cast<const int32_t*>(call.offsets)[row];
}

// Sums beyond 64 bits have no place either.
PERSISTENT_TOPK_DEVICE int64_t place_of_column(const Call& call, int row, int column) {
  if (call.page_table != nullptr) return place_in_pages(call, row, column);
  const int64_t offset = offset_of(call, row);
  return offset > INT64_MAX - column ? kPadding : offset + column;
}

PERSISTENT_TOPK_DEVICE void write_place(const Call& call, int64_t row, int slot, int64_t place) {
  if (call.wide_output) {
    static_cast<int64_t*>(call.output)[row * call.output_stride + slot] = place;
  } else {
    const bool fits = place == static_cast<int32_t>(place);
    static_cast<int32_t*>(call.output)[row * call.output_stride + slot] =
        fits ? static_cast<int32_t>(place) : kPadding;
  }
}

// Column 0 of the row, where its values are wanted: found anew, since a pointer that is kept costs registers.
template <class T>
PERSISTENT_TOPK_DEVICE const T* logits_of_values(const Row<T>& row) {
  const Call& call = row.call;
  if (call.values_out == nullptr) return nullptr;
  const int begin = window_of(call, false, row.index).begin;
  return static_cast<const T*>(call.logits) + row.index * call.row_stride + begin;
}

// A slot with a selected column. `logits`: of logits_of_values().
template <class T>
PERSISTENT_TOPK_DEVICE void write_slot(const Row<T>& row, const T* logits, int slot, int column) {
  const Call& call = row.call;
  write_place(call, row.index, slot, place_of_column(call, row.index, column));
  if (call.columns_out != nullptr) call.columns_out[row.index * call.columns_stride + slot] = column;
  if (call.values_out != nullptr)
    static_cast<T*>(call.values_out)[row.index * call.values_stride + slot] = logits[column];
}

// A slot behind the last of these.
template <class T>
PERSISTENT_TOPK_DEVICE void pad_slot(const Row<T>& row, int slot) {
  const Call& call = row.call;
  write_place(call, row.index, slot, kPadding);
  if (call.columns_out != nullptr) call.columns_out[row.index * call.columns_stride + slot] = kPadding;
  if (call.values_out != nullptr)
    set_lowest(static_cast<T*>(call.values_out)[row.index * call.values_stride + slot]);
}

// The slots of a plain output.
template <class T>
PERSISTENT_TOPK_DEVICE int32_t* plain_slots(const Row<T>& row) {
  return static_cast<int32_t*>(row.call.output) + row.index * row.call.output_stride;
}

}  // namespace persistent_topk
