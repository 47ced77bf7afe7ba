// Writing the selected columns in ascending order. Every thread takes consecutive entries of the map,
// a scan over their populations tells where its columns go, and they are lined up in shared memory
// before they are written out together: stores of single threads would each touch a sector.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "sweep.cuh"

namespace persistent_topk {

// Where a chunk's part of the output begins: `offset` columns of the chunks before it are selected
// (without ties, where these are cut), `tie_offset` of theirs equal the threshold.
struct OutputPlace {
  int offset;
  int tie_offset;
};

// Selected columns lined up for the output.
using LinedUp = int32_t[kMaxK];

// Keys above the threshold (kMaxK at most) and equal to it (a whole map at most), packed: one scan
// serves both.
inline constexpr int kAboveBits = 13;
static_assert(kMaxK < 1 << kAboveBits);

PERSISTENT_TOPK_DEVICE uint32_t pack_counts(int above, int equal) {
  return static_cast<uint32_t>(above) | static_cast<uint32_t>(equal) << kAboveBits;
}
PERSISTENT_TOPK_DEVICE int above_of(uint32_t counts) {
  return static_cast<int>(counts & ((1u << kAboveBits) - 1));
}
PERSISTENT_TOPK_DEVICE int equal_of(uint32_t counts) { return static_cast<int>(counts >> kAboveBits); }

inline constexpr uint32_t kLowHalves = 0x0F0Fu;  // of a map entry: columns above; its high halves: ties
inline constexpr int kEntryColumns = 2 * kQuad;

// An entry's columns to take, in the low halves. `ties` of those equal to the threshold are left to take.
PERSISTENT_TOPK_DEVICE uint32_t selected_of(uint32_t entry, bool cut, int ties) {
  const uint32_t equal = cut ? lowest_set_bits(entry & ~kLowHalves, ties) : entry & ~kLowHalves;
  return (entry & kLowHalves) | equal >> kQuad;
}

// Lines up the selected columns of a complete map of `columns` columns, the first being
// `first_column`; the chunk's first one has slot `first_slot`. Returns the place behind them.
template <int kThreads, class Map>
PERSISTENT_TOPK_DEVICE OutputPlace line_up(const Map& map, int columns, int first_column,
                                           const Selection& selection, OutputPlace place, int first_slot,
                                           LinedUp& lined_up, Scratch& scratch) {
  static_assert(Map::kMapped < 1 << (32 - kAboveBits));
  constexpr bool kOneEach = Map::kEntries <= kThreads;
  const bool cut = selection.ties != kAllTaken;
  const int entries = ceil_div(columns, kEntryColumns);
  const int per_thread = kOneEach ? 1 : ceil_div(entries, kThreads);
  const int first = static_cast<int>(threadIdx.x) * per_thread;
  const int last = min(first + per_thread, entries);
  uint32_t own = 0;
  for (int i = first; i < last; ++i) {
    const uint32_t entry = map.entries[i];
    own += cut ? pack_counts(__popc(entry & kLowHalves), __popc(entry & ~kLowHalves))
               : static_cast<uint32_t>(__popc(entry));
  }
  const uint32_t inclusive = warp_inclusive_sum(own);
  const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals);
  const uint32_t before = sum.before + inclusive - own;
  // Ties are numbered over the whole row; those from number `ties` on stay out.
  int tie = place.tie_offset + equal_of(before);
  const int taken_ties = cut ? min(tie, selection.ties) : 0;
  int32_t* slot = lined_up + (place.offset + above_of(before) + taken_ties - first_slot);
  for (int i = first; i < last; ++i) {
    const uint32_t entry = map.entries[i];
    const uint32_t selected = selected_of(entry, cut, selection.ties - tie);
    const int column = first_column + i * kEntryColumns;
#pragma unroll
    for (int c = 0; c < kEntryColumns; ++c)
      if (selected >> (c / kQuad * 2 * kQuad + c % kQuad) & 1) *slot++ = column + c;
    if (cut) tie += __popc(entry & ~kLowHalves);
  }
  return {place.offset + above_of(sum.total), place.tie_offset + equal_of(sum.total)};
}

// Writes a chunk's selected columns to their slots of `output`, from `place` on. `mapped`: the map
// holds the whole chunk's selection already (a barrier passed since); else it is made segment by
// segment, from another look at the columns.
template <int kThreads, class Tile, class Map>
PERSISTENT_TOPK_DEVICE void emit(const Tile& tile, int first_column, const Selection& selection,
                                 OutputPlace place, bool mapped, Map& map, LinedUp& lined_up, int32_t* output,
                                 Scratch& scratch) {
  constexpr int kSegmentRounds = Map::kMapped / (kThreads * kQuad);
  static_assert(Map::kMapped % (kThreads * kQuad) == 0);
  const bool cut = selection.ties != kAllTaken;
  const auto slot_of = [&](const OutputPlace& at) {
    return at.offset + (cut ? min(at.tie_offset, selection.ties) : 0);
  };
  const int first_slot = slot_of(place);
  if (mapped) {
    place =
        line_up<kThreads>(map, tile.length, first_column, selection, place, first_slot, lined_up, scratch);
  } else {
    const Interval threshold = make_interval(selection.threshold, selection.threshold, 0, 0);
    for (int begin = 0; begin < tile.rounds(); begin += kSegmentRounds) {
      const int column = begin * kThreads * kQuad;
      __syncthreads();  // the segment before has been read
      sweep<kThreads, true>(tile, begin, min(begin + kSegmentRounds, tile.rounds()), threshold, &map,
                            GatherNothing{});
      __syncthreads();
      place = line_up<kThreads>(map, min(tile.length - column, Map::kMapped), first_column + column,
                                selection, place, first_slot, lined_up, scratch);
    }
  }
  __syncthreads();
  for (int slot = first_slot + static_cast<int>(threadIdx.x); slot < slot_of(place); slot += kThreads)
    output[slot] = lined_up[slot - first_slot];
}

}  // namespace persistent_topk
