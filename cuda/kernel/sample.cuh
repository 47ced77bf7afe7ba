// A sample of a row that is streamed: what it says of the columns that have not been read yet.
//
// The k-th of the row has some rank in the sample; the key of a rank somewhat further down is a guess of a
// bound: what is selected lies at or above it, and not much else does. Whether k columns do is known when all
// have been read, so the result does not depend on the sample.
#pragma once

#include "block.cuh"
#include "constants.cuh"
#include "radix.cuh"
#include "tile.cuh"

namespace persistent_topk {

// What a stream lists: columns at or above a coarse bin.
struct StreamBound {
  float at_least;
  int bin;
  bool has_room;  // the list is expected to hold all of them
};

inline constexpr StreamBound kNoBound = {key_to_float(kLowestKey - 1), 0, false};

// Columns of a chunk in blocks, one in each of as many equal parts, since neighbouring scores are alike; each
// elsewhere in its part, since scores may have a period.
template <class T, int kThreads, int kColumns>
struct Sample {
  static constexpr int kBlockQuads = 4;  // 64 bytes of float32: memory delivers no fewer
  static constexpr int kBlock = kBlockQuads * kQuad;
  static constexpr int kBlocks = kColumns / kBlock;
  static constexpr int kRounds = kColumns / (kThreads * kQuad);

  Quad<T> quads[kRounds];
  uint32_t existing = 0;  // bit kQuad * round + c for component c

  // `head`: of the chunk, which shared memory does not have yet. `columns`: of all chunks of the row but the
  // last ones, which get a smaller sample where they are shorter.
  PERSISTENT_TOPK_DEVICE void load(const Chunk<T, kThreads>& chunk, int head, int columns) {
    // Times 2^32: its multiples, modulo that, spread most evenly.
    constexpr uint32_t kGoldenRatio = 0x9E3779B1u;
    const uint64_t blocks = columns / kBlock;
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      const int quad = round * kThreads + static_cast<int>(threadIdx.x);
      const uint32_t part = quad / kBlockQuads;
      const auto begin = static_cast<uint32_t>(part * blocks / kBlocks);
      const auto end = static_cast<uint32_t>((part + 1) * blocks / kBlocks);
      const uint64_t within = (end - begin) * static_cast<uint64_t>(part * kGoldenRatio) >> 32;
      const int column = static_cast<int>(begin + within) * kBlock + quad % kBlockQuads * kQuad;
      if (column + kQuad > chunk.length) continue;
      load_quad(chunk.logits + column, kQuad, chunk.vector, quads[round]);
      existing |= bits_within(column, head, chunk.length) << (round * kQuad);
    }
  }

  template <int bits>
  PERSISTENT_TOPK_DEVICE void count(uint32_t* histogram) const {
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      const uint32_t mask = existing >> (round * kQuad) & kQuadMask;
      if (mask != 0) count_bins_of_quad<bits>(quads[round], mask, histogram);
    }
  }
};

// A number of columns that is hardly ever exceeded where so many are expected: of independent ones by more
// than five standard deviations.
PERSISTENT_TOPK_DEVICE int at_most(int expected) {
  constexpr int kMargin = 32;
  return expected + expected / 4 + kMargin;
}

// Rank in the samples of chunks of so many columns of what bounds the row's k-th.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int rank_in_samples(int k, int columns) {
  return min(k, at_most(k * policy.sample / columns));
}

// The bound that the samples' threshold bin makes. `columns`: of a chunk.
template <Policy policy>
PERSISTENT_TOPK_DEVICE StreamBound make_bound(const Interval& interval, const Found& bin, int columns) {
  const int64_t listed =
      static_cast<int64_t>(at_most(bin.above + bin.count)) * ceil_div(columns, policy.sample);
  return {interval.at_least, bin.index, listed <= policy.survivors};
}

}  // namespace persistent_topk
