// What a rank does between the exchanges of counts: reference/sharded.py's by_digits on a device, one CTA a
// row and one launch between two exchanges. A launch finds the digit that the counts of all ranks point at,
// then counts what the next exchange adds up, or writes the rank's own columns.
#pragma once

#include <cstdint>

#include "../kernel/block.cuh"
#include "../kernel/order.cuh"
#include "../kernel/ptx.cuh"
#include "../kernel/ptx_cluster.cuh"

namespace persistent_topk {

inline constexpr int kStageThreads = 512;
inline constexpr int kMostDigits = 2048;  // 11 bits
inline constexpr uint32_t kNoKey = 0xFFFFFFFFu;  // of a slot without a column; no key is the inverse of 0

enum StageAction : int { kCountValues, kCountTies, kCountColumns, kWriteOwn };
enum Counted : int { kNone, kOfValues, kOfColumns };

// What a rank knows of a row, from launch to launch.
struct StageState {
  uint32_t value;  // the digits of the threshold that are known; keys are inverse, so that the first is least
  uint32_t column;  // those of the last tied column's number that is taken
  int wanted;  // how many with these digits are taken, over all ranks
};

struct StageParams {
  const float* shard;  // [rows, width]
  int64_t row_stride;  // elements
  int64_t width;  // columns of the shard, which bounds what `local` names
  const int32_t* local;  // [rows, k], what the rank selected by itself, ascending, then -1
  const int32_t* lengths;  // [rows], of the whole rows
  uint32_t* keys;  // [rows, k]
  StageState* states;  // [rows]
  const int32_t* totals;  // [rows, 2^bits_before] of all ranks; or their ties [ranks, rows]; null at first
  int32_t* result;  // counts [rows, 2^bits], ties [rows], or columns of the shard [rows, k]
  int rows;
  int k;
  int columns;  // of the whole row
  int block;  // columns dealt at a time; 0: consecutive shards
  int first;  // this rank's first column, where shards are consecutive
  int rank;
  int ranks;
  int action;  // a StageAction
  int counted;  // what the totals are counts of: a Counted
  int bits_before;  // of the digits that the totals count
  int bits;  // of the next digit,
  int shift;  // and of what lies under it
};

struct StageStorage {
  uint32_t counters[kMostDigits];
  WarpTotals totals;
  StageState state;
};

PERSISTENT_TOPK_DEVICE uint32_t column_in_row(const StageParams& params, int local) {
  if (params.block == 0) return static_cast<uint32_t>(local + params.first);
  return static_cast<uint32_t>((local / params.block * params.ranks + params.rank) * params.block +
                               local % params.block);
}

// The digit that holds the `wanted`-th from the least, and what is wanted of it. Its thread writes the state.
PERSISTENT_TOPK_DEVICE void find_digit(const StageParams& params, const StageState& known,
                                       StageStorage& storage) {
  constexpr int kOwn = kMostDigits / kStageThreads;
  const int digits = 1 << params.bits_before, begin = static_cast<int>(threadIdx.x) * kOwn;
  const int32_t* const totals = params.totals + static_cast<int64_t>(blockIdx.x) * digits;
  int counts[kOwn], own = 0;
#pragma unroll
  for (int i = 0; i < kOwn; ++i) own += counts[i] = begin + i < digits ? totals[begin + i] : 0;
  const uint32_t inclusive = warp_inclusive_sum(own);
  int below =
      static_cast<int>(sum_over_warps<kStageThreads>(inclusive, storage.totals).before + inclusive) - own;
  const bool is_first_of_none = known.wanted == 0 && threadIdx.x == 0;
  if ((below < known.wanted && known.wanted <= below + own) || is_first_of_none) {
    int digit = 0;
#pragma unroll
    for (int i = 0; i + 1 < kOwn; ++i)
      if (digit == i && below + counts[i] < known.wanted) below += counts[i], ++digit;
    StageState state = known;
    uint32_t& prefix = params.counted == kOfValues ? state.value : state.column;
    prefix = prefix << params.bits_before | static_cast<uint32_t>(begin + digit);
    state.wanted -= is_first_of_none ? 0 : below;
    storage.state = state;
  }
}

// The state of the row before this launch counts: at first, or as the totals tell.
PERSISTENT_TOPK_DEVICE StageState next_state(const StageParams& params, StageStorage& storage) {
  StageState& kept = params.states[blockIdx.x];
  if (params.counted == kNone && params.action == kWriteOwn) return kept;
  if (params.counted == kNone) {
    if (threadIdx.x == 0)
      storage.state = {0, 0, min(params.k, max(0, min(params.lengths[blockIdx.x], params.columns)))};
  } else {
    find_digit(params, kept, storage);
  }
  __syncthreads();
  if (threadIdx.x == 0) kept = storage.state;
  return storage.state;
}

// The inverse keys of the selected logits, kept for the launches that follow.
PERSISTENT_TOPK_DEVICE void make_keys(const StageParams& params, const int32_t* local, uint32_t* keys) {
  const float* const logits = params.shard + blockIdx.x * params.row_stride;
#pragma unroll 1
  for (int i = threadIdx.x; i < params.k; i += kStageThreads)
    keys[i] = local[i] < 0 ? kNoKey : ~ordered_key(logits[local[i]]);
}

// Counts a digit of the keys, or of the columns that tie, where the digits above are those that are known.
PERSISTENT_TOPK_DEVICE void count_digits(const StageParams& params, const StageState& state,
                                         const int32_t* local, const uint32_t* keys, uint32_t* counters) {
  const int above = params.shift + params.bits;
  const bool of_values = params.action == kCountValues;
  const uint32_t known = of_values ? state.value : state.column, mask = (1u << params.bits) - 1;
#pragma unroll 1
  for (int i = threadIdx.x; i < params.k; i += kStageThreads) {
    if (keys[i] == kNoKey || (!of_values && keys[i] != state.value)) continue;
    const uint32_t key = of_values ? keys[i] : column_in_row(params, local[i]);
    if (above < 32 && key >> above != known) continue;
    atomicAdd(&counters[key >> params.shift & mask], 1u);
  }
}

PERSISTENT_TOPK_DEVICE void write_counts(const StageParams& params, const uint32_t* counters) {
  const int digits = 1 << params.bits;
#pragma unroll 1
  for (int i = threadIdx.x; i < digits; i += kStageThreads)
    params.result[static_cast<int64_t>(blockIdx.x) * digits + i] = static_cast<int32_t>(counters[i]);
}

// How many of the row's ties are this rank's to take: what the ranks before it leave, where shards are
// consecutive; where they are dealt, the last tied column says it of each.
PERSISTENT_TOPK_DEVICE int room_for_ties(const StageParams& params, const StageState& state) {
  int room = state.wanted;
#pragma unroll 1
  for (int rank = 0; rank < params.rank; ++rank)
    room -= params.totals[static_cast<int64_t>(rank) * params.rows + blockIdx.x];
  return max(room, 0);
}

// The rank's own columns, ascending, then -1.
PERSISTENT_TOPK_DEVICE void write_own(const StageParams& params, const StageState& state,
                                      const int32_t* local, const uint32_t* keys, WarpTotals& totals) {
  constexpr int kHalf = 16;  // one scan serves both counts: k is under 2^16
  const bool consecutive = params.block == 0;
  const int room = consecutive ? room_for_ties(params, state) : 0;
  int32_t* const own = params.result + static_cast<int64_t>(blockIdx.x) * params.k;
  int above = 0, ties = 0;  // of the rounds before
#pragma unroll 1
  for (int first = 0; first < params.k; first += kStageThreads) {
    const int i = first + static_cast<int>(threadIdx.x);
    const uint32_t key = i < params.k ? keys[i] : kNoKey;
    const bool equal = key != kNoKey && key == state.value;
    const bool tie = equal && consecutive;
    const bool taken = (key != kNoKey && key < state.value) ||
                       (equal && !consecutive && column_in_row(params, local[i]) <= state.column);
    const uint32_t both = static_cast<uint32_t>(taken) | static_cast<uint32_t>(tie) << kHalf;
    const uint32_t inclusive = warp_inclusive_sum(both);
    const BlockSums sums = sum_over_warps<kStageThreads>(inclusive, totals);
    const uint32_t before = sums.before + inclusive - both;
    const int number = ties + static_cast<int>(before >> kHalf);
    const int slot = above + static_cast<int>(before & ((1u << kHalf) - 1)) + min(number, room);
    if (taken || (tie && number < room)) own[slot] = local[i];
    above += static_cast<int>(sums.total & ((1u << kHalf) - 1));
    ties += static_cast<int>(sums.total >> kHalf);
    __syncthreads();  // the totals have been read
  }
#pragma unroll 1
  for (int slot = above + min(ties, room) + static_cast<int>(threadIdx.x); slot < params.k;
       slot += kStageThreads)
    own[slot] = kPadding;
}

PERSISTENT_TOPK_DEVICE void stage_of_row(const StageParams& params) {
  auto& storage = ptx::shared_storage<StageStorage>();
  const int64_t begin = static_cast<int64_t>(blockIdx.x) * params.k;
  const int32_t* const local = params.local + begin;
  uint32_t* const keys = params.keys + begin;
  if (params.counted == kNone && params.action == kCountValues) make_keys(params, local, keys);
#pragma unroll 1
  for (int i = threadIdx.x; i < kMostDigits; i += kStageThreads) storage.counters[i] = 0;
  // Who counts has passed a barrier in here since the counters were cleared; keys are read by who made them.
  const StageState state = next_state(params, storage);
  if (params.action == kWriteOwn) return write_own(params, state, local, keys, storage.totals);
  if (params.action == kCountTies) {
    int own = 0;
#pragma unroll 1
    for (int i = threadIdx.x; i < params.k; i += kStageThreads)
      own += keys[i] != kNoKey && keys[i] == state.value;
    const uint32_t ties = block_sum<kStageThreads>(own, storage.totals);
    if (threadIdx.x == 0) params.result[blockIdx.x] = static_cast<int32_t>(ties);
    return;
  }
  count_digits(params, state, local, keys, storage.counters);
  __syncthreads();
  write_counts(params, storage.counters);
}

__global__ void __launch_bounds__(kStageThreads) stage_kernel(const StageParams params) {
  ptx::allow_next_launch();
  ptx::wait_for_launches_before();
  stage_of_row(params);
}

}  // namespace persistent_topk
