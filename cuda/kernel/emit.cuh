// Writing the selected columns in ascending order. The owners of the columns mark the selected ones in
// a map in shared memory; then every thread takes consecutive words of it, a scan over the words'
// populations tells it where its columns go, and it writes them one after another.
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
  const float below = bound_below(selection.threshold);
  const bool cut = selection.ties != kAllTaken;
  // Where ties are cut, keys above the threshold are told from those equal to it. Above NaN's is none.
  const bool none_above = selection.threshold == kGreatestKey;
  const float above_bound = none_above ? 0.0f : bound_below(selection.threshold + 1);
  tile.for_each_quad(begin, end, [&](int, int quad, const float(&x)[kQuad], int columns) {
    uint32_t at_least = 0;
#pragma unroll
    for (int c = 0; c < kQuad; ++c)
      if (c < columns) at_least = ptx::or_if_above(at_least, x[c], below, 1u << c);
    uint32_t byte = at_least;
    if (cut) {
      uint32_t above = 0;
#pragma unroll
      for (int c = 0; c < kQuad; ++c)
        if (c < columns) above = ptx::or_if_above(above, x[c], above_bound, 1u << c);
      if (none_above) above = 0;
      byte = above | (at_least & ~above) << kQuad;
    }
    map.quads[quad - begin * kThreads] = static_cast<uint8_t>(byte);
  });
}

inline constexpr uint32_t kAboveBits = 0x0F0F0F0Fu;  // of a map word
inline constexpr int kWordColumns = 16;

// The columns of a map word whose bits are set (in kAboveBits), lowest first, from output[slot] on.
PERSISTENT_TOPK_DEVICE int32_t* write_columns(uint32_t selected, int first_column, int32_t* output) {
  for (; selected != 0; selected &= selected - 1) {
    const int bit = __ffs(selected) - 1;  // 8 bits of map a quad, its columns in the low half
    *output++ = first_column + (bit >> 3) * kQuad + (bit & (kQuad - 1));
  }
  return output;
}

// Writes the tile's selected columns to output[place.offset + ...]; `first_column` is the chunk's.
template <int kThreads, class Tile, int kSegment>
PERSISTENT_TOPK_DEVICE void emit(const Tile& tile, int first_column, const Selection& selection,
                                 OutputPlace place, int32_t* output, Scratch<kSegment>& scratch,
                                 int& turn) {
  constexpr int kSegmentRounds = kSegment / (kThreads * kQuad);
  constexpr int kWordsPerThread = (SelectionMap<kSegment>::kWords + kThreads - 1) / kThreads;
  static_assert(kSegmentRounds >= 1 && kSegment % (kThreads * kQuad) == 0);
  static_assert(kSegment < 1 << 16, "counts of a segment are packed in 16 bits");
  const bool cut = selection.ties != kAllTaken;
  for (int begin = 0; begin < tile.rounds(); begin += kSegmentRounds) {
    const int end = min(begin + kSegmentRounds, tile.rounds());
    const int segment_column = begin * kThreads * kQuad;
    const int quads = ceil_div(min(tile.length - segment_column, kSegment), kQuad);
    mark<kThreads>(tile, begin, end, selection, scratch.map);
    const int total_words = ceil_div(quads, kQuad);
    if (const int missing = quads + static_cast<int>(threadIdx.x); missing < total_words * kQuad)
      scratch.map.quads[missing] = 0;  // of the last word
    __syncthreads();
    const int per_thread = ceil_div(total_words, kThreads);
    const int first_word = static_cast<int>(threadIdx.x) * per_thread;
    uint32_t words[kWordsPerThread];
    uint32_t own = 0;
#pragma unroll
    for (int i = 0; i < kWordsPerThread; ++i) {
      words[i] = i < per_thread && first_word + i < total_words ? scratch.map.words[first_word + i] : 0;
      own += pack_counts(__popc(words[i] & kAboveBits), __popc(words[i] & ~kAboveBits));
    }
    const uint32_t inclusive = warp_inclusive_sum(own);
    const BlockSum sum = sum_over_warps<kThreads>(inclusive, scratch.totals, turn);
    const uint32_t before = sum.before + inclusive - own;
    // Ties are numbered over the whole row; those from number `ties` on stay out.
    int tie = place.tie_offset + equal_of(before);
    int32_t* slot = output + place.offset + above_of(before) + (cut ? min(tie, selection.ties) : 0);
#pragma unroll
    for (int i = 0; i < kWordsPerThread; ++i) {
      uint32_t selected = words[i] & kAboveBits;
      if (cut) {
        const uint32_t equal = words[i] & ~kAboveBits;
        selected |= lowest_set_bits(equal, selection.ties - tie) >> kQuad;
        tie += __popc(equal);
      }
      slot = write_columns(selected, first_column + segment_column + (first_word + i) * kWordColumns, slot);
    }
    place = {place.offset + above_of(sum.total), place.tie_offset + equal_of(sum.total)};
  }
}

}  // namespace persistent_topk
