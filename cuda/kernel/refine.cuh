// The second stage of every path: from the threshold bin to the threshold key.
//
// Candidates that fit the buffer are gathered and resolved there. More than it holds are never cut
// off: digit passes over the row itself, which need no buffer, narrow the interval first (the spill).
#pragma once

#include <cstdint>

#include "constants.cuh"
#include "radix.cuh"
#include "recorder.cuh"

namespace persistent_topk {

// One digit histogram a pass, so that all are cleared at once when a row begins.
struct DigitHistograms {
  static constexpr int kWords = kMaxPasses * kDigits;
  alignas(16) uint32_t of_pass[kMaxPasses][kDigits];
};

// Keys in an interval: a set, as the Survivors are. There is room for all: the caller knows their number.
template <int kCapacity>
struct Candidates {
  uint32_t used;
  uint32_t keys[kCapacity];
};

// Returns the key's slot.
template <int kCapacity>
PERSISTENT_TOPK_DEVICE uint32_t push(Candidates<kCapacity>& candidates, uint32_t key) {
  const uint32_t slot = atomicAdd(&candidates.used, 1u);
  candidates.keys[slot] = key;
  return slot;
}

// Digit passes over the row while its candidates overflow the buffer. `team` adds up the chunks'
// histograms and keeps the chunks' own counts: merge_digits(pass), keep(pass, digit).
template <Policy policy, class Source, class Team, class Record>
PERSISTENT_TOPK_DEVICE Interval narrow_over_row(const Source& source, Interval interval, int k, Team& team,
                                                DigitHistograms& digits, int& passes, Scratch& scratch,
                                                Record& record) {
  while (!is_settled(interval, k) && interval.count > policy.candidates) {
    const int shift = digit_shift(interval);
    count_digits(source, interval, shift, digits.of_pass[passes]);
    const uint32_t* merged = team.merge_digits(digits, passes);
    const Interval narrowed = find_from_top<policy.threads, kDigits>(
        merged, k - interval.above, scratch,
        [&](const Found& digit) { return narrow(interval, shift, digit); });
    team.keep(digits.of_pass[passes], scratch.found);
    record.pass(passes, true, interval, shift, scratch.found, narrowed, merged);
    interval = narrowed;
    ++passes;
  }
  return interval;
}

// The threshold among gathered candidates (`interval.count` of them, complete: a barrier passed). Digit
// passes over the buffer leave few of many; the few are ranked. `few.used` is 0 on entry.
template <Policy policy, class Record>
PERSISTENT_TOPK_DEVICE Selection resolve(const uint32_t* candidates, Interval interval, int k,
                                         DigitHistograms& digits, int& passes,
                                         Candidates<policy.rank_max>& few, Scratch& scratch, Record& record) {
  const int gathered = interval.count;
  record.gathered(gathered);
  while (!is_settled(interval, k) && interval.count > policy.rank_max) {
    const int shift = digit_shift(interval);
    uint32_t* histogram = digits.of_pass[passes];
    for (int i = threadIdx.x; i < gathered; i += policy.threads) {
      const uint32_t distance = candidates[i] - interval.low;
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
  const int wanted = k - interval.above;
  if (interval.count == gathered)
    return rank<policy.threads, policy.rank_max>(candidates, gathered, wanted, scratch);
  for (int i = threadIdx.x; i < gathered; i += policy.threads)
    if (candidates[i] - interval.low <= interval.high - interval.low) push(few, candidates[i]);
  __syncthreads();
  return rank<policy.threads, policy.rank_max>(few.keys, interval.count, wanted, scratch);
}

// What a CTA refines with, on every path.
template <Policy policy>
struct RefineStorage {
  Scratch scratch;
  DigitHistograms digits;
  Candidates<policy.candidates> candidates;
  Candidates<policy.rank_max> few;
};

// When a row begins; a barrier must follow.
template <Policy policy>
PERSISTENT_TOPK_DEVICE void clear_refinement(RefineStorage<policy>& storage) {
  clear<policy.threads, DigitHistograms::kWords>(storage.digits.of_pass[0]);
  if (threadIdx.x == 0) storage.candidates.used = storage.few.used = 0;
}

// A row that one CTA has to itself: its chunk is the row.
struct Alone {
  PERSISTENT_TOPK_DEVICE const uint32_t* merge_digits(DigitHistograms& digits, int pass) const {
    __syncthreads();
    return digits.of_pass[pass];
  }
  PERSISTENT_TOPK_DEVICE void keep(const uint32_t*, const Found&) const {}
};

// The selection of such a row.
template <Policy policy, class Source, class Record>
PERSISTENT_TOPK_DEVICE Selection refine_alone(const Source& source, Interval interval, int k,
                                              RefineStorage<policy>& storage, Record& record) {
  Alone team;
  int passes = 0;
  interval =
      narrow_over_row<policy>(source, interval, k, team, storage.digits, passes, storage.scratch, record);
  record.chunk_counts(interval.above, interval.count);
  Selection selection = settle(interval, k);
  if (!is_settled(interval, k)) {
    gather(source, interval, [&](uint32_t key) { return push(storage.candidates, key); });
    __syncthreads();
    selection = resolve<policy>(storage.candidates.keys, interval, k, storage.digits, passes, storage.few,
                                storage.scratch, record);
  }
  record.selection(selection, 0, 0);
  return selection;
}

}  // namespace persistent_topk
