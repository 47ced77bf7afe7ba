// The kernel: a fixed grid of teams, each taking rows team, team + teams, ... by the path that a
// row's length asks for. Nothing outlives a row but the turn of the scans' areas; nothing outlives a
// launch at all.
#pragma once

#include <cstddef>
#include <cstdint>

#include "constants.cuh"
#include "decode.cuh"
#include "large.cuh"
#include "medium.cuh"
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
  int ctas;      // of a team; the cluster's size
  int resident;  // columns of a chunk that stay in shared memory, whole ballot words
};

// Dynamic shared memory of a launch that keeps `resident` columns.
template <Policy policy>
constexpr size_t shared_bytes(int resident) {
  const size_t fixed[] = {sizeof(DecodeStorage<policy>), sizeof(MediumStorage<policy>),
                          sizeof(LargeStorage<policy>)};
  const size_t tail = static_cast<size_t>(resident) * sizeof(float);
  size_t most = fixed[0];
  for (size_t bytes : {fixed[1] + tail, fixed[2] + tail})
    if (bytes > most) most = bytes;
  return most;
}

// Columns that a CTA keeps: its chunk of the widest row, if the shared memory has room for it.
template <Policy policy>
constexpr int resident_columns(int64_t columns, int ctas, int shared_limit) {
  if (columns <= policy.decode_max) return 0;  // such rows stay in registers
  const int64_t room =
      (shared_limit - static_cast<int64_t>(shared_bytes<policy>(0))) / static_cast<int64_t>(sizeof(float));
  const int64_t longest_alone = columns < policy.medium_max ? columns : policy.medium_max;
  int64_t wanted = (columns + ctas - 1) / ctas;
  if (ctas > 1 && wanted < policy.split_min) wanted = policy.split_min;
  if (ctas == 1 && wanted < longest_alone) wanted = longest_alone;
  const int64_t columns_kept = wanted < room ? wanted : room;
  return columns_kept < 0 ? 0 : static_cast<int>(columns_kept) / kWarpSize * kWarpSize;
}

template <Policy policy>
PERSISTENT_TOPK_DEVICE Path choose_path(int length, int k, int ctas) {
  if (length <= k) return kTrivial;
  if (length <= policy.decode_max) return kDecode;
  if (length > policy.medium_max || (ctas > 1 && length > policy.split_min)) return kLarge;
  return kMedium;
}

template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void process_row(const Row& row, Path path, const TopkParams& params, int rank,
                                        int& turn) {
  switch (path) {
    case kTrivial:
      return trivial_row<policy, kTracing>(row);
    case kDecode:
      return decode_row<policy, kTracing>(row, turn);
    case kMedium:
      return medium_row<policy, kTracing>(row, params.resident, turn);
    default:
      return large_row<policy, kTracing>(row, params.ctas, rank, params.resident, turn);
  }
}

template <int kPolicyIndex, bool kTracing>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads)
    topk_kernel(const TopkParams params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  const int rank = params.ctas > 1 ? ptx::cluster_rank() : 0;
  const int team = static_cast<int>(blockIdx.x) / params.ctas;
  const int teams = static_cast<int>(gridDim.x) / params.ctas;
  int turn = 0;
  int worker = 0;  // the CTA that takes the team's next row if one is enough for it
  for (int index = team; index < params.rows; index += teams) {
    const int length = max(0, min(params.lengths[index], params.columns));
    const Path path = choose_path<policy>(length, params.k, params.ctas);
    if (path == kLarge || worker == rank) {
      const Row row = {params.logits + index * params.row_stride, length, params.k,
                       params.output + static_cast<int64_t>(index) * params.k,
                       kTracing ? params.trace + static_cast<int64_t>(index) * params.ctas : nullptr};
      process_row<policy, kTracing>(row, path, params, rank, turn);
    }
    worker = worker + 1 == params.ctas ? 0 : worker + 1;
  }
  if (params.ctas > 1) {  // a CTA's shared memory must outlive its peers' reads
    ptx::cluster_arrive();
    ptx::cluster_wait();
  }
}

}  // namespace persistent_topk
