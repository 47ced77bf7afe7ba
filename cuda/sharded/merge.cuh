// The first k columns of the lists of many ranks: one CTA a row, which holds all (value, column) pairs of it.
//
// The threshold comes from the stages of the decode path, to which the order of columns is nothing. What is
// at or above it is lined up in shared memory, list by list; lists of an interleaved layout are merged by
// column there. Ties are numbered in that order, so that the lowest columns win, whichever rank holds them.
#pragma once

#include <cstdint>

#include "../kernel/decode.cuh"
#include "../kernel/ptx_cluster.cuh"

namespace persistent_topk {

inline constexpr int kMaxRanks = 64;

struct MergeParams {
  const float* values;  // of each rank [rows, k]
  const int32_t* columns;  // the same, in the whole row, ascending, -1 behind a list's last
  int64_t rank_stride;  // elements from a rank's lists to the next one's
  int32_t* output;  // [rows, k]
  int ranks;
  int rows;
  int k;
  bool in_order;  // the columns of a rank lie behind those of the ranks before it
};

template <Policy policy>
struct MergeStorage {
  static constexpr int kSlots = DecodeTile<float, policy>::kTileColumns;
  HeldStorage<policy, policy.decode_bin_bits> held;  // the first: clear_row() takes it to be all there is
  int lengths[kMaxRanks];  // of the lists
  int firsts[kMaxRanks + 1];  // where the chosen entries of each list begin
  uint32_t chosen[2][kSlots];  // entries, see entry_of()
};

// A column and whether it ties with the threshold, in the order of columns.
PERSISTENT_TOPK_DEVICE uint32_t entry_of(int32_t column, bool tie) {
  return static_cast<uint32_t>(column) << 1 | static_cast<uint32_t>(tie);
}
PERSISTENT_TOPK_DEVICE int32_t column_of(uint32_t entry) { return static_cast<int32_t>(entry >> 1); }
PERSISTENT_TOPK_DEVICE bool is_tie(uint32_t entry) { return (entry & 1) != 0; }

// The lists of a row as one line of slots, k of each rank.
struct Lists {
  const float* values;
  const float* columns;  // words, which are moved as the values are
  int64_t rank_stride;
  int ranks;
  int k;
  bool vector;  // quads that lie in one list are aligned

  // f(component, rank, slot of the list) for those of a quad's four slots that exist.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_slot(int quad, Visitor&& f) const {
    int rank = quad * kQuad / k, slot = quad * kQuad - rank * k;
#pragma unroll
    for (int c = 0; c < kQuad; ++c) {
      if (rank < ranks) f(c, rank, slot);
      if (++slot == k) slot = 0, ++rank;
    }
  }

  // The quad of `words`, which are the values or the columns; 0 where there is no slot.
  PERSISTENT_TOPK_DEVICE void load(const float* words, int quad, float (&x)[kQuad]) const {
    const int rank = quad * kQuad / k, slot = quad * kQuad - rank * k;
    if (vector && rank < ranks) {
      ptx::load_vector(words + rank * rank_stride + slot, x);
    } else {
#pragma unroll
      for (int c = 0; c < kQuad; ++c) x[c] = 0.0f;
      for_each_slot(quad, [&](int c, int of, int at) { x[c] = words[of * rank_stride + at]; });
    }
  }
};

PERSISTENT_TOPK_DEVICE Lists lists_of(const MergeParams& params, int row) {
  const int64_t first = static_cast<int64_t>(row) * params.k;
  const float* const values = params.values + first;
  const float* const columns = reinterpret_cast<const float*>(params.columns + first);
  const bool vector = params.k % kQuad == 0 && params.rank_stride % kQuad == 0 && is_vector_aligned(values) &&
                      is_vector_aligned(columns);
  return {values, columns, params.rank_stride, params.ranks, params.k, vector};
}

// How many columns a list has before its first -1. By a warp, in two looks: which parts are full, and how
// much of the next one is.
PERSISTENT_TOPK_DEVICE int length_of(const float* columns, int k) {
  const auto has = [&](int slot) { return slot < k && static_cast<int32_t>(bits_of(columns[slot])) >= 0; };
  const int part = ceil_div(k, kWarpSize);
  const int begin = lane_id() * part, last = min(begin + part, k) - 1;
  const int full = __popc(__ballot_sync(kFullWarp, begin < k && has(last)));
  int length = min(full * part, k);
#pragma unroll 1
  for (int at = 0, first = length; at < part && full * part < k; at += kWarpSize)
    length += __popc(__ballot_sync(kFullWarp, at + lane_id() < part && has(first + at + lane_id())));
  return length;
}

