// Writes a row's Trace record where the kernel is built with tracing, and nothing where it is not.
// Called by all threads of a CTA with the same values; thread 0 writes the fields.
#pragma once

#include <cstdint>

#include "radix.cuh"
#include "trace.cuh"

namespace persistent_topk {

template <bool kTracing, int kThreads>
struct Recorder {
  Trace* trace;

  PERSISTENT_TOPK_DEVICE bool writes() const { return kTracing && threadIdx.x == 0; }

  PERSISTENT_TOPK_DEVICE void chunk(Path path, int ctas, int cta, int begin, int end) const {
    if (!writes()) return;
    trace->path = path;
    trace->ctas = ctas;
    trace->cta = cta;
    trace->begin = begin;
    trace->end = end;
  }

  // The row's list of columns above the running threshold, and how often that was raised.
  PERSISTENT_TOPK_DEVICE void stream(bool listed, int survivors, int updates) {
    if (!writes()) return;
    trace->listed = listed;
    trace->survivors = survivors;
    trace->updates = updates;
  }

  PERSISTENT_TOPK_DEVICE void restarted() {
    if (writes()) trace->restarted = 1;
  }

  // Counters under the bin that was found are left out: a stream does not count what they stand for.
  PERSISTENT_TOPK_DEVICE void coarse(int bins, const Found& bin, const uint32_t* histogram) {
    if constexpr (kTracing) {
      copy(histogram + bin.index, trace->histogram + bin.index, bins - bin.index);
      if (!writes()) return;
      trace->bins = bins;
      trace->bin = bin.index;
      trace->above = bin.above;
      trace->count = bin.count;
    }
  }

  PERSISTENT_TOPK_DEVICE void pass(int number, bool over_row, const Interval& before, int shift,
                                   const Found& digit, const Interval& after, const uint32_t* histogram) {
    if constexpr (kTracing) {
      PassTrace& record = trace->pass[number];
      copy(histogram, record.histogram, kDigits);
      if (!writes()) return;
      record.over_row = over_row;
      record.low = before.low;
      record.shift = shift;
      record.digit = digit.index;
      record.above = after.above;
      record.count = after.count;
      if (over_row) trace->spilled = 1;
      trace->passes = number + 1;
    }
  }

  PERSISTENT_TOPK_DEVICE void gathered(int count) {
    if (writes()) trace->gathered = count;
  }

  PERSISTENT_TOPK_DEVICE void ranked() {
    if (writes()) trace->ranked = 1;
  }

  PERSISTENT_TOPK_DEVICE void chunk_counts(int above, int count) {
    if (!writes()) return;
    trace->chunk_above = above;
    trace->chunk_count = min(count, kMostShared);
  }

  // The first of them in parts, one a thread.
  PERSISTENT_TOPK_DEVICE void chunk_counts_of_parts(int above, int count) {
    if constexpr (kTracing) {
      if (above != 0) atomicAdd(&trace->chunk_above, above);
      if (writes()) trace->chunk_count = min(count, kMostShared);
    }
  }

  PERSISTENT_TOPK_DEVICE void selection(const Selection& selection, int offset, int tie_offset) {
    if (!writes()) return;
    trace->threshold = selection.threshold;
    trace->ties = selection.ties;
    trace->offset = offset;
    trace->tie_offset = selection.ties == kAllTaken ? 0 : min(tie_offset, selection.ties);
  }

 private:
  PERSISTENT_TOPK_DEVICE static void copy(const uint32_t* from, uint32_t* to, int count) {
    for (int i = threadIdx.x; i < count; i += kThreads) to[i] = from[i];
  }
};

}  // namespace persistent_topk
