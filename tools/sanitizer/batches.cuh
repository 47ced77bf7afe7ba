// The batches of the workload: rows of every path and stage under a small policy, few enough for the slowest
// tool. Host code alone, so that a test can ask the model what the rows go through.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "../../cuda/kernel/plan.cuh"

namespace workload {

using persistent_topk::DeviceLimits;
using persistent_topk::kWarpSize;
using persistent_topk::Policy;

constexpr int kFirstColumn = 1;  // of the first row: it starts misaligned

// What fills a row: spread values, one coarse bin (spills), many ties, special values; or a sample that has
// all but one of the selected columns, so that its bound is too high, among spread values or in one bin.
enum Content { kSpread, kOneBin, kTies, kSpecial, kMisled, kMisledInOneBin };

// Rows that go through all lengths, then through all contents.
struct Batch {
  std::vector<int> lengths;  // an odd number of them, so that each meets every alignment
  std::vector<Content> contents;
  int columns;
  int k;
  int rows = static_cast<int>(lengths.size() * contents.size());

  // Elements from a row to the next: an odd number, for rows of every alignment.
  int stride() const { return (columns + kFirstColumn) | 1; }
  int length(int row) const { return lengths[row % lengths.size()]; }
  int columns_of(int row) const { return std::clamp(length(row), 0, columns); }
  Content content(int row) const { return contents[row / lengths.size() % contents.size()]; }
};

class Random {
 public:
  float uniform() {
    state_ = state_ * 1664525u + 1013904223u;
    return static_cast<float>(state_ >> 8) / static_cast<float>(1 << 24);
  }

 private:
  uint32_t state_ = 12345;
};

inline float logit(Content content, float x) {
  switch (content) {
    case kSpread:
    case kMisled: return 8 * x - 4;
    case kOneBin:
    case kMisledInOneBin: return 1 + x / 64;
    case kTies: return static_cast<float>(static_cast<int>(x * 3));
    default: return x < 0.2f ? NAN : x < 0.4f ? INFINITY : x < 0.6f ? -0.0f : x < 0.8f ? 0.0f : 1e-40f;
  }
}
constexpr float kGreater = 5;  // than any logit of a misled row, and in a bin above

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// Column number `i` of the sample of a chunk, in the sample's order: mirrors Sample of sample.cuh.
inline int sampled_column(int i, int chunk, const Policy& policy) {
  constexpr int kBlock = 16;
  constexpr uint32_t kGoldenRatio = 0x9E3779B1u;
  const uint32_t part = i / kBlock, parts = policy.sample / kBlock, blocks = chunk / kBlock;
  const uint32_t begin = part * blocks / parts, end = (part + 1) * blocks / parts;
  const uint64_t within = static_cast<uint64_t>(end - begin) * (part * kGoldenRatio) >> 32;
  return static_cast<int>(begin + within) * kBlock + i % kBlock;
}

// Puts k - 1 greater logits where the sample of the row's first chunk finds all of them.
inline void mislead(float* row, int length, int k, int ctas, const Policy& policy, Random& random) {
  const bool shared = ctas > 1 && length > policy.split_min;
  const int chunk = shared ? ceil_div(ceil_div(length, kWarpSize), ctas) * kWarpSize : length;
  for (int i = 0; i < k - 1; ++i)
    if (const int column = sampled_column(i, chunk, policy); column < length)
      row[column] = kGreater + random.uniform();
}

// Every row of the batch, from kFirstColumn on, where teams have so many CTAs.
inline std::vector<float> logits_of(const Batch& batch, int ctas, const Policy& policy) {
  Random random;
  std::vector<float> logits(static_cast<size_t>(batch.rows) * batch.stride() + kFirstColumn);
  for (int row = 0; row < batch.rows; ++row) {
    float* const begin = logits.data() + static_cast<size_t>(row) * batch.stride() + kFirstColumn;
    const Content content = batch.content(row);
    for (int column = 0; column < batch.columns; ++column) begin[column] = logit(content, random.uniform());
    if (content == kMisled || content == kMisledInOneBin)
      mislead(begin, batch.columns_of(row), batch.k, ctas, policy, random);
  }
  return logits;
}

constexpr int kFew = 20;    // of k: less than a sample's margin, so that its bound is never too high
constexpr int kMany = 100;  // so many that it can be
inline const std::vector<Content> kUsual = {kSpread, kOneBin, kTies, kSpecial};
inline const std::vector<Content> kMisleading = {kMisled, kMisledInOneBin};
inline const std::vector<Content> kEvery = {kSpread, kOneBin, kTies, kSpecial, kMisled, kMisledInOneBin};

// Calls whose rows have teams, of chunks in registers of either size and streamed ones.
inline std::vector<Batch> shared_batches(const Policy& policy) {
  const int split = policy.split_min, over_tiles = policy.max_ctas * policy.tile + 1;
  const int longest = 2 * policy.medium_max + 5, widest = 4 * policy.medium_max + 5;
  const std::vector<int> lengths = {0, 3, policy.decode_max, split, split + 1, over_tiles, longest};
  return {
      {lengths, kUsual, longest, kFew},
      {lengths, {kSpread}, longest, 1},
      {{split + 1, widest - 1, widest}, kMisleading, widest, kMany},
  };
}

// A call of so few columns that a row is read before its length is known.
inline Batch narrow_batch(int columns) {
  return {{-1, 7, kFew + 1, columns - 8, columns - 1, columns, columns + 9}, kUsual, columns, kFew};
}

// A call of more rows than the device has room for teams: each has one CTA.
inline Batch lone_batch(const Policy& policy, const DeviceLimits& limits, int k) {
  const int decode = policy.decode_max, most = policy.medium_max;
  const std::vector<int> lengths = {-1, 7, decode - 1, decode + 1, policy.held + 1, most, most + 1};
  Batch batch = {lengths, kEvery, most + 1, k};
  batch.rows = std::max(batch.rows, limits.resident[1] + 1);
  return batch;
}

// All of them; `cooperative`: those alone that have teams.
inline std::vector<Batch> batches_of(const Policy& policy, const DeviceLimits& limits, bool cooperative) {
  std::vector<Batch> batches = shared_batches(policy);
  if (cooperative) return batches;
  for (const int columns : {policy.decode_max, std::min(policy.tile, policy.decode_max)})
    batches.push_back(narrow_batch(columns));
  for (const int k : {kFew, kMany}) batches.push_back(lone_batch(policy, limits, k));
  return batches;
}

}  // namespace workload
