// The value order of the contract on integers: 32-bit keys and the coarse binary16 bins over them.
// The Python twin is reference/order.py.
//
// Everything here works on the bits of a float, never on its value: floating-point comparisons and
// tricks such as x + 0.0f change their meaning under -ffast-math, -use_fast_math and flush-to-zero,
// and this header is included by programs that are built with them.
#pragma once

#include <cstdint>

#ifdef __CUDACC__
#define PERSISTENT_TOPK_HOST_DEVICE __host__ __device__
#else
#define PERSISTENT_TOPK_HOST_DEVICE
#endif

namespace persistent_topk {

// binary32: 1 sign, 8 exponent, 23 mantissa bits.
inline constexpr uint32_t kSignBit = 0x80000000u;
inline constexpr uint32_t kInfinityBits = 0x7F800000u;
inline constexpr int kFloatMantissaBits = 23;

// Keys of note. Key 0x7FFFFFFF (of -0, were it not taken as +0) and keys under kLowestKey never occur.
inline constexpr uint32_t kLowestKey = 0x007FFFFFu;   // -infinity
inline constexpr uint32_t kZeroKey = 0x80000000u;     // +0 and -0
inline constexpr uint32_t kGreatestKey = 0xFFFFFFFFu; // NaN of either sign and any payload

// binary16 magnitudes (15 bits: 5 exponent, 10 mantissa) and the binary32 bounds of its ranges.
inline constexpr int kHalfBits = 16;
inline constexpr int kHalfMantissaBits = 10;
inline constexpr uint32_t kHalfInfinity = 0x7C00u;
inline constexpr uint32_t kRoundsToHalfInfinity = 0x477FF000u;  // 65520: it and all above do
inline constexpr uint32_t kSmallestNormalHalf = 0x38800000u;    // 2^-14
inline constexpr uint32_t kHalfOfTiniestHalf = 0x33000000u;     // 2^-25: it and all below round to 0
inline constexpr int kExponentGap = 112;                        // difference of the exponents' biases
inline constexpr int kDroppedBits = kFloatMantissaBits - kHalfMantissaBits;

// Ordered binary16 codes (16 bits), in the order of the values: -infinity .. zero .. +infinity, NaN.
inline constexpr uint32_t kHalfLowestCode = 0x03FFu;
inline constexpr uint32_t kHalfZeroCode = 0x8000u;
inline constexpr uint32_t kHalfGreatestCode = 0xFC00u;  // +infinity
inline constexpr uint32_t kHalfNanCode = 0xFFFFu;

PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t bits_of(float x) { return __builtin_bit_cast(uint32_t, x); }

PERSISTENT_TOPK_HOST_DEVICE constexpr float float_of(uint32_t bits) {
  return __builtin_bit_cast(float, bits);
}

// The key of a float, given by its bits: unsigned order of keys is the contract's order of values.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t ordered_key_of_bits(uint32_t bits) {
  const uint32_t magnitude = bits & ~kSignBit;
  const uint32_t flipped = (bits & kSignBit) ? ~bits : bits | kSignBit;
  const uint32_t number = magnitude == 0 ? kZeroKey : flipped;
  return magnitude > kInfinityBits ? kGreatestKey : number;
}

PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t ordered_key(float x) {
  return ordered_key_of_bits(bits_of(x));
}

// A float whose key is `key`; for keys that occur only (NaN comes back as 0x7FFFFFFF, zero as +0).
PERSISTENT_TOPK_HOST_DEVICE constexpr float key_to_float(uint32_t key) {
  return float_of((key & kSignBit) ? key & ~kSignBit : ~key);
}

// Magnitude of a float, not NaN, rounded to binary16: to nearest, ties to even.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t half_magnitude(uint32_t magnitude) {
  if (magnitude >= kRoundsToHalfInfinity) return kHalfInfinity;
  if (magnitude <= kHalfOfTiniestHalf) return 0;
  uint32_t significand = magnitude;
  int shift = kDroppedBits;
  uint32_t rebias = static_cast<uint32_t>(kExponentGap) << kHalfMantissaBits;
  if (magnitude < kSmallestNormalHalf) {  // subnormal binary16: the leading 1 becomes explicit
    const int exponent = static_cast<int>(magnitude >> kFloatMantissaBits);
    significand = (magnitude & ((1u << kFloatMantissaBits) - 1)) | (1u << kFloatMantissaBits);
    shift += kExponentGap + 1 - exponent;
    rebias = 0;
  }
  const uint32_t odd = (significand >> shift) & 1u;
  return ((significand + (1u << (shift - 1)) - 1u + odd) >> shift) - rebias;
}