template <int kThreads>
PERSISTENT_TOPK_DEVICE void find_lengths(const Lists& lists, int* lengths) {
#pragma unroll 1
  for (int rank = warp_id(); rank < lists.ranks; rank += kThreads / kWarpSize) {
    const int length = length_of(lists.columns + rank * lists.rank_stride, lists.k);
    if (lane_id() == 0) lengths[rank] = length;
  }
}

// Lets the slots that hold pairs take part in the tile; how many these are in all.
template <class Tile>
PERSISTENT_TOPK_DEVICE int take_part(const Lists& lists, const int* lengths, Tile& tile) {
  using Mask = typename Tile::Mask;
  tile.length = lists.ranks * lists.k;
  tile.existing = 0;
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round) {
    uint32_t quad = 0;
    lists.for_each_slot(Tile::quad(round), [&](int c, int rank, int slot) {
      quad |= static_cast<uint32_t>(slot < lengths[rank]) << c;
    });
    tile.existing |= Mask{quad} << (round * kQuad);
  }
  int total = 0;
#pragma unroll 1
  for (int rank = 0; rank < lists.ranks; ++rank) total += lengths[rank];
  return total;
}

// Lines up the entries of a mask, list by list, and notes where each list's begin.
template <int kThreads, class Tile>
PERSISTENT_TOPK_DEVICE void line_up_entries(const Lists& lists, typename Tile::Mask chosen,
                                            typename Tile::Mask ties, WarpTotals& totals, int* firsts,
                                            uint32_t* entries) {
  int slots[Tile::kRounds];
  find_slots<kThreads, Tile>(chosen, 0, totals, slots);
  float columns[Tile::kRounds][kQuad];
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round)  // all loads before the first store
    if ((chosen >> (round * kQuad) & kQuadMask) != 0)
      lists.load(lists.columns, Tile::quad(round), columns[round]);
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round) {
    const uint32_t quad = static_cast<uint32_t>(chosen >> (round * kQuad)) & kQuadMask;
    const uint32_t tied = static_cast<uint32_t>(ties >> (round * kQuad));
    int slot = slots[round];
#pragma unroll
    for (int c = 0; c < kQuad; ++c)
      if (quad >> c & 1)
        entries[slot++] = entry_of(static_cast<int32_t>(bits_of(columns[round][c])), tied >> c & 1);
    // A list that begins among these slots; behind the tile's last one the end of all may lie.
    const int begin = Tile::quad(round) * kQuad;
    const int end = begin + kQuad == Tile::kTileColumns ? begin + kQuad + 1 : begin + kQuad;
#pragma unroll 1
    for (int rank = ceil_div(begin, lists.k); rank <= lists.ranks && rank * lists.k < end; ++rank)
      firsts[rank] = slots[round] + __popc(quad & ((1u << (rank * lists.k - begin)) - 1));
  }
}

// How many of `count` ascending entries are less than the bound.
PERSISTENT_TOPK_DEVICE int entries_below(const uint32_t* entries, int count, uint32_t bound) {
  int below = 0;
  while (count > 0) {
    const int half = count / 2;
    const bool less = entries[below + half] < bound;
    below = less ? below + half + 1 : below;
    count = less ? count - half - 1 : half;
  }
  return below;
}

// Merges runs pair by pair until one is left, which is returned. The place of an entry is its place in its
// own run and the number of those before it in the other.
template <int kThreads, int kSlots>
PERSISTENT_TOPK_DEVICE const uint32_t* merge_runs(uint32_t (&buffers)[2][kSlots], const int* firsts,
                                                  int ranks) {
  int from = 0;
#pragma unroll 1
  for (int width = 1; width < ranks; width *= 2, from ^= 1) {
    const auto begin_of = [&](int run) { return firsts[min(run * width, ranks)]; };
    int run = 0;
#pragma unroll 1
    for (int i = threadIdx.x; i < firsts[ranks]; i += kThreads) {
      while (begin_of(run + 1) <= i) ++run;
      const int own = begin_of(run), other = begin_of(run ^ 1), second = run & 1;
      const uint32_t entry = buffers[from][i];
      const int before =
          entries_below(buffers[from] + other, begin_of((run ^ 1) + 1) - other, entry + second);
      buffers[from ^ 1][begin_of(run - second) + i - own + before] = entry;
    }
    __syncthreads();
  }
  return buffers[from];
}

