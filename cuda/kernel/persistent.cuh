// The kernel: a team of CTAs a row, which takes the path that its length asks for. Nothing outlives a launch.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cluster_mail.cuh"
#include "constants.cuh"
#include "decode.cuh"
#include "large.cuh"
#include "launches.cuh"
#include "medium.cuh"
#include "params.cuh"
#include "plan.cuh"
#include "ptx.cuh"
#include "ptx_cluster.cuh"
#include "row.cuh"
#include "trivial.cuh"
#include "workspace_mail.cuh"

namespace persistent_topk {

// Of a launch of the call. `trace` and `workspace` may be null, see TopkParams.
inline TopkParams params_of(const Call& call, const Plan& plan, const DeviceLimits& limits,
                            const Launch& launch, void* trace, void* workspace) {
  return {.logits = call.logits,
          .lengths = call.lengths,
          .output = static_cast<int32_t*>(call.output),
          .row_stride = call.row_stride,
          .columns = call.columns,
          .k = call.k,
          .plain_rows = has_plain_rows(call),
          .plain_output = has_plain_output(call),
          .overlaps = static_cast<uint8_t>(launch.overlaps),
          .followed = static_cast<uint8_t>(launch.followed),
          .ctas = plan.ctas,
          .rows = call.rows,
          .grid_ctas = plan.grid_ctas,
          .sms = limits.sms,
          .short_max = plan.short_max,
          .mail = mail_in(workspace),
          .trace = static_cast<Trace*>(trace),
          .records = most_ctas(plan),
          .call = call};
}

template <Policy policy>
PERSISTENT_TOPK_DEVICE Path choose_path(int length, int k, int ctas) {
  if (length <= k) return kTrivial;
  if (length <= policy.decode_max) return kDecode;
  if (length > policy.medium_max || (ctas > 1 && length > policy.split_min)) return kLarge;
  return kMedium;
}

// The row whose columns `head` .. `length` - 1, counted from `logits`, take part.
template <bool kTracing, class T>
PERSISTENT_TOPK_DEVICE Row<T> make_row(const TopkParams& params, int index, const T* logits, int head,
                                       int length) {
  return {params,
          index,
          logits,
          head,
          length,
          params.k,
          kTracing ? params.trace + static_cast<int64_t>(index) * params.records : nullptr};
}

template <class T>
PERSISTENT_TOPK_DEVICE const T* logits_at(const TopkParams& params, int index) {
  return static_cast<const T*>(params.logits) + index * params.row_stride;
}

// A row as it is read: a window from the place that vectors are loaded from, where that is a column of the
// row, and registers that would hold the window hold as much.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE Row<T> row_at(const TopkParams& params, int index, const Window& window) {
  const T* const first = logits_at<T>(params, index) + window.begin;
  int head = 0;
  if (__builtin_expect(!params.plain_rows && window.begin > 0, false)) {
    const int behind = columns_behind_vector(first);
    const bool fits =
        window.columns > policy.decode_max || window.columns + behind <= DecodeTile<T, policy>::kTileColumns;
    if (behind <= window.begin && fits) head = behind;
  }
  return make_row<kTracing>(params, index, first - head, head, head + window.columns);
}

// A call so narrow that every row fits registers: a row is read before its length is known, which hides the
// latency of the one read behind that of the other.
template <Policy policy, bool kTracing, class T, class Tile>
PERSISTENT_TOPK_DEVICE void narrow_row(const TopkParams& params) {
  const int index = blockIdx.x;
  Tile tile;
  const T* logits = logits_at<T>(params, index);
  tile.load(logits, params.columns, is_vector_aligned(logits));
  const Window window = params.window(index);
  clear_row<policy, policy.decode_bin_bits>();
  __syncthreads();
  const Row<T> row = make_row<kTracing>(params, index, logits, window.begin, window.begin + window.columns);
  if (window.columns <= row.k) return trivial_row<policy, kTracing>(row);
  tile.take_part(row.head, row.length);
  decode_row<policy, kTracing>(row, tile);
}

// A row of the decode path, or one that is selected as a whole.
template <Policy policy, bool kTracing, class T, class Tile = DecodeTile<T, policy>>
PERSISTENT_TOPK_DEVICE void short_row(const Row<T>& row, Path path) {
  if (path == kTrivial) return trivial_row<policy, kTracing>(row);
  Tile tile;
  tile.load(row.logits, row.length, is_vector_aligned(row.logits));
  tile.take_part(row.head, row.length);
  clear_row<policy, policy.decode_bin_bits>();
  __syncthreads();
  decode_row<policy, kTracing>(row, tile);
}

