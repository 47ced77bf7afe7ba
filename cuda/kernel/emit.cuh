// Writing the selected columns in ascending order. The owners of the columns mark the selected ones in
// a map in shared memory; then every thread takes consecutive entries of it, and a scan over their
// populations tells where its columns go. They are lined up in shared memory and written out
// together: stores of single threads would each touch a sector of their own.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "radix.cuh"

namespace persistent_topk {

// Where a chunk's part of the output begins: `offset` columns of the chunks before it are selected
// (without ties, where these are cut), `tie_offset` of theirs equal the threshold.
struct OutputPlace {
  int offset;
  int tie_offset;
};

// Keys above the threshold and equal to it, packed: one scan serves both.
PERSISTENT_TOPK_DEVICE uint32_t pack_counts(int above, int equal) {
  return static_cast<uint32_t>(above) | static_cast<uint32_t>(equal) << 16;
}
PERSISTENT_TOPK_DEVICE int above_of(uint32_t counts) { return static_cast<int>(counts & 0xFFFFu); }
PERSISTENT_TOPK_DEVICE int equal_of(uint32_t counts) { return static_cast<int>(counts >> 16); }

// Marks the rounds [begin, end) of the tile in a map that starts with round `begin`.
template <int kThreads, class Tile, int kSegment>
PERSISTENT_TOPK_DEVICE void mark(const Tile& tile, int begin, int end, const Selection& selection,
                                 SelectionMap<kSegment>& map) {
  const bool cut = selection.ties != kAllTaken;
  tile.for_each_quad(begin, end, [&](int, int quad, const float(&x)[kQuad], int columns) {
    uint32_t at_least = 0;
#pragma unroll
    for (int c = 0; c < kQuad; ++c)
      if (c < columns) at_least = ptx::or_if_above(at_least, x[c], selection.at_least, 1u << c);
    uint32_t byte = at_least;
    if (cut) {
      uint32_t above = 0;
#pragma unroll
      for (int c = 0; c < kQuad; ++c)
        if (c < columns) above = ptx::or_if_above(above, x[c], selection.above, 1u << c);
      if (selection.threshold == kGreatestKey) above = 0;  // nothing is above NaN
      byte = above | (at_least & ~above) << kQuad;
    }
    map.quads[quad - begin * kThreads] = static_cast<uint8_t>(byte);
  });
}

inline constexpr uint32_t kAboveBits = 0x0F0Fu;  // of a map entry: a byte a quad, as in SelectionMap
inline constexpr int kEntryColumns = 2 * kQuad;

// The columns of a map entry whose bits are set (in kAboveBits), lowest first; returns where to go on.
PERSISTENT_TOPK_DEVICE int32_t* write_columns(uint32_t selected, int first_column, int32_t* slot) {
  for (; selected != 0; selected &= selected - 1) {
    const int bit = __ffs(selected) - 1;  // 8 bits of map a quad, its columns in the low half
    *slot++ = first_column + (bit >> 3) * kQuad + (bit & (kQuad - 1));
  }
  return slot;
}

// Writes the tile's selected columns to output[place.offset + ...]; `first_column` is the chunk's.
template <int kThreads, class Tile, int kSegment>
PERSISTENT_TOPK_DEVICE void emit(const Tile& tile, int first_column, const Selection& selection,
                                 OutputPlace place, int32_t* output, Scratch<kSegment>& scratch,
                                 int& turn) {
  constexpr int kSegmentRounds = kSegment / (kThreads * kQuad);
  constexpr int kEntriesPerThread = (SelectionMap<kSegment>::kEntries + kThreads - 1) / kThreads;
  static_assert(kSegmentRounds >= 1 && kSegment % (kThreads * kQuad) == 0);
  static_assert(kSegment < 1 << 16, "counts of a segment are packed in 16 bits");
  const bool cut = selection.ties != kAllTaken;
  const int first_tie = cut ? min(place.tie_offset, selection.ties) : 0;  // taken by the chunks before
  const int first_slot = place.offset;
  for (int begin = 0; begin < tile.rounds(); begin += kSegmentRounds) {
    const int end = min(begin + kSegmentRounds, tile.rounds());
    const int segment_column = begin * kThreads * kQuad;
    const int quads = ceil_div(min(tile.length - segment_column, kSegment), kQuad);
    mark<kThreads>(tile, begin, end, selection, scratch.map);
    const int total_entries = ceil_div(quads, 2);
    if (const int missing = quads + static_cast<int>(threadIdx.x); missing < total_entries * 2)
      scratch.map.quads[missing] = 0;  // of the last entry
    __syncthreads();
    const int per_thread = ceil_div(total_entries, kThreads);
    const int first_entry = static_cast<int>(threadIdx.x) * per_thread;
    uint32_t entries[kEntriesPerThread];
    uint32_t own = 0;
#pragma unroll
    for (int i = 0; i < kEntriesPerThread; ++i) {
      entries[i] = i < per_thread && first_entry + i < total_entries ? scratch.map.entries[first_entry + i] : 0u;
      own += pack_counts(__popc(entries[i] & kAboveBits), __popc(entries[i] & ~kAboveBits));
    }
    const uint32_t inclusive = warp_inclusive_sum(own);
    const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
    const uint32_t before = sum.before + inclusive - own;
    // Ties are numbered over the whole row; those from number `ties` on stay out.
    int tie = place.tie_offset + equal_of(before);
    int32_t* slot = scratch.columns + (place.offset + above_of(before) - first_slot) +
                    (cut ? min(tie, selection.ties) - first_tie : 0);
#pragma unroll
    for (int i = 0; i < kEntriesPerThread; ++i) {
      uint32_t selected = entries[i] & kAboveBits;
      if (cut) {
        const uint32_t equal = entries[i] & ~kAboveBits;
        selected |= lowest_set_bits(equal, selection.ties - tie) >> kQuad;
        tie += __popc(equal);
      }
      slot = write_columns(selected, first_column + segment_column + (first_entry + i) * kEntryColumns, slot);
    }
    place = {place.offset + above_of(sum.total), place.tie_offset + equal_of(sum.total)};
  }
  __syncthreads();
  const int taken_ties = cut ? min(place.tie_offset, selection.ties) - first_tie : 0;
  const int selected = place.offset - first_slot + taken_ties;
  for (int i = threadIdx.x; i < selected; i += kThreads)
    output[first_slot + first_tie + i] = scratch.columns[i];
}

}  // namespace persistent_topk