// Writes the columns of ascending entries, of those that tie the first `ties`.
template <int kThreads>
PERSISTENT_TOPK_DEVICE void emit_entries(const uint32_t* entries, int count, int ties, int32_t* output,
                                         WarpTotals& totals) {
  if (ties == kAllTaken) {
#pragma unroll 1
    for (int i = threadIdx.x; i < count; i += kThreads) output[i] = column_of(entries[i]);
    return;
  }
  int before = 0;  // ties, of the rounds before
#pragma unroll 1
  for (int first = 0; first < count; first += kThreads) {
    const int i = first + static_cast<int>(threadIdx.x);
    const uint32_t entry = i < count ? entries[i] : 0;
    const uint32_t tie = is_tie(entry);
    const uint32_t inclusive = warp_inclusive_sum(tie);
    const BlockSums sums = sum_over_warps<kThreads>(inclusive, totals);
    const int number = before + static_cast<int>(sums.before + inclusive - tie);
    if (i < count && (tie == 0 || number < ties)) output[i - number + min(number, ties)] = column_of(entry);
    before += static_cast<int>(sums.total);
    __syncthreads();  // the totals have been read
  }
}

template <Policy policy>
PERSISTENT_TOPK_DEVICE void merge_row(const MergeParams& params) {
  using Tile = DecodeTile<float, policy>;
  using Mask = typename Tile::Mask;
  constexpr int kThreads = policy.threads, kBits = policy.decode_bin_bits;
  auto& storage = ptx::shared_storage<MergeStorage<policy>>();
  auto& refining = storage.held.refine;
  const Lists lists = lists_of(params, blockIdx.x);
  int32_t* const output = params.output + static_cast<int64_t>(blockIdx.x) * params.k;

  Tile tile;
#pragma unroll
  for (int round = 0; round < Tile::kRounds; ++round)
    lists.load(lists.values, Tile::quad(round), tile.quads[round].words);
  find_lengths<kThreads>(lists, storage.lengths);
  clear_row<policy, kBits>();
  __syncthreads();
  const int total = take_part(lists, storage.lengths, tile);

  Mask chosen = tile.existing, ties = 0;
  Selection selection = {0, kAllTaken, 0.0f};
  if (total > params.k) {
    count_bins<kBits>(tile, storage.held.histogram);
    __syncthreads();
    const Interval interval = find_bin<kThreads, kBits>(storage.held.histogram, params.k, refining.scratch);
    Alone<policy> alone = {refining};
    Recorder<false, kThreads> record{nullptr};
    bool gathered;
    selection = refine(tile, interval, params.k, alone, refining, gathered, record);
    chosen = tile.above(selection.at_least);
    if (selection.ties != kAllTaken) {
      const bool none_above = selection.threshold == kGreatestKey;
      ties = none_above ? chosen : chosen & ~tile.above(bound_below(selection.threshold + 1));
    }
  }
  line_up_entries<kThreads, Tile>(lists, chosen, ties, refining.scratch.totals, storage.firsts,
                                  storage.chosen[0]);
  __syncthreads();
  const int count = storage.firsts[params.ranks];
  const uint32_t* entries = storage.chosen[0];
  if (!params.in_order) entries = merge_runs<kThreads>(storage.chosen, storage.firsts, params.ranks);
  emit_entries<kThreads>(entries, count, selection.ties, output, refining.scratch.totals);
#pragma unroll 1
  for (int slot = min(total, params.k) + static_cast<int>(threadIdx.x); slot < params.k; slot += kThreads)
    output[slot] = kPadding;
}

template <int kPolicyIndex>
__global__ void __launch_bounds__(kPolicies[kPolicyIndex].threads, 1) merge_kernel(const MergeParams params) {
  ptx::allow_next_launch();
  ptx::wait_for_launches_before();
  merge_row<kPolicies[kPolicyIndex]>(params);
}

}  // namespace persistent_topk
