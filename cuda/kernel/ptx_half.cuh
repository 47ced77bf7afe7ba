// What logits of 16 bits need of a GPU, and its meaning on a CPU: see ptx.cuh.
#pragma once

#include <cstdint>

#include "order.cuh"
#include "ptx.cuh"

namespace persistent_topk::ptx {

// The first `count` of four half-words, packed in pairs, 0 for the others, which are not read.
PERSISTENT_TOPK_DEVICE void load_some(const uint16_t* from, int count, uint32_t (&x)[2]) {
#pragma unroll
  for (int i = 0; i < 4; i += 2) {
#ifdef __CUDACC__
    asm volatile(
        "{\n.reg .pred p;\n.reg .b16 low, high;\nmov.b16 low, 0;\nmov.b16 high, 0;\n"
        "setp.gt.s32 p, %2, 0;\n@p ld.global.b16 low, [%1];\n"
        "setp.gt.s32 p, %2, 1;\n@p ld.global.b16 high, [%1 + 2];\nmov.b32 %0, {low, high};\n}"
        : "=r"(x[i / 2])
        : "l"(from + i), "r"(count - i));
#else
    const uint32_t low = count > i ? from[i] : 0, high = count > i + 1 ? from[i + 1] : 0;
    x[i / 2] = low | high << kHalfBits;
#endif
  }
}

// The values of two binary16 numbers; NaN of any payload comes back as any NaN.
PERSISTENT_TOPK_DEVICE void floats_of_halves(uint32_t halves, float& first, float& second) {
#ifdef __CUDACC__
  asm("{\n.reg .b16 low, high;\nmov.b32 {low, high}, %2;\ncvt.f32.f16 %0, low;\ncvt.f32.f16 %1, high;\n}"
      : "=f"(first), "=f"(second)
      : "r"(halves));
#else
  constexpr uint32_t kLower = 0xFFFFu;
  first = float_of(float_bits_of_half(halves & kLower));
  second = float_of(float_bits_of_half(halves >> kHalfBits));
#endif
}

// mask | bit where the lower of two bfloat16 numbers in a word lies above that of `bounds` or either is NaN,
// and | 2 * bit where the upper one does.
PERSISTENT_TOPK_DEVICE uint32_t or_if_bfloat16_above(uint32_t mask, uint32_t pair, uint32_t bounds,
                                                     uint32_t bit) {
#if defined(__CUDACC__) && __CUDA_ARCH__ >= 900
  asm("{\n.reg .pred p, q;\nsetp.gtu.bf16x2 p|q, %1, %2;\n@p or.b32 %0, %0, %3;\n@q or.b32 %0, %0, %4;\n}"
      : "+r"(mask)
      : "r"(pair), "r"(bounds), "r"(bit), "r"(2 * bit));
  return mask;
#else
  constexpr uint32_t kUpper = 0xFFFF0000u;
  mask = or_if_above(mask, float_of(pair << kHalfBits), float_of(bounds << kHalfBits), bit);
  return or_if_above(mask, float_of(pair & kUpper), float_of(bounds & kUpper), 2 * bit);
#endif
}

// The same of binary16 numbers.
PERSISTENT_TOPK_DEVICE uint32_t or_if_half_above(uint32_t mask, uint32_t pair, uint32_t bounds,
                                                 uint32_t bit) {
#ifdef __CUDACC__
  asm("{\n.reg .pred p, q;\nsetp.gtu.f16x2 p|q, %1, %2;\n@p or.b32 %0, %0, %3;\n@q or.b32 %0, %0, %4;\n}"
      : "+r"(mask)
      : "r"(pair), "r"(bounds), "r"(bit), "r"(2 * bit));
  return mask;
#else
  constexpr uint32_t kLower = 0xFFFFu;
  const auto value = [](uint32_t half) { return float_of(float_bits_of_half(half)); };
  mask = or_if_above(mask, value(pair & kLower), value(bounds & kLower), bit);
  return or_if_above(mask, value(pair >> kHalfBits), value(bounds >> kHalfBits), 2 * bit);
#endif
}

// half_floor_of_bits() in one instruction.
PERSISTENT_TOPK_DEVICE uint32_t half_floor(float x) {
#ifdef __CUDACC__
  uint16_t half;
  asm("cvt.rm.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
  return half;
#else
  return half_floor_of_bits(bits_of(x));
#endif
}

}  // namespace persistent_topk::ptx
