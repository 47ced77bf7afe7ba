// The columns that one CTA looks at, a row or a chunk of it, in quads: four consecutive columns, which one
// thread loads as a vector, round by round. for_each_value(f) calls f(x) for every column.
#pragma once

#include <cstdint>
#include <type_traits>

#include "block.cuh"
#include "constants.cuh"
#include "dtypes.cuh"
#include "ptx.cuh"

namespace persistent_topk {

inline constexpr int kMaskWordBits = 32;
inline constexpr int kMaxValues = 2 * kMaskWordBits;  // of a thread of a tile
inline constexpr uint32_t kQuadMask = (1u << kQuad) - 1;

// Of numbers that are not negative; as unsigned ones, since rows of 2^31 - 1 columns are allowed.
PERSISTENT_TOPK_DEVICE constexpr int ceil_div(int dividend, int divisor) {
  return static_cast<int>((static_cast<uint32_t>(dividend) + divisor - 1) / divisor);
}

// A quad's first `count` columns (none, or all, where they are fewer or more), a bit each.
PERSISTENT_TOPK_DEVICE uint32_t lowest_bits(int count) { return (1u << min(max(count, 0), kQuad)) - 1; }

// Those of a quad that begins at `column` which lie in [begin, end), a bit each.
PERSISTENT_TOPK_DEVICE uint32_t bits_within(int column, int begin, int end) {
  return lowest_bits(end - column) & ~lowest_bits(begin - column);
}

// The one of kCount values that an index names: registers cannot be indexed.
template <int kCount, class T>
PERSISTENT_TOPK_DEVICE T pick(const T (&values)[kCount], int index) {
  if constexpr (kCount == 1) {
    return values[0];
  } else {
    constexpr int kHalf = (kCount + 1) / 2;
    const bool upper = index >= kHalf;
    T half[kHalf];
#pragma unroll
    for (int i = 0; i < kHalf; ++i) half[i] = upper && i + kHalf < kCount ? values[i + kHalf] : values[i];
    return pick(half, upper ? index - kHalf : index);
  }
}

// Up to kColumns columns in the registers of a CTA: read once. A warp has neighbouring columns, a round of
// 128 of them after the other, so that order within a warp needs no other warp.
template <class T, int kThreads, int kColumns>
struct RegisterTile {
  static constexpr int kRoundColumns = kThreads * kQuad;
  static constexpr int kRounds = (kColumns + kRoundColumns - 1) / kRoundColumns;
  static constexpr int kTileColumns = kRounds * kRoundColumns;
  static constexpr int kValues = kRounds * kQuad;  // of a thread
  static constexpr int kWarpColumns = kValues * kWarpSize;
  static_assert(kValues <= kMaxValues, "a thread's columns fit one mask");
  using Mask = std::conditional_t<(kValues > kMaskWordBits), uint64_t, uint32_t>;  // a bit a value
  static constexpr int kMaskWords = sizeof(Mask) / sizeof(uint32_t);
  static constexpr Mask kAllValues = ~Mask{0} >> (8 * sizeof(Mask) - kValues);

  Quad<T> quads[kRounds];
  int length;
  Mask existing;  // the columns that take part: bit kQuad * round + c for component c

  // The columns of the thread's quad of a round are quad(round) * kQuad and the three behind it.
  PERSISTENT_TOPK_DEVICE static int quad(int round) {
    return (warp_id() * kRounds + round) * kWarpSize + lane_id();
  }

  // Reads `columns` columns (those that the tile has room for), of which take_part() says which take part.
  PERSISTENT_TOPK_DEVICE void load(const T* first, int columns, bool vector) {
    const T* const own = first + quad(0) * kQuad;
    if (vector && columns >= (warp_id() + 1) * kWarpColumns) {
#pragma unroll
      for (int round = 0; round < kRounds; ++round)
        load_quad(own + round * kWarpSize * kQuad, kQuad, true, quads[round]);
    } else {
#pragma unroll
      for (int round = 0; round < kRounds; ++round)
        load_quad(own + round * kWarpSize * kQuad, columns - quad(round) * kQuad, false, quads[round]);
    }
  }

  // Those of a loaded row or chunk from `begin` to before `end`, as far as the tile has room; no more than
  // were loaded.
  PERSISTENT_TOPK_DEVICE void take_part(int begin, int end) {
    length = min(end, kTileColumns);
    existing = kAllValues;
    const int first = warp_id() * kWarpColumns;
    if (begin <= first && first + kWarpColumns <= length) return;
    existing = 0;
#pragma unroll
    for (int round = 0; round < kRounds; ++round)
      existing |= Mask{bits_within(quad(round) * kQuad, begin, length)} << (round * kQuad);
  }

