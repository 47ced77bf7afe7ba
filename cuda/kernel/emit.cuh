// Writing the selected columns in ascending order. Bitmaps of the selection, a scan over their
// populations, then one thread an output slot: it finds its word by binary search over the words'
// positions and its column as the n-th set bit. The stores are consecutive and evenly shared, however
// the selected columns are spread.
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

// Keys above the threshold and equal to it, packed: one scan serves both. A segment has at most
// 32 * kMaxThreads = 32768 columns, so neither half overflows.
PERSISTENT_TOPK_DEVICE uint32_t pack_counts(int above, int equal) {
  return static_cast<uint32_t>(above) | static_cast<uint32_t>(equal) << 16;
}
PERSISTENT_TOPK_DEVICE int above_of(uint32_t counts) { return static_cast<int>(counts & 0xFFFFu); }
PERSISTENT_TOPK_DEVICE int equal_of(uint32_t counts) { return static_cast<int>(counts >> 16); }

// A warp's bitmaps of one segment, word j in lane j.
struct SelectionWords {
  uint32_t above;  // where all ties are taken, the keys equal to the threshold too
  uint32_t equal;  // where ties are cut
};

template <class Tile>
PERSISTENT_TOPK_DEVICE SelectionWords select_words(const Tile& tile, int segment,
                                                   const Selection& selection) {
  const float below = bound_below(selection.threshold);
  const float tie = key_to_float(selection.threshold);
  const bool tie_is_nan = selection.threshold == kGreatestKey;
  const bool cut = selection.ties != kAllTaken;
  SelectionWords words = {0, 0};
  tile.visit(segment, [&](int j, int, float x, bool valid) {
    const bool at_least = valid && ptx::above_or_unordered(x, below);
    const uint32_t taken = __ballot_sync(kFullWarp, at_least);
    if (lane_id() == j) words.above = taken;
    if (cut) {
      const uint32_t equal = __ballot_sync(kFullWarp, at_least && (tie_is_nan || ptx::equal(x, tie)));
      if (lane_id() == j) words = {taken & ~equal, equal};
    }
  });
  return words;
}

// The last word whose position is at most `slot`: the one that holds the column for it.
PERSISTENT_TOPK_DEVICE int word_of_slot(const int32_t* positions, int words, int slot) {
  int first = 0;
  for (int step = 1 << (31 - __clz(words)); step >= 1; step /= 2)
    if (first + step < words && positions[first + step] <= slot) first += step;
  return first;
}

// Writes the tile's selected columns to output[place.offset + ...]; `first_column` is the chunk's.
template <int kThreads, class Tile, int kSegmentWords>
PERSISTENT_TOPK_DEVICE void emit(const Tile& tile, int first_column, const Selection& selection,
                                 OutputPlace place, int32_t* output,
                                 Scratch<kSegmentWords>& scratch, int& turn) {
  static_assert(Tile::kSegmentWords <= kSegmentWords);
  const bool cut = selection.ties != kAllTaken;
  for (int segment = 0; segment < tile.segments(); ++segment) {
    const SelectionWords words = select_words(tile, segment, selection);
    const uint32_t own = pack_counts(__popc(words.above), __popc(words.equal));
    const uint32_t inclusive = warp_inclusive_sum(own);
    const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
    const uint32_t before = sum.before + inclusive - own;
    // Ties are numbered over the whole row; those from number `ties` on stay out.
    const auto ties_within = [&](int tie) { return tie < selection.ties ? tie : selection.ties; };
    const int tie = place.tie_offset + equal_of(before);
    const int taken_ties = cut ? ties_within(tie) : 0;
    if (lane_id() < tile.warp_words(segment)) {
      const int word = tile.first_word(segment) + lane_id();
      scratch.selected[word] =
          words.above | (cut ? lowest_set_bits(words.equal, selection.ties - tie) : 0);
      scratch.positions[word] = place.offset + above_of(before) + taken_ties;
    }
    __syncthreads();
    const int begin = place.offset + (cut ? ties_within(place.tie_offset) : 0);
    place = {place.offset + above_of(sum.total), place.tie_offset + equal_of(sum.total)};
    const int end = place.offset + (cut ? ties_within(place.tie_offset) : 0);
    const int segment_words = tile.warp_words(segment) * (kThreads / kWarpSize);
    const int segment_column = first_column + segment * Tile::kSegmentWords * kWarpSize;
    for (int slot = begin + static_cast<int>(threadIdx.x); slot < end; slot += kThreads) {
      const int word = word_of_slot(scratch.positions, segment_words, slot);
      const int bit = nth_set_bit(scratch.selected[word], slot - scratch.positions[word]);
      output[slot] = segment_column + word * kWarpSize + bit;
    }
    if (segment + 1 < tile.segments()) __syncthreads();
  }
}

}  // namespace persistent_topk
