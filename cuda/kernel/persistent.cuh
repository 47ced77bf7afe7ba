// The kernel: a fixed grid of teams, each taking rows team, team + teams, ... by the path that a
// row's length asks for. Nothing outlives a launch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.cuh"
#include "decode.cuh"
#include "large.cuh"
#include "medium.cuh"
#include "plan.cuh"
#include "ptx.cuh"
#include "row.cuh"
#include "trivial.cuh"

namespace persistent_topk {

struct TopkParams {
  const float* logits;  // [rows, columns]
  int64_t row_stride;   // elements from a row to the next
  const int32_t* lengths;  // [rows]
  int32_t* output;         // [rows, k], contiguous
  Trace* trace;            // [rows, ctas], or null
  int rows;
  int columns;
  int k;
  int ctas;   // of a team; the cluster's size
  int teams;
};

// Dynamic shared memory of a launch, bytes.
template <int kPolicyIndex>
constexpr size_t shared_bytes(bool narrow) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  size_t most = sizeof(DecodeStorage<policy>);
  if (!narrow)
    for (size_t bytes : {sizeof(MediumStorage<policy>), sizeof(LargeStorage<policy>)})
      if (bytes > most) most = bytes;
  return most;
}

template <Policy policy>
PERSISTENT_TOPK_DEVICE Path choose_path(int length, int k, int ctas) {
  if (length <= k) return kTrivial;
  if (length <= policy.decode_max) return kDecode;
  if (length > policy.medium_max || (ctas > 1 && length > policy.split_min)) return kLarge;
  return kMedium;
}

PERSISTENT_TOPK_DEVICE int row_length(const TopkParams& params, int index) {
  return max(0, min(params.lengths[index], params.columns));
}

template <bool kTracing>
PERSISTENT_TOPK_DEVICE Row row_at(const TopkParams& params, int index, int length) {
  return {params.logits + index * params.row_stride, length, params.k,
          params.output + static_cast<int64_t>(index) * params.k,
          kTracing ? params.trace + static_cast<int64_t>(index) * params.ctas : nullptr};
}

// A call so narrow that every row fits registers: a row is read before its length is known, which
// hides the latency of the one read behind that of the other.
template <Policy policy, bool kTracing, class Tile>
PERSISTENT_TOPK_DEVICE void narrow_rows(const TopkParams& params) {
  for (int index = blockIdx.x; index < params.rows; index += gridDim.x) {
    Tile tile;
    const float* logits = params.logits + index * params.row_stride;
    tile.load(logits, params.columns, is_vector_aligned(logits));
    tile.length = row_length(params, index);
    const Row row = row_at<kTracing>(params, index, tile.length);
    if (row.length <= row.k)
      trivial_row<policy, kTracing>(row);
    else
      decode_row<policy, kTracing>(row, tile);
  }
}

// How a row is taken: its path, the large one told apart by what its chunks fit.
enum Way : int { kTrivially, kInRegisters, kStreamed, kSharedInTile, kSharedInRegisters, kSharedStreamed };

template <Policy policy>
PERSISTENT_TOPK_DEVICE Way way_of(int length, int k, int ctas) {
  switch (choose_path<policy>(length, k, ctas)) {
    case kTrivial: return kTrivially;
    case kDecode: return kInRegisters;
    case kMedium: return kStreamed;
    default:
      if (chunks_fit(length, ctas, policy.tile)) return kSharedInTile;
      return chunks_fit(length, ctas, DecodeTile<policy>::kTileColumns) ? kSharedInRegisters
                                                                        : kSharedStreamed;
  }
}

// The rows of one team: team, team + teams, ... A team of several CTAs has one row: make_plan() gives every
// row a team then.
template <Policy policy, bool kTracing>
struct TeamRows {
  const TopkParams& params;
  int rank = params.ctas > 1 ? ptx::cluster_rank() : 0;
  int team = ptx::cluster_index(params.ctas);

  // A bit for each way that a row of the team takes.
  PERSISTENT_TOPK_DEVICE uint32_t ways() const {
    uint32_t taken = 0;
    for (int index = team + lane_id() * params.teams; index < params.rows; index += kWarpSize * params.teams)
      taken |= 1u << way_of<policy>(row_length(params, index), params.k, params.ctas);
    return __reduce_or_sync(kFullWarp, taken);
  }

  // process(row) for the team's only row.
  template <class Process>
  PERSISTENT_TOPK_DEVICE void take_only(Process&& process) const {
    process(row_at<kTracing>(params, team, row_length(params, team)));
  }

  // process(row) for those that take `way`, by the team's first CTA if one is enough for a row.
  template <class Process>
  PERSISTENT_TOPK_DEVICE void for_each(Way way, Process&& process) const {
    if (way != kSharedStreamed && rank != 0) return;
    for (int index = team; index < params.rows; index += params.teams) {
      const int length = row_length(params, index);
      if (way_of<policy>(length, params.k, params.ctas) != way) continue;
      // Slow warps may still copy out the row before, over whose slots another path's struct may lie.
      __syncthreads();
      process(row_at<kTracing>(params, index, length));
    }
  }
};

// A call with rows of any path: the long ones first, so that none is left to the end. A loop a way, since
// what one keeps in registers over the others' code would spill; the lengths are in the cache by then.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void wide_rows(const TopkParams& params) {
  const TeamRows<policy, kTracing> rows = {params};
  const uint32_t ways = rows.ways();
  const int ctas = params.ctas, rank = rows.rank;
  if (ways >> kSharedStreamed & 1)
    rows.for_each(kSharedStreamed,
                  [&](const Row& row) { large_row_streamed<policy, kTracing>(row, ctas, rank); });
  if (ways >> kSharedInRegisters & 1)
    rows.take_only([&](const Row& row) {
      large_row_in_registers<policy, kTracing, DecodeTile<policy>>(row, ctas, rank);
    });
  if (ways >> kSharedInTile & 1)
    rows.take_only([&](const Row& row) {
      large_row_in_registers<policy, kTracing, RegisterTile<policy.threads, policy.tile>>(row, ctas, rank);
    });
  if (ways >> kStreamed & 1)
    rows.for_each(kStreamed, [&](const Row& row) { medium_row<policy, kTracing>(row); });
  if (ways >> kInRegisters & 1)
    rows.for_each(kInRegisters, [&](const Row& row) {
      DecodeTile<policy> tile;
      tile.load(row.logits, row.length, is_vector_aligned(row.logits));
      decode_row<policy, kTracing>(row, tile);
    });
  if (ways >> kTrivially & 1)
    rows.for_each(kTrivially, [&](const Row& row) { trivial_row<policy, kTracing>(row); });
}

// The entries of a policy, apart, since what the one keeps in registers over another's code would spill.
// Narrow calls are told apart by whether a tile is enough.
enum Entry : int { kWide, kNarrow, kNarrowest, kEntries };

constexpr Entry entry_of(int64_t columns, const Policy& policy) {
  if (!is_narrow(columns, policy)) return kWide;
  return columns <= policy.tile ? kNarrowest : kNarrow;
}

template <int kPolicyIndex, bool kTracing>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads, 1) topk_kernel(const TopkParams params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  wide_rows<policy, kTracing>(params);
}

template <int kPolicyIndex, bool kTracing, Entry entry>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads, kPolicies[kPolicyIndex].ctas_per_sm)
    narrow_topk_kernel(const TopkParams params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  constexpr int kColumns =
      entry == kNarrowest && policy.tile < policy.decode_max ? policy.tile : policy.decode_max;
  narrow_rows<policy, kTracing, RegisterTile<policy.threads, kColumns>>(params);
}

}  // namespace persistent_topk
