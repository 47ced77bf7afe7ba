// The kernel: a team of CTAs a row, which takes the path that its length asks for. Nothing outlives a launch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cluster_mail.cuh"
#include "constants.cuh"
#include "decode.cuh"
#include "large.cuh"
#include "medium.cuh"
#include "plan.cuh"
#include "ptx.cuh"
#include "ptx_cluster.cuh"
#include "row.cuh"
#include "trivial.cuh"
#include "workspace_mail.cuh"

namespace persistent_topk {

struct TopkParams {
  const float* logits;  // [rows, columns]
  int64_t row_stride;  // elements from a row to the next
  const int32_t* lengths;  // [rows]
  int32_t* output;  // [rows, k], contiguous
  Trace* trace;  // [rows, ctas], or null
  int rows;
  int columns;
  int k;
  int ctas;  // of a team
  void* mail;  // [rows] WorkspaceMail<policy>::Area of any bytes, where teams are no clusters
};

template <Policy policy>
PERSISTENT_TOPK_DEVICE Path choose_path(int length, int k, int ctas) {
  if (length <= k) return kTrivial;
  if (length <= policy.decode_max) return kDecode;
  if (length > policy.medium_max || (ctas > 1 && length > policy.split_min)) return kLarge;
  return kMedium;
}

PERSISTENT_TOPK_DEVICE int row_length(const TopkParams& params, int given) {
  return max(0, min(given, params.columns));
}

template <bool kTracing>
PERSISTENT_TOPK_DEVICE Row row_at(const TopkParams& params, int index, int length) {
  return {params.logits + index * params.row_stride, length, params.k,
          params.output + static_cast<int64_t>(index) * params.k,
          kTracing ? params.trace + static_cast<int64_t>(index) * params.ctas : nullptr};
}

// A call so narrow that every row fits registers: a row is read before its length is known, which hides the
// latency of the one read behind that of the other.
template <Policy policy, bool kTracing, class Tile>
PERSISTENT_TOPK_DEVICE void narrow_row(const TopkParams& params) {
  const int index = blockIdx.x;
  Tile tile;
  const float* logits = params.logits + index * params.row_stride;
  tile.load(logits, params.columns, is_vector_aligned(logits));
  const int length = params.lengths[index];
  clear_row<policy, policy.decode_bin_bits>();
  __syncthreads();
  const Row row = row_at<kTracing>(params, index, row_length(params, length));
  if (row.length <= row.k) return trivial_row<policy, kTracing>(row);
  tile.take_part(row.length);
  decode_row<policy, kTracing>(row, tile);
}

// A row of the decode path, or one that is selected as a whole.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void short_row(const Row& row, Path path) {
  if (path == kTrivial) return trivial_row<policy, kTracing>(row);
  DecodeTile<policy> tile;
  tile.load(row.logits, row.length, is_vector_aligned(row.logits));
  tile.take_part(row.length);
  clear_row<policy, policy.decode_bin_bits>();
  __syncthreads();
  decode_row<policy, kTracing>(row, tile);
}

// Any row that one CTA has.
template <Policy policy, bool kTracing>
PERSISTENT_TOPK_DEVICE void wide_row(const Row& row, Path path) {
  path == kMedium || path == kLarge ? medium_row<policy, kTracing>(row, path)
                                    : short_row<policy, kTracing>(row, path);
}

// A row that a team of several CTAs has; its first takes it alone if it is short.
template <Policy policy, bool kTracing, class Mail>
PERSISTENT_TOPK_DEVICE void shared_row(const TopkParams& params) {
  const int index = Mail::team_index(params.ctas);
  auto& storage = ptx::shared_storage<LargeStorage<policy, Mail>>();
  const SharingTeam<policy, Mail> team = {
      storage, Mail::open(storage.landings, storage.inboxes, params.mail, params.ctas, index)};
  team.mail.invite_peers();
  const int length = params.lengths[index];
  clear_share<policy>(storage);
  const Row row = row_at<kTracing>(params, index, row_length(params, length));
  const Path path = choose_path<policy>(row.length, params.k, params.ctas);
  if (path != kLarge) {
    team.mail.await_peers();
    if (team.rank != 0) return;
    if constexpr (policy.split_min > policy.decode_max)
      wide_row<policy, kTracing>(row, path);
    else
      short_row<policy, kTracing>(row, path);
  } else if (chunks_fit(row.length, params.ctas, policy.tile)) {
    large_row_in_registers<policy, kTracing, RegisterTile<policy.threads, policy.tile>>(row, team);
  } else if (chunks_fit(row.length, params.ctas, DecodeTile<policy>::kTileColumns)) {
    large_row_in_registers<policy, kTracing, DecodeTile<policy>>(row, team);
  } else {
    large_row_streamed<policy, kTracing>(row, team);
  }
}

