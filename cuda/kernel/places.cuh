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

// How the columns of a row become places.
struct RowPlaces {
  const int32_t* table;  // the row's of the page table; null: places are offset + column
  int64_t first_page;
  int64_t offset;
};

PERSISTENT_TOPK_DEVICE RowPlaces places_of(const Call& call, int row) {
  if (call.page_table != nullptr) {
    const int table = call.table_rows == nullptr ? row : call.table_rows[row];
    const bool exists = 0 <= table && table < call.tables;
    // No page is as far behind the last as that.
    const int64_t first = !exists ? INT32_MAX : call.table_starts == nullptr ? 0 : call.table_starts[row];
    return {call.page_table + (exists ? table * call.table_stride : 0), first, 0};
  }
  if (call.offsets == nullptr) return {nullptr, 0, 0};
  return {nullptr, 0,
          call.wide_offsets ? static_cast<const int64_t*>(call.offsets)[row]
                            : static_cast<const int32_t*>(call.offsets)[row]};
}

// The place of a column; kPadding where it has none.
PERSISTENT_TOPK_DEVICE int64_t place_of(const Call& call, const RowPlaces& places, int column) {
  if (places.table == nullptr) return places.offset > INT64_MAX - column ? kPadding : places.offset + column;
  const int64_t page = places.first_page + (column >> call.page_bits);
  if (page < 0 || page >= call.pages) return kPadding;
  const int32_t entry = places.table[page];
  const int64_t within = column & ((1 << call.page_bits) - 1);
  return entry < 0 ? kPadding : (static_cast<int64_t>(entry) << call.page_bits) + within;
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

// Writes what the call asks for to `count` slots from `first` on, whose columns are column_of(0) and so on.
// What is read for several slots is under way at the same time.
template <int kThreads, class T, class ColumnOf>
PERSISTENT_TOPK_DEVICE void write_slots(const Row<T>& row, int first, int count, ColumnOf&& column_of) {
  constexpr int kBatch = 2;
  const Call& call = row.params.call;
  const int64_t index = ptx::not_before(row.index);
  const RowPlaces places = places_of(call, index);
  const T* const logits = static_cast<const T*>(call.logits) + index * call.row_stride +
                          (call.values_out == nullptr ? 0 : row.params.window(index).begin);
#pragma unroll 1
  for (int begin = threadIdx.x; begin < count; begin += kBatch * kThreads) {
    int64_t place[kBatch];
    int column[kBatch];
    T value[kBatch];
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      column[i] = column_of(min(begin + i * kThreads, count - 1));
      place[i] = place_of(call, places, column[i]);
      if (call.values_out != nullptr) value[i] = logits[column[i]];
    }
#pragma unroll
    for (int i = 0; i < kBatch; ++i) {
      const int slot = first + begin + i * kThreads;
      if (slot >= first + count) break;
      write_place(call, index, slot, place[i]);
      if (call.columns_out != nullptr) call.columns_out[index * call.columns_stride + slot] = column[i];
      if (call.values_out != nullptr)
        static_cast<T*>(call.values_out)[index * call.values_stride + slot] = value[i];
    }
  }
}

// Pads the slots from `first` on.
template <int kThreads, class T>
PERSISTENT_TOPK_DEVICE void pad_slots(const Row<T>& row, int first) {
  const Call& call = row.params.call;
  const int64_t index = ptx::not_before(row.index);
#pragma unroll 1
  for (int slot = first + static_cast<int>(threadIdx.x); slot < row.k; slot += kThreads) {
    write_place(call, index, slot, kPadding);
    if (call.columns_out != nullptr) call.columns_out[index * call.columns_stride + slot] = kPadding;
    if (call.values_out != nullptr)
      set_lowest(static_cast<T*>(call.values_out)[index * call.values_stride + slot]);
  }
}

// The slots of a plain output.
template <class T>
PERSISTENT_TOPK_DEVICE int32_t* plain_slots(const Row<T>& row) {
  return row.params.output + static_cast<int64_t>(ptx::not_before(row.index)) * row.k;
}

}  // namespace persistent_topk
