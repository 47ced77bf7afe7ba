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
  int ctas;  // of a team; the cluster's size
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
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void narrow_rows(const TopkParams& params) {
  for (int index = blockIdx.x; index < params.rows; index += gridDim.x) {
    DecodeTile<policy> tile;
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

// process(row) for the rows of a team that `takes(path, length)` says. Where one CTA is enough for a row,
// the team's CTAs take turns.
template <Policy policy, bool kTracing, class Takes, class Process>
PERSISTENT_TOPK_DEVICE void for_each_row(const TopkParams& params, int rank, Takes&& takes,
                                         Process&& process) {
  const int team = static_cast<int>(blockIdx.x) / params.ctas;
  const int teams = static_cast<int>(gridDim.x) / params.ctas;
  int worker = 0;
  for (int index = team; index < params.rows; index += teams) {
    const int length = row_length(params, index);
    const Path path = choose_path<policy>(length, params.k, params.ctas);
    if (!takes(path, length)) continue;
    if (path == kLarge || worker == rank) {
      // Slow warps may still copy out the row before, over whose slots another path's struct may lie.
      __syncthreads();
      process(row_at<kTracing>(params, index, length));
    }
    worker = worker + 1 == params.ctas ? 0 : worker + 1;
  }
}

// A call with rows of any path: the long ones first, so that none is left to the end. A loop a path, since
// what one keeps in registers over the others' code would spill; the lengths are in the cache by then.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void wide_rows(const TopkParams& params) {
  const int ctas = params.ctas, rank = ctas > 1 ? ptx::cluster_rank() : 0;
  const auto fits_registers = [&](int length) {
    return chunk_columns(length, ctas) <= DecodeTile<policy>::kTileColumns;
  };
  for_each_row<policy, kTracing>(
      params, rank, [&](Path path, int length) { return path == kLarge && !fits_registers(length); },
      [&](const Row& row) { large_row_streamed<policy, kTracing>(row, ctas, rank); });
  for_each_row<policy, kTracing>(
      params, rank, [&](Path path, int length) { return path == kLarge && fits_registers(length); },
      [&](const Row& row) { large_row_in_registers<policy, kTracing>(row, ctas, rank); });
  for_each_row<policy, kTracing>(
      params, rank, [](Path path, int) { return path == kMedium; },
      [&](const Row& row) { medium_row<policy, kTracing>(row); });
  for_each_row<policy, kTracing>(
      params, rank, [](Path path, int) { return path == kDecode; },
      [&](const Row& row) {
        DecodeTile<policy> tile;
        tile.load(row.logits, row.length, is_vector_aligned(row.logits));
        decode_row<policy, kTracing>(row, tile);
      });
  for_each_row<policy, kTracing>(
      params, rank, [](Path path, int) { return path == kTrivial; },
      [&](const Row& row) { trivial_row<policy, kTracing>(row); });
}

// The two entries of a policy; is_narrow() says which a call wants. Apart, since what the one keeps in
// registers over the other's code would spill.
template <int kPolicyIndex, bool kTracing>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads, 1) topk_kernel(const TopkParams params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  wide_rows<policy, kTracing>(params);
}

template <int kPolicyIndex, bool kTracing>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads, kPolicies[kPolicyIndex].ctas_per_sm)
    narrow_topk_kernel(const TopkParams params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  narrow_rows<policy, kTracing>(params);
}

}  // namespace persistent_topk
