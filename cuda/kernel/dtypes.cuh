// The dtypes of logits. All are ordered by value, as if converted to float, which is exact: a kernel for
// 16-bit logits differs in what it loads alone.
#pragma once

#include <cstdint>
#include <type_traits>

#include "order.cuh"
#include "ptx.cuh"
#include "ptx_half.cuh"

namespace persistent_topk {

inline constexpr int kQuad = 4;  // columns that a thread loads at once

struct Bfloat16 {
  uint16_t bits;
};
struct Float16 {
  uint16_t bits;
};

// Behind the last selected logit, in their own dtype.
PERSISTENT_TOPK_DEVICE void set_lowest(float& x) { x = float_of(kSignBit | kInfinityBits); }
PERSISTENT_TOPK_DEVICE void set_lowest(Bfloat16& x) { x.bits = (kSignBit | kInfinityBits) >> kHalfBits; }
PERSISTENT_TOPK_DEVICE void set_lowest(Float16& x) { x.bits = kSignBit >> kHalfBits | kHalfInfinity; }

// A quad as it lies in memory. It is converted by each look at it: to convert it at once would be to wait for
// memory, and take twice the registers.
template <class T>
struct Quad {
  using Word = uint32_t;
  static constexpr int kWords = 2;
  Word words[kWords];
};
template <>
struct Quad<float> {
  using Word = float;
  static constexpr int kWords = kQuad;
  Word words[kWords];
};

PERSISTENT_TOPK_DEVICE void to_floats(const Quad<float>& quad, float (&x)[kQuad]) {
#pragma unroll
  for (int c = 0; c < kQuad; ++c) x[c] = quad.words[c];
}

PERSISTENT_TOPK_DEVICE void to_floats(const Quad<Bfloat16>& quad, float (&x)[kQuad]) {
  constexpr uint32_t kUpper = 0xFFFF0000u;
#pragma unroll
  for (int c = 0; c < kQuad; c += 2) {
    x[c] = float_of(quad.words[c / 2] << kHalfBits);
    x[c + 1] = float_of(quad.words[c / 2] & kUpper);
  }
}

PERSISTENT_TOPK_DEVICE void to_floats(const Quad<Float16>& quad, float (&x)[kQuad]) {
#pragma unroll
  for (int c = 0; c < kQuad; c += 2) ptx::floats_of_halves(quad.words[c / 2], x[c], x[c + 1]);
}

// A bound that values of T are compared with: as they are themselves, for two at a time where they have 16
// bits.
template <class T>
struct Bound {
  uint32_t pair;
};
template <>
struct Bound<float> {
  float value;
};

template <class T>
PERSISTENT_TOPK_DEVICE Bound<T> bound_of(float bound) {
  constexpr uint32_t kBoth = 0x00010001u;
  if constexpr (sizeof(T) == sizeof(float))
    return {bound};
  else if constexpr (std::is_same_v<T, Bfloat16>)
    return {kBoth * bfloat16_floor_of_bits(bits_of(bound))};
  else
    return {kBoth * ptx::half_floor(bound)};
}

// The mask and the bits from `bit` on of those values of a quad that lie above the bound (see
// ptx::or_if_above).
PERSISTENT_TOPK_DEVICE uint32_t or_if_above(uint32_t mask, const Quad<float>& quad, Bound<float> bound,
                                            uint32_t bit) {
#pragma unroll
  for (int c = 0; c < kQuad; ++c) mask = ptx::or_if_above(mask, quad.words[c], bound.value, bit << c);
  return mask;
}

PERSISTENT_TOPK_DEVICE uint32_t or_if_above(uint32_t mask, const Quad<Bfloat16>& quad, Bound<Bfloat16> bound,
                                            uint32_t bit) {
  mask = ptx::or_if_bfloat16_above(mask, quad.words[0], bound.pair, bit);
  return ptx::or_if_bfloat16_above(mask, quad.words[1], bound.pair, bit << 2);
}

PERSISTENT_TOPK_DEVICE uint32_t or_if_above(uint32_t mask, const Quad<Float16>& quad, Bound<Float16> bound,
                                            uint32_t bit) {
  mask = ptx::or_if_half_above(mask, quad.words[0], bound.pair, bit);
  return ptx::or_if_half_above(mask, quad.words[1], bound.pair, bit << 2);
}

// One of a quad's values; `c` is known when this is compiled.
template <class T>
PERSISTENT_TOPK_DEVICE float float_at(const Quad<T>& quad, int c) {
  float x[kQuad];
  to_floats(quad, x);
  return x[c];
}

template <class T>
PERSISTENT_TOPK_DEVICE bool is_vector_aligned(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % (kQuad * sizeof(T)) == 0;
}

// The quad at `columns`, of which `count` exist, 0 for the others; any alignment, no read beyond the count.
PERSISTENT_TOPK_DEVICE void load_quad(const float* columns, int count, bool vector, Quad<float>& quad) {
  if (vector && count >= kQuad)
    ptx::load_vector(columns, quad.words);
  else
    ptx::load_some(columns, count, quad.words);
}

template <class T>
PERSISTENT_TOPK_DEVICE void load_quad(const T* columns, int count, bool vector, Quad<T>& quad) {
  if (vector && count >= kQuad)
    ptx::load_vector(reinterpret_cast<const uint32_t*>(columns), quad.words);
  else
    ptx::load_some(reinterpret_cast<const uint16_t*>(columns), count, quad.words);
}

}  // namespace persistent_topk
