// The second stage of every path: from the threshold bin to the threshold key.
//
// Candidates that fit the buffer are gathered and resolved there. More than it holds are never cut
// off: digit passes over the row itself, which need no buffer, narrow the interval first (the spill).
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "list.cuh"
#include "radix.cuh"
#include "recorder.cuh"

namespace persistent_topk {

// One digit histogram a pass, so that all are cleared at once when a row begins.
struct DigitHistograms {
  static constexpr int kWords = kMaxPasses * kDigits;
  alignas(16) uint32_t of_pass[kMaxPasses][kDigits];
};

// Lists the tile's columns in the interval.
template <int kThreads, int kColumns, class List>
PERSISTENT_TOPK_DEVICE void gather(const RegisterTile<kThreads, kColumns>& tile, const Interval& interval,
                                   List& candidates) {
  const uint32_t above = interval.high == kGreatestKey ? 0 : tile.above(interval.greater);
  append_tile(tile, tile.above(interval.at_least) & ~above, 0, candidates);
}

// Digit passes over the row while its candidates overflow the buffer. `team` finds a digit of the row when
// its chunks' are counted: find_digit(digits, pass, rank, refine), which leaves the row's in the histogram
// row_digits(pass).
template <Policy policy, class Source, class Team, class Record>
PERSISTENT_TOPK_DEVICE Interval narrow_over_row(const Source& source, Interval interval, int k, Team& team,
                                                DigitHistograms& digits, int& passes, Scratch& scratch,
                                                Record& record) {
  while (!is_settled(interval, k) && interval.count > policy.candidates) {
    const int shift = digit_shift(interval);
    count_digits(source, interval, shift, digits.of_pass[passes]);
    __syncthreads();
    const Interval narrowed =
        team.find_digit(digits.of_pass[passes], passes, k - interval.above,
                        [&](const Found& digit) { return narrow(interval, shift, digit); });
    record.pass(passes, true, interval, shift, scratch.found, narrowed, team.row_digits(passes));
    interval = narrowed;
    ++passes;
  }
  return interval;
}

// The threshold among gathered candidates (the logits of `interval.count` columns, complete: a barrier
// passed). Digit passes over the buffer leave few of many; the few are ranked. `few.used` is 0 on entry.
template <Policy policy, class Record>
PERSISTENT_TOPK_DEVICE Selection resolve(const float* candidates, Interval interval, int k,
                                         DigitHistograms& digits, int& passes,
                                         ColumnList<policy.rank_max>& few, Scratch& scratch, Record& record) {
  const int gathered = interval.count;
  record.gathered(gathered);
  while (!is_settled(interval, k) && interval.count > policy.rank_max) {
    const int shift = digit_shift(interval);
    uint32_t* histogram = digits.of_pass[passes];
#pragma unroll 1
    for (int i = threadIdx.x; i < gathered; i += policy.threads) {
      const uint32_t distance = ordered_key(candidates[i]) - interval.low;
      if (distance <= interval.high - interval.low) atomicAdd(&histogram[distance >> shift], 1u);
    }
    __syncthreads();
    const Interval narrowed = find_from_top<policy.threads, kDigits>(
        histogram, k - interval.above, scratch,
        [&](const Found& digit) { return narrow(interval, shift, digit); });
    record.pass(passes, false, interval, shift, scratch.found, narrowed, histogram);
    interval = narrowed;
    ++passes;
  }
  if (is_settled(interval, k)) return settle(interval, k);
  record.ranked();
  if (interval.count < gathered) {
#pragma unroll 1
    for (int i = threadIdx.x; i < gathered; i += policy.threads)
      if (ordered_key(candidates[i]) - interval.low <= interval.high - interval.low)
        few.values[atomicAdd(&few.used, 1u)] = candidates[i];
    __syncthreads();
    candidates = few.values;
  }
  return rank<policy.threads, policy.rank_max>(candidates, interval.count, k - interval.above, scratch);
}

// What a CTA refines with, on every path.
template <Policy policy>
struct RefineStorage {
  Scratch scratch;
  DigitHistograms digits;
  ColumnList<policy.candidates> candidates;
  ColumnList<policy.rank_max> few;
};

// When a row begins; a barrier must follow.
template <Policy policy>
PERSISTENT_TOPK_DEVICE void clear_refinement(RefineStorage<policy>& storage) {
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.candidates.used = storage.few.used = 0;
}

// A row that one CTA has to itself: its chunk is the row.
template <Policy policy>
struct Alone {
  RefineStorage<policy>& storage;

  template <class Refine>
  PERSISTENT_TOPK_DEVICE Interval find_digit(const uint32_t* digits, int, int rank, Refine&& refine) const {
    return find_from_top<policy.threads, kDigits>(digits, rank, storage.scratch, refine);
  }
  PERSISTENT_TOPK_DEVICE const uint32_t* row_digits(int pass) const { return storage.digits.of_pass[pass]; }
};

// The selection of such a row.
template <Policy policy, class Source, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_alone(const Source& source, Interval interval, int k,
                                              RefineStorage<policy>& storage, Record& record) {
  Alone<policy> team = {storage};
  int passes = 0;
  interval =
      narrow_over_row<policy>(source, interval, k, team, storage.digits, passes, storage.scratch, record);
  record.chunk_counts(interval.above, interval.count);
  Selection selection = settle(interval, k);
  if (!is_settled(interval, k)) {
    gather(source, interval, storage.candidates);
    __syncthreads();
    selection = resolve<policy>(storage.candidates.values, interval, k, storage.digits, passes, storage.few,
                                storage.scratch, record);
  }
  record.selection(selection, 0, 0);
  return selection;
}

}  // namespace persistent_topk
