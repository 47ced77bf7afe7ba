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
  void* workspace;         // for teams that merge through global memory
  int rows;
  int columns;
  int k;
  int ctas;      // of a team; the cluster's size
  int resident;  // columns of a chunk that stay in shared memory, whole quads
};

// Dynamic shared memory of a launch that keeps `resident` columns.
template <int kPolicyIndex>
constexpr size_t shared_bytes(int resident) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  const size_t tail = static_cast<size_t>(resident) * sizeof(float);
  size_t most = sizeof(DecodeStorage<policy>);
  for (size_t bytes : {sizeof(MediumStorage<policy>) + tail, sizeof(LargeStorage<policy>) + tail})
    if (bytes > most) most = bytes;
  return most;
}

// Columns that a CTA keeps: the longest chunk or row it can meet, if the shared memory has room.
template <int kPolicyIndex>
constexpr int resident_columns(int64_t columns, const Plan& plan, const DeviceLimits& limits) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  if (columns <= policy.decode_max) return 0;  // such rows stay in registers
  const int64_t longest_alone = plan.ctas > 1 ? policy.split_min : policy.medium_max;
  const int64_t chunk = (columns + plan.ctas - 1) / plan.ctas;
  const int64_t wanted = chunk > longest_alone ? chunk : columns < longest_alone ? columns : longest_alone;
  const int64_t room = (limits.shared_bytes - static_cast<int64_t>(shared_bytes<kPolicyIndex>(0))) /
                       static_cast<int64_t>(sizeof(float));
  const int64_t kept = wanted < room ? wanted + kWarpSize - 1 : room;
  return kept < 0 ? 0 : static_cast<int>(kept / kWarpSize * kWarpSize);
}

template <Policy policy>
PERSISTENT_TOPK_DEVICE Path choose_path(int length, int k, int ctas) {
  if (length <= k) return kTrivial;
  if (length <= policy.decode_max) return kDecode;
  if (length > policy.medium_max || (ctas > 1 && length > policy.split_min)) return kLarge;
  return kMedium;
}

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void process_row(const Row& row, Path path, const TopkParams& params, int rank) {
  switch (path) {
    case kTrivial: return trivial_row<policy, kTracing>(row);
    case kDecode: {
      DecodeTile<policy> tile;
      tile.load(row.logits, row.length);
      return decode_row<policy, kTracing>(row, tile);
    }
    case kMedium: return medium_row<policy, kTracing>(row, params.resident);
    default: return large_row<policy, kTracing>(row, params.ctas, rank, params.resident);
  }
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
    tile.load(params.logits + index * params.row_stride, params.columns);
    tile.length = row_length(params, index);
    const Row row = row_at<kTracing>(params, index, tile.length);
    if (row.length <= row.k)
      trivial_row<policy, kTracing>(row);
    else
      decode_row<policy, kTracing>(row, tile);
  }
}

// A call with rows of any path.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void wide_rows(const TopkParams& params) {
  const int rank = params.ctas > 1 ? ptx::cluster_rank() : 0;
  const int team = static_cast<int>(blockIdx.x) / params.ctas;
  const int teams = static_cast<int>(gridDim.x) / params.ctas;
  int worker = 0;  // the CTA that takes the team's next row if one is enough for it
  Path laid_out = kNotRecorded;  // whose struct the shared memory holds
  for (int index = team; index < params.rows; index += teams) {
    const int length = row_length(params, index);
    const Path path = choose_path<policy>(length, params.k, params.ctas);
    if (path == kLarge || worker == rank) {
      if (path != kTrivial && path != laid_out) {
        // Another struct lies over the slots that slow warps still copy out of the row before.
        if (laid_out != kNotRecorded) __syncthreads();
        laid_out = path;
      }
      process_row<policy, kTracing>(row_at<kTracing>(params, index, length), path, params, rank);
    }
    worker = worker + 1 == params.ctas ? 0 : worker + 1;
  }
  if (params.ctas > 1) {  // a CTA's shared memory must outlive its peers' reads
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
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