// The entries of a policy, apart, since what the one keeps in registers over another's code would spill.
// Narrow calls are told apart by whether a tile is enough, shared ones by what teams are: clusters, or CTAs
// of a cooperative launch.
enum Entry : int { kWide, kShared, kNarrow, kNarrowest, kCooperative, kEntries };

constexpr Entry entry_of(int64_t columns, int ctas, bool clusters, const Policy& policy) {
  if (ctas > 1) return clusters ? kShared : kCooperative;
  if (!is_narrow(columns, policy)) return kWide;
  return columns <= policy.tile ? kNarrowest : kNarrow;
}

// Whether an entry takes rows of any length.
constexpr bool is_wide(Entry entry) { return entry == kWide || entry == kShared || entry == kCooperative; }

// Dynamic shared memory of an entry's launch, bytes.
template <int kPolicyIndex>
constexpr size_t shared_bytes(Entry entry) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  size_t most = sizeof(HeldStorage<policy, policy.decode_bin_bits>);
  const auto need = [&most](size_t bytes) { most = bytes > most ? bytes : most; };
  if (is_wide(entry)) {
    need(sizeof(MediumStorage<policy>));
  }
  if (entry == kShared) need(sizeof(LargeStorage<policy, ClusterMail<policy>>));
  if (entry == kCooperative) need(sizeof(LargeStorage<policy, WorkspaceMail<policy>>));
  return most;
}

// Whether wide rows need no more than the policy says; as clusters they may, where there are such.
template <int kPolicyIndex>
constexpr bool fits_shared_memory() {
  const size_t room = kPolicies[kPolicyIndex].shared_bytes;
  return shared_bytes<kPolicyIndex>(kWide) <= room && shared_bytes<kPolicyIndex>(kCooperative) <= room;
}

// Bytes of workspace for the mail of a call's rows; see rows_with_mail().
template <int kPolicyIndex>
constexpr size_t area_bytes() {
  return sizeof(typename WorkspaceMail<kPolicies[kPolicyIndex]>::Area);
}

template <int kPolicyIndex, bool kTracing, Entry entry>
PERSISTENT_TOPK_DEVICE void topk_row(const TopkParams& params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  constexpr int kColumns =
      entry == kNarrowest && policy.tile < policy.decode_max ? policy.tile : policy.decode_max;
  ptx::allow_next_launch();
  ptx::wait_for_launches_before();
  if constexpr (entry == kShared) {
    shared_row<policy, kTracing, ClusterMail<policy>>(params);
  } else if constexpr (entry == kCooperative) {
    shared_row<policy, kTracing, WorkspaceMail<policy>>(params);
  } else if constexpr (entry == kWide) {
    const Row row = row_at<kTracing>(params, blockIdx.x, row_length(params, params.lengths[blockIdx.x]));
    wide_row<policy, kTracing>(row, choose_path<policy>(row.length, params.k, 1));
  } else {
    narrow_row<policy, kTracing, RegisterTile<policy.threads, kColumns>>(params);
  }
}

constexpr int ctas_per_sm(const Policy& policy, Entry entry) {
  return is_wide(entry) ? policy.wide_ctas_per_sm : policy.ctas_per_sm;
}

template <int kPolicyIndex, bool kTracing, Entry entry>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads,
                                  ctas_per_sm(kPolicies[kPolicyIndex], entry))
    topk_kernel(const TopkParams params) {
  topk_row<kPolicyIndex, kTracing, entry>(params);
}

}  // namespace persistent_topk
