// The columns that one CTA looks at, a chunk of a row, in units of ballot words: 32 consecutive
// columns, one a lane. A warp owns consecutive words, so that a ballot is a bitmap in column order
// and the scan over (warp, word) is a scan over columns. One column a lane reads any alignment.
//
// visit(segment, f) calls f(j, offset, x, valid) for the warp's words j = 0, 1, .. of a segment, with
// all lanes converged: x is the logit at `offset` of the chunk; lanes behind the chunk's end are not
// valid. revisit() does so only for the words of a mask.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

PERSISTENT_TOPK_DEVICE constexpr int ceil_div(int dividend, int divisor) {
  return (dividend + divisor - 1) / divisor;
}

// A whole row in registers: read once.
template <int kThreads, int kColumns>
struct RegisterTile {
  static constexpr int kWarps = kThreads / kWarpSize;
  static constexpr int kItems = kColumns / kThreads;
  static constexpr int kSegmentWords = kWarps * kItems;
  static_assert(kItems <= kWarpSize, "a lane keeps one word of its warp");

  float x[kItems];
  int length;
  int words_per_warp;

  PERSISTENT_TOPK_DEVICE int first_offset() const {
    return warp_id() * words_per_warp * kWarpSize + lane_id();
  }

  PERSISTENT_TOPK_DEVICE void load(const float* row, int row_length) {
    length = row_length;
    words_per_warp = ceil_div(ceil_div(length, kWarpSize), kWarps);
    const int first = first_offset();
#pragma unroll
    for (int j = 0; j < kItems; ++j) {
      const int offset = first + j * kWarpSize;
      x[j] = j < words_per_warp && offset < length ? row[offset] : 0.0f;
    }
  }

  PERSISTENT_TOPK_DEVICE int segments() const { return 1; }
  PERSISTENT_TOPK_DEVICE int warp_words(int) const { return words_per_warp; }
  PERSISTENT_TOPK_DEVICE int first_word(int) const { return warp_id() * words_per_warp; }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void visit(int, Visitor&& f) const {
    const int first = first_offset();
#pragma unroll
    for (int j = 0; j < kItems; ++j)
      if (j < words_per_warp) {
        const int offset = first + j * kWarpSize;
        f(j, offset, x[j], offset < length);
      }
  }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void revisit(int, uint32_t words, Visitor&& f) const {
    const int first = first_offset();
#pragma unroll
    for (int j = 0; j < kItems; ++j)
      if (words >> j & 1) {
        const int offset = first + j * kWarpSize;
        f(j, offset, x[j], offset < length);
      }
  }
};

// A chunk of any length: its first columns stay in shared memory, the rest is read again from L2.
template <int kThreads, int kWordsPerSegment>
struct StreamTile {
  static constexpr int kWarps = kThreads / kWarpSize;
  static constexpr int kSegmentWords = kWordsPerSegment;
  static constexpr int kBatch = 8;  // loads in flight a thread: 32 KB a CTA of 1024 covers L2's latency
  static_assert(kSegmentWords <= kThreads, "a lane keeps one word of its warp");

  const float* chunk;
  int length;
  float* resident;
  int resident_columns;  // whole words

  PERSISTENT_TOPK_DEVICE int words() const { return ceil_div(length, kWarpSize); }
  PERSISTENT_TOPK_DEVICE int segments() const { return ceil_div(words(), kSegmentWords); }
  PERSISTENT_TOPK_DEVICE int warp_words(int segment) const {
    const int left = words() - segment * kSegmentWords;
    return ceil_div(left < kSegmentWords ? left : kSegmentWords, kWarps);
  }
  // The warp's first word, counted from the segment's.
  PERSISTENT_TOPK_DEVICE int first_word(int segment) const {
    return warp_id() * warp_words(segment);
  }
  PERSISTENT_TOPK_DEVICE int first_offset(int segment) const {
    return (segment * kSegmentWords + first_word(segment)) * kWarpSize + lane_id();
  }

  template <bool kFirstRead>
  PERSISTENT_TOPK_DEVICE float read(int offset) const {
    if (offset >= length) return 0.0f;
    if (!kFirstRead && offset < resident_columns) return resident[offset];
    return chunk[offset];
  }

  template <bool kFirstRead = false, class Visitor>
  PERSISTENT_TOPK_DEVICE void visit(int segment, Visitor&& f) const {
    const int count = warp_words(segment);
    const int first = first_offset(segment);
    for (int batch = 0; batch < count; batch += kBatch) {
      float x[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; ++i)
        x[i] = batch + i < count ? read<kFirstRead>(first + (batch + i) * kWarpSize) : 0.0f;
#pragma unroll
      for (int i = 0; i < kBatch; ++i)
        if (batch + i < count) {
          const int offset = first + (batch + i) * kWarpSize;
          if (kFirstRead && offset < resident_columns && offset < length) resident[offset] = x[i];
          f(batch + i, offset, x[i], offset < length);
        }
    }
  }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void revisit(int segment, uint32_t words_wanted, Visitor&& f) const {
    const int first = first_offset(segment);
    for (; words_wanted != 0; words_wanted &= words_wanted - 1) {
      const int j = __ffs(words_wanted) - 1;
      const int offset = first + j * kWarpSize;
      f(j, offset, read<false>(offset), offset < length);
    }
  }
};

}  // namespace persistent_topk