// The float rounded to binary16, as a 16-bit code whose unsigned order is the contract's.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t half_code_of_bits(uint32_t bits) {
  const uint32_t magnitude = bits & ~kSignBit;
  if (magnitude > kInfinityBits) return kHalfNanCode;
  const uint32_t rounded = half_magnitude(magnitude);
  if (rounded == 0) return kHalfZeroCode;  // values that round to -0 too
  return (bits & kSignBit) ? kHalfZeroCode - 1 - rounded : kHalfZeroCode + rounded;
}

// The coarse bin of a float: the top `bits` bits of its ordered binary16 code.
template <int bits>
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t fp16_bin_of_bits(uint32_t float_bits) {
  static_assert(bits >= 1 && bits < kHalfBits);
  return half_code_of_bits(float_bits) >> (kHalfBits - bits);
}

template <int bits>
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t fp16_bin(float x) {
  return fp16_bin_of_bits<bits>(bits_of(x));
}

// Binary32 bits of a magnitude in a format of 5 exponent and 11 mantissa bits, one more than
// binary16: odd codes are the midpoints between neighbouring halves.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t midpoint_bits(uint32_t code) {
  constexpr int kMantissaBits = kHalfMantissaBits + 1;
  constexpr int kTiniestExponent = 127 - 25;  // a step of a subnormal code is 2^-25
  const uint32_t exponent = code >> kMantissaBits;
  const uint32_t mantissa = code & ((1u << kMantissaBits) - 1);
  if (exponent != 0)
    return ((exponent + kExponentGap) << kFloatMantissaBits) | (mantissa << (kDroppedBits - 1));
  if (mantissa == 0) return 0;
  int top = kMantissaBits - 1;
  while (!(mantissa >> top)) --top;
  return (static_cast<uint32_t>(kTiniestExponent + top) << kFloatMantissaBits) |
         ((mantissa ^ (1u << top)) << (kFloatMantissaBits - top));
}

// The lowest key whose bin is `bin` or higher. Bins up to that of -infinity start at its key; bins
// above that of +infinity, the one behind the last too, at NaN's.
template <int bits>
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t bin_floor_key(uint32_t bin) {
  static_assert(bits >= 1 && bits < kHalfBits);  // a bin's first code is even: ties round into it
  const uint32_t code = bin << (kHalfBits - bits);
  if (code <= kHalfLowestCode) return kLowestKey;
  if (code > kHalfGreatestCode) return kGreatestKey;
  if (code == kHalfZeroCode) return ~(kSignBit | kHalfOfTiniestHalf);
  if (code > kHalfZeroCode) return kSignBit | midpoint_bits(2 * (code - kHalfZeroCode) - 1);
  return ~(kSignBit | midpoint_bits(2 * (kHalfZeroCode - 1 - code) + 1)) + 1;
}

// The binary32 bits of a binary16 number, which are exact.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t float_bits_of_half(uint32_t half) {
  constexpr uint32_t kHalfSign = 1u << (kHalfBits - 1);
  const uint32_t sign = (half & kHalfSign) << kHalfBits;
  const uint32_t magnitude = half & ~kHalfSign;
  if (magnitude >= kHalfInfinity) return sign | kInfinityBits | (magnitude - kHalfInfinity) << kDroppedBits;
  return sign | midpoint_bits(2 * magnitude);
}

// The greatest number of a 16-bit format that is not above a float, in its bits: a number of that format is
// above the one if it is above the other. NaN stays one.
PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t bfloat16_floor_of_bits(uint32_t bits) {
  constexpr uint32_t kLower = 0xFFFFu;
  if ((bits & ~kSignBit) > kInfinityBits) return kLower >> 1;
  return (bits >> kHalfBits) + ((bits & kSignBit) && (bits & kLower));
}

PERSISTENT_TOPK_HOST_DEVICE constexpr uint32_t half_floor_of_bits(uint32_t bits) {
  constexpr uint32_t kHalfSign = 1u << (kHalfBits - 1);
  const uint32_t magnitude = bits & ~kSignBit, sign = bits >> kHalfBits & kHalfSign;
  if (magnitude > kInfinityBits) return kHalfSign - 1;
  const uint32_t nearest = sign | half_magnitude(magnitude);
  const bool above = ordered_key_of_bits(float_bits_of_half(nearest)) > ordered_key_of_bits(bits);
  return !above ? nearest : sign ? nearest + 1 : nearest - 1;
}

}  // namespace persistent_topk
