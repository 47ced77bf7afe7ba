// Lists of columns in shared memory. Whole warps fill the long ones with one reservation a warp and no branch
// an entry.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

// Columns, counted from the chunk's first, and their logits. A set: what is made of it (counts, ranks, bits
// of a map) does not depend on the slots, so these may come from an atomic.
template <int kSlots>
struct ColumnList {
  static constexpr int kCapacity = kSlots;
  uint32_t used;  // beyond the capacity: the list is not complete
  ptx::ListedColumn entries[kCapacity];
};

// The same of few columns, whose logits are looked at and sent on by themselves.
template <int kSlots>
struct CandidateList {
  static constexpr int kCapacity = kSlots;
  uint32_t used;
  float values[kCapacity];
  int32_t columns[kCapacity];
};

// Slots for `count` more entries of each lane: the first one of this lane's. Called by a converged warp.
template <class List>
PERSISTENT_TOPK_DEVICE int reserve(List& list, uint32_t count) {
  const uint32_t inclusive = warp_inclusive_sum(count);
  uint32_t first = 0;
  if (lane_id() == kWarpSize - 1) first = atomicAdd(&list.used, inclusive);
  return static_cast<int>(__shfl_sync(kFullWarp, first, kWarpSize - 1) + inclusive - count);
}

// push_if() for the bits kFirst .. kCount-1 of a mask.
template <int kCount, int kFirst = 0, class ValueOf, class ColumnOf>
PERSISTENT_TOPK_DEVICE void push_each(uint32_t mask, ptx::SharedPlace& place, ValueOf&& value_of,
                                      ColumnOf&& column_of) {
  ptx::push_if<1u << kFirst>(mask, place, {value_of(kFirst), column_of(kFirst)});
  if constexpr (kFirst + 1 < kCount) push_each<kCount, kFirst + 1>(mask, place, value_of, column_of);
}

// Appends the entries of a mask, of kCount. What would lie beyond the list's end is left out: the list is
// given up then.
template <int kCount, class List, class ValueOf, class ColumnOf>
PERSISTENT_TOPK_DEVICE void append(List& list, uint32_t mask, ValueOf&& value_of, ColumnOf&& column_of) {
  if (!__any_sync(kFullWarp, mask != 0)) return;
  const int count = __popc(mask);
  const int first = reserve(list, count);
  ptx::SharedPlace place = ptx::shared_place(list.entries + first);
  push_each<kCount>(first + count <= List::kCapacity ? mask : 0, place, value_of, column_of);
}

// Appends one candidate, whose column nobody will ask for, and returns its slot. Where few lanes have one,
// this costs less.
template <class List>
PERSISTENT_TOPK_DEVICE uint32_t push(List& list, float value) {
  const uint32_t slot = atomicAdd(&list.used, 1u);
  list.values[slot] = value;
  return slot;
}

template <class List>
PERSISTENT_TOPK_DEVICE void push(List& list, float value, int32_t column) {
  list.columns[push(list, value)] = column;
}

// Appends the columns of a mask of a tile's, which begins at `first_column`.
//
// Where few lanes have few of them, as in long rows under a close bound, each takes its slots by itself and
// goes through its own: a third of what a scan and a store for every bit cost.
template <class Tile, class List>
PERSISTENT_TOPK_DEVICE void append_tile(const Tile& tile, uint32_t mask, int first_column, List& list) {
  static_assert(Tile::kMaskWords == 1);
  constexpr int kFewLanes = 16, kFewColumns = 2;  // of a lane
  const uint32_t holders = __ballot_sync(kFullWarp, mask != 0);
  if (holders == 0) return;
  const int count = __popc(mask);
  const bool few = count <= kFewColumns && __popc(holders) <= kFewLanes;
  if (__all_sync(kFullWarp, few)) {
    if (mask == 0) return;
    int slot = static_cast<int>(atomicAdd(&list.used, static_cast<uint32_t>(count)));
    if (slot + count > List::kCapacity) return;  // the list is given up
#pragma unroll 1
    for (; mask != 0; mask &= mask - 1) {
      const int bit = lowest_set_bit(mask);
      list.entries[slot++] = {tile.value_at(bit), first_column + Tile::column_at(bit)};
    }
  } else {
    append<Tile::kValues>(
        list, mask, [&](int i) { return tile.value(i); },
        [&](int i) { return first_column + Tile::column_at(i); });
  }
}

// Keeps those of the list's `length` entries that lie above the bound. `list.used` is 0 on entry (a barrier
// passed).
template <int kThreads, class List>
PERSISTENT_TOPK_DEVICE void compact(List& list, int length, float bound) {
  constexpr int kEntries = 4;  // of a thread in a round
#pragma unroll 1
  for (int first = 0; first < length; first += kEntries * kThreads) {
    ptx::ListedColumn entries[kEntries] = {};
    uint32_t stays = 0;
#pragma unroll
    for (int i = 0; i < kEntries; ++i)
      if (const int entry = first + i * kThreads + static_cast<int>(threadIdx.x); entry < length) {
        entries[i] = list.entries[entry];
        stays = ptx::or_if_above(stays, entries[i].value, bound, 1u << i);
      }
    __syncthreads();  // slots are written only where all entries have been read
    append<kEntries>(
        list, stays, [&](int i) { return entries[i].value; }, [&](int i) { return entries[i].column; });
  }
}

}  // namespace persistent_topk
