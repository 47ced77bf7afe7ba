// Writing the selected columns in ascending order. A scan over the threads' populations tells each where
// its columns go, so order needs no sort: threads that hold columns in registers write their own; a list
// is spread over bitmaps first, which threads take in column order.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "map.cuh"
#include "places.cuh"
#include "radix.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Where a chunk's part of the output begins: `offset` columns of the chunks before it are selected
// (without ties, where these are cut), `tie_offset` of theirs equal the threshold.
struct OutputPlace {
  int offset;
  int tie_offset;
};

// The slot of what is selected next.
PERSISTENT_TOPK_DEVICE int slot_of(const OutputPlace& place, const Selection& selection) {
  return place.offset + (selection.ties == kAllTaken ? 0 : min(place.tie_offset, selection.ties));
}

// Where the columns of a mask of a tile go, whose first goes to `first`: the slot of the first one of each of
// the thread's rounds. A warp's counts of its rounds, 128 at most, travel in bytes.
template <int kThreads, class Tile>
PERSISTENT_TOPK_DEVICE void find_slots(typename Tile::Mask mask, int first, WarpTotals& totals,
                                       int (&slots)[Tile::kRounds]) {
  constexpr int kRoundsOfWord = kMaskWordBits / kQuad;  // of the mask
  constexpr bool kFew = Tile::kRounds <= kRoundsOfWord / 2;
  constexpr int kSums = kFew ? 1 : 2 * Tile::kMaskWords;
  // Round r of the mask's word w is byte r / 2 of sum 2w + r % 2; where rounds are few one sum has them all,
  // the odd ones two bytes up.
  const auto of_round = [](const uint32_t (&sums)[kSums], int round) {
    const int in_word = round % kRoundsOfWord;
    const int byte = kFew ? in_word % 2 * 2 + in_word / 2 : in_word / 2;
    const int sum = kFew ? 0 : round / kRoundsOfWord * 2 + in_word % 2;
    return static_cast<int>(sums[sum] >> (8 * byte) & 0xFFu);
  };
  uint32_t own[kSums];
#pragma unroll
  for (int i = 0; i < Tile::kMaskWords; ++i) {
    const uint32_t word = static_cast<uint32_t>(mask >> (kMaskWordBits * i));
    const uint32_t pairs = word - (word >> 1 & 0x55555555u);
    const uint32_t quads = (pairs & 0x33333333u) + (pairs >> 2 & 0x33333333u);
    const uint32_t even = quads & 0x0F0F0F0Fu, odd = quads >> 4 & 0x0F0F0F0Fu;
    if constexpr (kFew)
      own[0] = even | odd << 16;
    else
      own[2 * i] = even, own[2 * i + 1] = odd;
  }
  uint32_t before[kSums], total[kSums];
#pragma unroll
  for (int i = 0; i < kSums; ++i) {
    const uint32_t inclusive = warp_inclusive_sum(own[i]);
    total[i] = __shfl_sync(kFullWarp, inclusive, kWarpSize - 1);
    before[i] = inclusive - own[i];
  }
  uint32_t of_warp = 0;
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round) of_warp += of_round(total, round);
  int slot = first + static_cast<int>(sum_over_warps<kThreads>(of_warp, totals).before);
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round) {
    slots[round] = slot + of_round(before, round);
    slot += of_round(total, round);
  }
}

// The lowest `n` of a quad's bits, in less code than lowest_set_bits() has.
PERSISTENT_TOPK_DEVICE uint32_t lowest_of_quad(uint32_t quad, int n) {
  uint32_t others = quad;
#pragma unroll
  for (int i = 0; i < kQuad; ++i)
    if (i < n) others &= others - 1;
  return quad & ~others;
}

// Selected columns lined up for the output: stores of single threads would each touch a sector.
using LinedUp = int32_t[kMaxK];

// Writes the selected columns of a tile that begins at `first_column`.
template <int kThreads, class T, class Tile>
PERSISTENT_TOPK_DEVICE void emit_tile(const Tile& tile, int first_column, const Selection& selection,
                                      const OutputPlace& place, const Row<T>& row, LinedUp& lined_up,
                                      Scratch& scratch) {
  using Mask = typename Tile::Mask;
  int slots[Tile::kRounds];
  Mask selected = tile.above(selection.at_least);
  if (__builtin_expect(selection.ties != kAllTaken,
                       false)) {  // the lowest columns of those equal to the threshold
    const bool none_above = selection.threshold == kGreatestKey;
    const Mask above = none_above ? 0 : tile.above(bound_below(selection.threshold + 1));
    const Mask equal = selected & ~above;
    find_slots<kThreads, Tile>(equal, place.tie_offset, scratch.tie_totals, slots);
    selected = above;
#pragma unroll
    for (int round = 0; round < Tile::kRounds; ++round)
      selected |= Mask{lowest_of_quad(static_cast<uint32_t>(equal >> (round * kQuad)) & kQuadMask,
                                      selection.ties - slots[round])}
                  << (round * kQuad);
  }
  const int first_slot = slot_of(place, selection);
  find_slots<kThreads, Tile>(selected, first_slot, scratch.totals, slots);
  int32_t* const output = row.params.plain_output ? plain_slots(row) : lined_up - first_slot;
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round)
    ptx::store_numbers_if(static_cast<uint32_t>(selected >> (round * kQuad)), output + slots[round],
                          first_column + tile.quad(round) * kQuad);
  if (__builtin_expect(row.params.plain_output, true)) return;
  const int count = static_cast<int>(block_sum<kThreads>(population(selected), scratch.chunk_totals));
  write_slots<kThreads>(row, first_slot, count, [&](int i) { return lined_up[i]; });
}

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

