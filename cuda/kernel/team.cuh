// The CTAs that share a row: what they hold in shared memory, and how they tell each other.
//
// What peers write (`groups`, `bins`, `counts`, candidates) is written before an exchange and read between
// that and the next. Every row begins with one, under way while the chunk is counted: before it a peer
// may not have started, or may still read what belongs to the row before.
#pragma once

#include "emit.cuh"
#include "map.cuh"
#include "refine.cuh"
#include "stream.cuh"

namespace persistent_topk {

// A chunk's keys above the interval that is left, and in it.
struct ChunkCounts {
  int above;
  int count;
};

inline constexpr int kGroupBins = kWarpSize;  // bins of a group: one a lane

template <Policy policy>
struct LargeStorage {
  static constexpr int kBins = 1 << policy.large_bin_bits;
  static constexpr int kGroups = kBins / kGroupBins;
  RefineStorage<policy> refine;           // its candidates are the chunk's
  alignas(16) uint32_t histogram[kBins];  // of the chunk
  DigitHistograms shown;                  // of the chunk: peers read them
  uint32_t groups[policy.max_ctas][kGroups + 1];   // each CTA's sums; a row more, so that banks differ
  uint32_t bins[policy.max_ctas][kGroupBins + 1];  // each CTA's counters of the group that was found
  ChunkCounts counts[policy.max_ctas];
  Survivors<policy.survivors> list;
  ColumnMap<policy.map> map;
  int32_t candidate_columns[policy.candidates];
  union {
    uint32_t row_keys[policy.candidates];  // all CTAs' candidates: each writes its own to all
    LinedUp lined_up;                      // when these have been looked through
  };
};

// Columns of each chunk but the last ones of a row of `length`: whole 128 bytes.
PERSISTENT_TOPK_DEVICE int chunk_columns(int length, int ctas) {
  return ceil_div(ceil_div(length, kWarpSize), ctas) * kWarpSize;
}

// Whether no chunk of such a row has more columns than that (whole 128 bytes).
PERSISTENT_TOPK_DEVICE bool chunks_fit(int length, int ctas, int columns) {
  return ceil_div(length, kWarpSize) <= ctas * (columns / kWarpSize);
}

// The CTAs that share a row.
template <Policy policy>
struct SharingTeam {
  using Storage = LargeStorage<policy>;
  Storage& storage;
  int ctas;
  int rank;

  PERSISTENT_TOPK_DEVICE void arrive() const {
    if (ctas > 1) ptx::cluster_arrive();
  }
  PERSISTENT_TOPK_DEVICE void wait() const { ctas > 1 ? ptx::cluster_wait() : __syncthreads(); }
  PERSISTENT_TOPK_DEVICE void exchange() const {
    arrive();
    wait();
  }

  template <class T>
  PERSISTENT_TOPK_DEVICE T* of_peer(T* mine, int peer) const {
    return ctas == 1 ? mine : ptx::peer_shared(mine, peer);
  }

  // Adds up what every CTA shows, after an exchange. Neighbouring lanes take a part of the CTAs each, so
  // that many loads are under way: one takes 200 cycles.
  PERSISTENT_TOPK_DEVICE const uint32_t* merge_digits(DigitHistograms&, int pass) const {
    uint32_t* sums = storage.refine.digits.of_pass[pass];
    constexpr int kParts = policy.max_ctas < 4 ? policy.max_ctas : 4;
    exchange();
    for (int i = threadIdx.x; i < kDigits / kQuad * kParts; i += policy.threads) {
      uint32_t sum[kQuad] = {0, 0, 0, 0};
#pragma unroll
      for (int first = 0; first < policy.max_ctas; first += kParts) {
        if (const int peer = first + i % kParts; peer < ctas) {
          uint32_t quad[kQuad];
          ptx::load_vector(of_peer(storage.shown.of_pass[pass] + i / kParts * kQuad, peer), quad);
#pragma unroll
          for (int c = 0; c < kQuad; ++c) sum[c] += quad[c];
        }
      }
#pragma unroll
      for (int distance = 1; distance < kParts; distance *= 2)
#pragma unroll
        for (int c = 0; c < kQuad; ++c) sum[c] += __shfl_xor_sync(kFullWarp, sum[c], distance);
      if (i % kParts == 0)
#pragma unroll
        for (int c = 0; c < kQuad; ++c) sums[i / kParts * kQuad + c] = sum[c];
    }
    __syncthreads();
    return sums;
  }

  // Tells every CTA the chunk's counts above and in the digit that was found.
  PERSISTENT_TOPK_DEVICE void keep(const uint32_t* chunk_histogram, const Found& digit) const {
    uint32_t greater = 0;
    for (int i = threadIdx.x; i < kDigits; i += policy.threads)
      if (i > digit.index) greater += chunk_histogram[i];
    const int above = block_sum<policy.threads>(greater, storage.refine.scratch.chunk_totals);
    const ChunkCounts before = storage.counts[rank];
    __syncthreads();  // everybody has read what the next exchange replaces
    if (static_cast<int>(threadIdx.x) < ctas)
      *of_peer(&storage.counts[rank], static_cast<int>(threadIdx.x)) = {
          before.above + above, static_cast<int>(chunk_histogram[digit.index])};
  }
};

}  // namespace persistent_topk