// Any row that one CTA has.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void wide_row(const Row<T>& row, Path path) {
  path == kMedium || path == kLarge ? medium_row<policy, kTracing>(row, path)
                                    : short_row<policy, kTracing>(row, path);
}

PERSISTENT_TOPK_DEVICE TeamGrid grid_of(const TopkParams& params) {
  return {params.ctas, params.grid_ctas, params.sms};
}

PERSISTENT_TOPK_DEVICE Lengths lengths_of(const TopkParams& params) { return {params}; }

// Whether a row is left to another launch of the call: a long one to that of larger teams, a short one to
// that of short rows. By all threads of the CTA.
template <Policy of_teams>
PERSISTENT_TOPK_DEVICE bool is_left(const TopkParams& params, int length, ScheduleStorage& storage) {
  if (params.short_max > 0 && length <= params.short_max) return true;
  return params.grid_ctas > 0 && has_team<of_teams>(lengths_of(params), grid_of(params), length, storage);
}

// A row of the large path, which all CTAs of the team take. clear_share() is done.
template <Policy policy, bool kTracing, class T, class Mail>
PERSISTENT_TOPK_DEVICE void large_row(const Row<T>& row, const SharingTeam<policy, Mail>& team) {
  if (chunks_fit(row.length, team.ctas, policy.tile))
    large_row_in_registers<policy, kTracing, RegisterTile<T, policy.threads, policy.tile>>(row, team);
  else if (chunks_fit(row.length, team.ctas, DecodeTile<T, policy>::kTileColumns))
    large_row_in_registers<policy, kTracing, DecodeTile<T, policy>>(row, team);
  else
    large_row_streamed<policy, kTracing>(row, team);
}

// A row that a team of several CTAs has; its first takes it alone if it is short. `kLeaves`: whether other
// launches of the call take some rows.
template <Policy policy, bool kTracing, class T, class Mail, bool kLeaves>
PERSISTENT_TOPK_DEVICE void shared_row(const TopkParams& params) {
  const int index = Mail::team_index(params.ctas);
  auto& storage = ptx::shared_storage<LargeStorage<policy, Mail>>();
  const SharingTeam<policy, Mail> team = {
      storage, Mail::open(storage.landings, storage.inboxes, params.mail, params.ctas, index)};
  team.mail.invite_peers();
  const Window window = params.window(index);
  clear_share<policy>(storage);
  const Row<T> row = row_at<policy, kTracing, T>(params, index, window);
  const Path path = choose_path<policy>(window.columns, row.k, params.ctas);
  bool left = false;
  if constexpr (kLeaves) left = is_left<policy>(params, window.columns, storage.schedule);
  if (path == kLarge && !left) return large_row<policy, kTracing>(row, team);
  team.mail.await_peers();
  if (team.rank != 0 || left) return;
  if constexpr (policy.split_min > policy.decode_max)
    wide_row<policy, kTracing>(row, path);
  else
    short_row<policy, kTracing>(row, path);
}

// The row that the schedule assigns to this CTA's team, which is a part of a cluster.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void scheduled_row(const TopkParams& params) {
  using Mail = ClusterMail<policy>;
  auto& storage = ptx::shared_storage<LargeStorage<policy, Mail>>();
  const Assignment own =
      assign<policy>(lengths_of(params), grid_of(params), static_cast<int>(blockIdx.x), storage.schedule);
  if (own.row == kNoRow && own.rank >= ptx::cluster_rank()) return;  // nor has the cluster's first CTA one
  const int first = ptx::cluster_rank() - own.rank;
  const SharingTeam<policy, Mail> team = {storage,
                                          Mail{storage.landings, storage.inboxes, own.ctas, own.rank, first}};
  team.mail.invite_peers();
  if (own.row == kNoRow) return team.mail.await_peers();
  clear_share<policy>(storage);
  const Row<T> row = row_at<policy, kTracing, T>(params, own.row, params.window(own.row));
  large_row<policy, kTracing>(row, team);
}