// Makes the map of the source's columns [begin, end).
template <int kThreads, class Source, class Map>
PERSISTENT_TOPK_DEVICE void mark(const Source& source, int begin, int end, const Selection& selection,
                                 Map& map) {
  clear_map<kThreads>(map, end - begin);
  __syncthreads();
  const bool cut = selection.ties != kAllTaken, none_above = selection.threshold == kGreatestKey;
  const float at_least = selection.at_least, greater = bound_below(selection.threshold + 1);
  source.for_each_column(begin, end, [&](float x, int column) {
    if (!ptx::or_if_above(0, x, at_least, 1u)) return;
    const bool tie = cut && (none_above || !ptx::or_if_above(0, x, greater, 1u));
    set_bit<Map>(tie ? map.equal : map.above, column - begin);
  });
}

// Completes a map that has the columns above an interval: by the candidates inside it.
template <int kThreads, class List, class Map>
PERSISTENT_TOPK_DEVICE void mark_candidates(const List& candidates, const Selection& selection, Map& map) {
  const bool cut = selection.ties != kAllTaken;
#pragma unroll 1
  for (int i = threadIdx.x; i < static_cast<int>(candidates.used); i += kThreads)
    if (const uint32_t key = ordered_key(candidates.values[i]); key >= selection.threshold)
      set_bit<Map>(cut && key == selection.threshold ? map.equal : map.above, candidates.columns[i]);
}

// Short loops, not copies of them, which would each be fetched once: instructions come slower than they run.

// Lines up the selected columns of a map of `columns` columns, the first being `first_column`; the
// chunk's first one has slot `first_slot`. Returns the place behind them.
template <int kThreads, class Map>
PERSISTENT_TOPK_DEVICE OutputPlace line_up(const Map& map, int columns, int first_column,
                                           const Selection& selection, OutputPlace place, int first_slot,
                                           LinedUp& lined_up, WarpTotals& totals) {
  static_assert(Map::kColumnsMapped < 1 << (32 - kAboveBits));
  const bool cut = selection.ties != kAllTaken;
  const int words = ceil_div(columns, kWarpSize);
  const int per_thread = ceil_div(words, kThreads);
  const int first = static_cast<int>(threadIdx.x) * per_thread;
  const int last = min(first + per_thread, words);
  uint32_t own = 0;
#pragma unroll 1
  for (int word = first; word < last; ++word) {
    const int place = Map::place_of(word);
    own += pack_counts(__popc(map.above[place]), cut ? __popc(map.equal[place]) : 0);
  }
  const uint32_t inclusive = warp_inclusive_sum(own);
  const BlockSums sums = sum_over_warps<kThreads>(inclusive, totals);
  const uint32_t before = sums.before + inclusive - own;
  OutputPlace here = {place.offset + above_of(before), place.tie_offset + equal_of(before)};
  int32_t* slot = lined_up + (slot_of(here, selection) - first_slot);
#pragma unroll 1
  for (int word = first; word < last; ++word) {
    uint32_t selected = map.above[Map::place_of(word)];
    if (cut) {
      const uint32_t equal = map.equal[Map::place_of(word)];
      selected |= lowest_set_bits(equal, selection.ties - here.tie_offset);
      here.tie_offset += __popc(equal);
    }
#pragma unroll 1
    for (; selected != 0; selected &= selected - 1)
      *slot++ = first_column + word * kWarpSize + lowest_set_bit(selected);
  }
  return {place.offset + above_of(sums.total), place.tie_offset + equal_of(sums.total)};
}

// Writes the selected columns of a chunk of `length` columns that begins at `first_column`, segment by
// segment of the map. `marked`: the map is complete (no barrier passed since).
template <int kThreads, class Source, class Map, class T>
PERSISTENT_TOPK_DEVICE void emit_mapped(const Source& source, int length, int first_column,
                                        const Selection& selection, OutputPlace place, bool marked, Map& map,
                                        LinedUp& lined_up, const Row<T>& row, Scratch& scratch) {
  const int first_slot = slot_of(place, selection);
#pragma unroll 1
  for (int begin = 0, end; begin < length; begin = end) {
    end = begin + min(Map::kColumnsMapped, length - begin);
    if (begin != 0) __syncthreads();  // the segment before has been read
    if (!marked) mark<kThreads>(source, begin, end, selection, map);
    __syncthreads();
    place = line_up<kThreads>(map, end - begin, first_column + begin, selection, place, first_slot, lined_up,
                              scratch.totals);
  }
  __syncthreads();
  if (!row.params.plain_output)
    return write_slots<kThreads>(row, first_slot, slot_of(place, selection) - first_slot,
                                 [&](int i) { return lined_up[i]; });
  int32_t* const output = plain_slots(row);
#pragma unroll 1
  for (int slot = first_slot + static_cast<int>(threadIdx.x); slot < slot_of(place, selection);
       slot += kThreads)
    output[slot] = lined_up[slot - first_slot];
}

}  // namespace persistent_topk
