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

// A call with rows of any path, a CTA each: the long ones first, so that none is left to the end. A loop a
// path, since what one keeps in registers over the others' code would spill; the lengths are in the cache by
// then.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void wide_rows(const TopkParams& params) {
  const auto path_of = [&](int length) { return choose_path<policy>(length, params.k, 1); };
  const auto for_each = [&](Path path, auto&& process) {
    for (int index = blockIdx.x; index < params.rows; index += gridDim.x) {
      const int length = row_length(params, index);
      if (path_of(length) != path) continue;
      // Slow warps may still copy out the row before, over whose slots another path's struct may lie.
      __syncthreads();
      process(row_at<kTracing>(params, index, length));
    }
  };
  uint32_t taken = 0;
  for (int index = blockIdx.x + lane_id() * gridDim.x; index < params.rows; index += kWarpSize * gridDim.x)
    taken |= 1u << path_of(row_length(params, index));
  taken = __reduce_or_sync(kFullWarp, taken);
#pragma unroll 1
  for (int path = kLarge; path >= kMedium; --path)
    if (taken >> path & 1)
      for_each(static_cast<Path>(path),
               [&](const Row& row) { medium_row<policy, kTracing>(row, static_cast<Path>(path)); });
  if (taken >> kDecode & 1)
    for_each(kDecode, [&](const Row& row) {
      DecodeTile<policy> tile;
      tile.load(row.logits, row.length, is_vector_aligned(row.logits));
      decode_row<policy, kTracing>(row, tile);
    });
  if (taken >> kTrivial & 1) for_each(kTrivial, [&](const Row& row) { trivial_row<policy, kTracing>(row); });
}

// A call where a team of several CTAs has each row; the team's first takes it alone if it is short.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void shared_rows(const TopkParams& params) {
  const int index = ptx::cluster_index(params.ctas);
  const SharingTeam<policy> team = {ptx::shared_storage<LargeStorage<policy>>(), params.ctas,
                                    ptx::cluster_rank()};
  team.invite_peers();
  const int length = row_length(params, index);
  const Row row = row_at<kTracing>(params, index, length);
  const Path path = choose_path<policy>(length, params.k, params.ctas);
  using LongTile = DecodeTile<policy>;
  if (path == kLarge) {
    if (chunks_fit(length, params.ctas, policy.tile))
      large_row_in_registers<policy, kTracing, RegisterTile<policy.threads, policy.tile>>(row, team);
    else if (chunks_fit(length, params.ctas, LongTile::kTileColumns))
      large_row_in_registers<policy, kTracing, LongTile>(row, team);
    else
      large_row_streamed<policy, kTracing>(row, team);
    return;
  }
  team.await_peers();
  if (team.rank != 0) return;
  if (path == kTrivial) return trivial_row<policy, kTracing>(row);
  if constexpr (policy.split_min > policy.decode_max)
    if (path == kMedium) return medium_row<policy, kTracing>(row, path);
  LongTile tile;
  tile.load(row.logits, row.length, is_vector_aligned(row.logits));
  decode_row<policy, kTracing>(row, tile);
}

// The entries of a policy, apart, since what the one keeps in registers over another's code would spill.
// Narrow calls are told apart by whether a tile is enough.
enum Entry : int { kWide, kShared, kNarrow, kNarrowest, kEntries };

constexpr Entry entry_of(int64_t columns, int ctas, const Policy& policy) {
  if (ctas > 1) return kShared;
  if (!is_narrow(columns, policy)) return kWide;
  return columns <= policy.tile ? kNarrowest : kNarrow;
}

// Dynamic shared memory of an entry's launch, bytes.
template <int kPolicyIndex>
constexpr size_t shared_bytes(Entry entry) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  size_t most = sizeof(DecodeStorage<policy>);
  const bool is_long[] = {entry == kWide || entry == kShared, entry == kShared};
  const size_t of_long[] = {sizeof(MediumStorage<policy>), sizeof(LargeStorage<policy>)};
  for (int i = 0; i < 2; ++i)
    if (is_long[i] && of_long[i] > most) most = of_long[i];
  return most;
}

template <int kPolicyIndex, bool kTracing, Entry entry>
PERSISTENT_TOPK_DEVICE void topk_rows(const TopkParams& params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  constexpr int kColumns =
      entry == kNarrowest && policy.tile < policy.decode_max ? policy.tile : policy.decode_max;
  ptx::allow_next_launch();
  ptx::wait_for_launches_before();
  if constexpr (entry == kWide)
    wide_rows<policy, kTracing>(params);
  else if constexpr (entry == kShared)
    shared_rows<policy, kTracing>(params);
  else
    narrow_rows<policy, kTracing, RegisterTile<policy.threads, kColumns>>(params);
}

// Only narrow rows leave room for another CTA on an SM.
constexpr int ctas_per_sm(const Policy& policy, Entry entry) {
  return entry == kWide || entry == kShared ? 1 : policy.ctas_per_sm;
}

template <int kPolicyIndex, bool kTracing, Entry entry>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads,
                                  ctas_per_sm(kPolicies[kPolicyIndex], entry))
    topk_kernel(const TopkParams params) {
  topk_rows<kPolicyIndex, kTracing, entry>(params);
}

}  // namespace persistent_topk