// A row that one CTA has.
template <Policy policy, bool kTracing, class T, bool kLeaves>
PERSISTENT_TOPK_DEVICE void single_row(const TopkParams& params) {
  constexpr Policy kOfTeams = policy.max_ctas > 1 ? policy : kPolicies[kLatencyIndex];
  const int index = blockIdx.x;
  const Window window = params.window(index);
  if constexpr (kLeaves)
    if (is_left<kOfTeams>(params, window.columns, ptx::shared_storage<ScheduleStorage>())) return;
  const Row<T> row = row_at<policy, kTracing, T>(params, index, window);
  wide_row<policy, kTracing>(row, choose_path<policy>(window.columns, row.k, 1));
}

// A row so short that registers of few threads hold it, in a call that may have longer ones.
template <Policy policy, bool kTracing, class T>
PERSISTENT_TOPK_DEVICE void rather_short_row(const TopkParams& params) {
  const int index = blockIdx.x;
  const Window window = params.window(index);
  if (window.columns > params.short_max) return;
  const Row<T> row = row_at<policy, kTracing, T>(params, index, window);
  const Path path = choose_path<policy>(window.columns, row.k, 1);
  if (row.length <= policy.tile)
    short_row<policy, kTracing, T, RegisterTile<T, policy.threads, policy.tile>>(row, path);
  else
    short_row<policy, kTracing, T, DecodeTile<T, policy>>(row, path);
}

// Dynamic shared memory of an entry's launch, bytes.
template <int kPolicyIndex>
constexpr size_t shared_bytes(Entry entry) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  size_t most = sizeof(HeldStorage<policy, policy.decode_bin_bits>);
  const auto need = [&most](size_t bytes) { most = bytes > most ? bytes : most; };
  if (is_wide(entry)) {
    need(sizeof(MediumStorage<policy>));
  }
  if (entry == kShared || entry == kSharedRest || entry == kTeams)
    need(sizeof(LargeStorage<policy, ClusterMail<policy>>));
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

// The launches of a call overlap. Its first lets the next begin when it has waited itself for all that came
// before the call, so the next ones need not wait for that: they share nothing with each other but what is
// read. Each waits for the one before it when its own work is done, so that who waits for the last waits for
// all. One CTA is enough: a launch has not ended before all its CTAs have.
PERSISTENT_TOPK_DEVICE void begin_launch(const TopkParams& params) {
  if (!params.followed) ptx::allow_next_launch();
  if (!params.overlaps) ptx::wait_for_launches_before();
  if (params.followed) ptx::allow_next_launch();
}

PERSISTENT_TOPK_DEVICE void end_launch(const TopkParams& params) {
  if (params.overlaps && blockIdx.x == 0) ptx::wait_for_launches_before();
}

template <int kPolicyIndex, bool kTracing, Entry entry, class T>
PERSISTENT_TOPK_DEVICE void topk_row(const TopkParams& params) {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  constexpr int kColumns =
      entry == kNarrowest && policy.tile < policy.decode_max ? policy.tile : policy.decode_max;
  begin_launch(params);
  if constexpr (entry == kShared) {
    shared_row<policy, kTracing, T, ClusterMail<policy>, false>(params);
  } else if constexpr (entry == kSharedRest) {
    shared_row<policy, kTracing, T, ClusterMail<policy>, true>(params);
  } else if constexpr (entry == kCooperative) {
    shared_row<policy, kTracing, T, WorkspaceMail<policy>, false>(params);
  } else if constexpr (entry == kTeams) {
    scheduled_row<policy, kTracing, T>(params);
  } else if constexpr (entry == kWide) {
    single_row<policy, kTracing, T, false>(params);
  } else if constexpr (entry == kWideRest) {
    single_row<policy, kTracing, T, true>(params);
  } else if constexpr (entry == kShortRows) {
    rather_short_row<policy, kTracing, T>(params);
  } else {
    narrow_row<policy, kTracing, T, RegisterTile<T, policy.threads, kColumns>>(params);
  }
  end_launch(params);
}

constexpr int ctas_per_sm(const Policy& policy, Entry entry) {
  return is_wide(entry) ? policy.wide_ctas_per_sm : policy.ctas_per_sm;
}

template <int kPolicyIndex, bool kTracing, Entry entry, class T>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads,
                                  ctas_per_sm(kPolicies[kPolicyIndex], entry))
    topk_kernel(const TopkParams params) {
  topk_row<kPolicyIndex, kTracing, entry, T>(params);
}

}  // namespace persistent_topk
