// Integer and bit intrinsics of the dialect; included by dialect.hpp alone. Defined for every
// argument, as the hardware's are: C++ shifts by the width and std::countl_zero's int are not.
#pragma once

constexpr int __popc(unsigned x) { return std::popcount(x); }
constexpr int __popcll(unsigned long long x) { return std::popcount(x); }
constexpr int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
constexpr int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
constexpr int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }
constexpr int __ffsll(long long x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(x)) + 1;
}

constexpr unsigned __brev(unsigned x) {
  x = (x >> 1 & 0x55555555u) | (x & 0x55555555u) << 1;
  x = (x >> 2 & 0x33333333u) | (x & 0x33333333u) << 2;
  x = (x >> 4 & 0x0F0F0F0Fu) | (x & 0x0F0F0F0Fu) << 4;
  x = (x >> 8 & 0x00FF00FFu) | (x & 0x00FF00FFu) << 8;
  return x >> 16 | x << 16;
}

// The most significant word of hi:lo shifted left, or the least significant shifted right; by the
// shift modulo 32, or (c) by 32 at most.
constexpr unsigned __funnelshift_l(unsigned lo, unsigned hi, unsigned shift) {
  return static_cast<unsigned>((uint64_t{hi} << 32 | lo) << (shift & 31) >> 32);
}
constexpr unsigned __funnelshift_r(unsigned lo, unsigned hi, unsigned shift) {
  return static_cast<unsigned>((uint64_t{hi} << 32 | lo) >> (shift & 31));
}
constexpr unsigned __funnelshift_lc(unsigned lo, unsigned hi, unsigned shift) {
  return shift >= 32 ? lo : __funnelshift_l(lo, hi, shift);
}
constexpr unsigned __funnelshift_rc(unsigned lo, unsigned hi, unsigned shift) {
  return shift >= 32 ? hi : __funnelshift_r(lo, hi, shift);
}

// Bytes of y:x chosen by the low three bits of the four low nibbles of `selector`. Bit 3, which makes prmt of
// PTX copy the byte's sign, means nothing here.
constexpr unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const uint64_t bytes = uint64_t{y} << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned which = selector >> 4 * i & 7;
    result |= (static_cast<unsigned>(bytes >> 8 * which) & 0xFF) << 8 * i;
  }
  return result;
}

constexpr int __mulhi(int x, int y) { return static_cast<int>(int64_t{x} * y >> 32); }
constexpr unsigned __umulhi(unsigned x, unsigned y) { return static_cast<unsigned>(uint64_t{x} * y >> 32); }

constexpr unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
constexpr int __float_as_int(float x) { return std::bit_cast<int>(x); }
constexpr float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }

// CUDA's min and max stand in the global namespace, for arguments of one type.
template <std::integral T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
template <std::integral T>
constexpr T max(T a, T b) {
  return a < b ? b : a;
}

// Of floats: the number where one is NaN, and -0 lies below +0. By built-ins: <cmath> takes longer to compile
// than all of the dialect.
template <std::floating_point T>
inline T min(T a, T b) {
  if (__builtin_isnan(a)) return b;
  if (a == b) return __builtin_signbit(a) ? a : b;
  return b < a ? b : a;
}
template <std::floating_point T>
inline T max(T a, T b) {
  if (__builtin_isnan(a)) return b;
  if (a == b) return __builtin_signbit(a) ? b : a;
  return a < b ? b : a;
}