  PERSISTENT_TOPK_DEVICE float value(int i) const { return float_at(quads[i / kQuad], i % kQuad); }

  // Those of them whose bits or_if(mask, round, bit) sets, from `bit` on.
  template <class OrIf>
  PERSISTENT_TOPK_DEVICE Mask those(OrIf&& or_if) const {
    uint32_t words[kMaskWords] = {};
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      uint32_t& word = words[round * kQuad / kMaskWordBits];
      word = or_if(word, round, 1u << round * kQuad % kMaskWordBits);
    }
    if constexpr (kMaskWords == 1)
      return words[0] & existing;
    else
      return (words[0] | Mask{words[1]} << kMaskWordBits) & existing;
  }

  // Those above the bound (see ptx::or_if_above).
  PERSISTENT_TOPK_DEVICE Mask above(float bound) const {
    const Bound<T> of_values = bound_of<T>(bound);
    return those([&](uint32_t mask, int round, uint32_t bit) {
      return or_if_above(mask, quads[round], of_values, bit);
    });
  }

  // Those above one bound and not above the other (see ptx::or_if_within).
  PERSISTENT_TOPK_DEVICE Mask within(float at_least, float greater) const {
    if constexpr (sizeof(T) < sizeof(float)) {  // two comparisons of pairs, in place of conversions
      return above(at_least) & ~above(greater);
    } else {
      return those([&](uint32_t mask, int round, uint32_t bit) {
#pragma unroll
        for (int c = 0; c < kQuad; ++c)
          mask = ptx::or_if_within(mask, float_at(quads[round], c), at_least, greater, bit << c);
        return mask;
      });
    }
  }

  // f(x) for the columns of a mask. A loop, its value found by selects, since registers cannot be indexed
  // and copies of f would be more code than the cache of instructions likes.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_set(Mask mask, Visitor&& f) const {
#pragma unroll 1
    for (; mask != 0; mask &= mask - 1) f(value_at(lowest_set_bit(mask)));
  }

  // The value of a bit that is not known when this is compiled.
  PERSISTENT_TOPK_DEVICE float value_at(int bit) const {
    Quad<T> quad;
#pragma unroll
    for (int word = 0; word < Quad<T>::kWords; ++word) {
      typename Quad<T>::Word of_rounds[kRounds];
#pragma unroll
      for (int round = 0; round < kRounds; ++round) of_rounds[round] = quads[round].words[word];
      quad.words[word] = pick(of_rounds, bit / kQuad);
    }
    float x[kQuad];
    to_floats(quad, x);
    return pick(x, bit % kQuad);
  }

  // The column of a bit, counted from the tile's first.
  PERSISTENT_TOPK_DEVICE static int column_at(int bit) { return quad(bit / kQuad) * kQuad + bit % kQuad; }

  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_value(Visitor&& f) const {
    for_each_set(existing, f);
  }
};

// A chunk of any length in global memory, read again by every look at it.
template <class T, int kThreads>
struct Chunk {
  // Loads in flight a thread; more cost registers that spill.
  static constexpr int kBatch = 2;
  static constexpr int kRoundColumns = kThreads * kQuad;

  const T* logits;
  int length;
  const int& head;  // of these columns, which do not take part: in shared memory
  bool vector = is_vector_aligned(logits);

  PERSISTENT_TOPK_DEVICE static int quad(int round) { return round * kThreads + threadIdx.x; }
  PERSISTENT_TOPK_DEVICE int rounds() const { return ceil_div(length, kRoundColumns); }

  // f(number, quad, mask) for the rounds [begin, end); the mask has a bit a column that takes part.
  template <class Visitor>
  PERSISTENT_TOPK_DEVICE void for_each_quad_of(int begin, int end, Visitor&& f) const {
#pragma unroll 1  // the batch is the unrolling that registers allow
    for (int batch = begin; batch < end; batch += kBatch) {
      Quad<T> loaded[kBatch];
#pragma unroll
      for (int i = 0; i < kBatch; ++i) {
        const uint32_t column =
            static_cast<uint32_t>(quad(batch + i)) * kQuad;  // 2^31 and more behind the end
        if (column < static_cast<uint32_t>(length))
          load_quad(logits + column, length - static_cast<int>(column), vector, loaded[i]);
      }
#pragma unroll
      for (int i = 0; i < kBatch; ++i)
        if (const uint32_t column = static_cast<uint32_t>(quad(batch + i)) * kQuad;
            batch + i < end && column < static_cast<uint32_t>(length))
          f(quad(batch + i), loaded[i], bits_within(static_cast<int>(column), head, length));
    }
  }
};

}  // namespace persistent_topk
