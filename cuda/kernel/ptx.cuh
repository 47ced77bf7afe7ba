// Everything that differs between a GPU and the emulator: PTX and special registers on the one side, their
// meaning on a CPU on the other. What CTAs and launches have to do with each other is in ptx_cluster.cuh and
// ptx_grid.cuh. But for these, and order.cuh, no kernel file asks for whom it is compiled.
#pragma once

#include <cstdint>

#include "order.cuh"

#ifdef __CUDACC__
#define PERSISTENT_TOPK_DEVICE __device__ __forceinline__
#else
#include "../emulator/dialect.hpp"
#define PERSISTENT_TOPK_DEVICE inline
#endif

namespace persistent_topk::ptx {

// A value that the compiler cannot tell from one turn of a loop to the next: it would make a copy of the
// loop for either value of a condition.
PERSISTENT_TOPK_DEVICE bool opaque(bool condition) {
#ifdef __CUDACC__
  int value = condition;
  asm volatile("" : "+r"(value));
  return value != 0;
#else
  return condition;
#endif
}

// A number that the compiler cannot compute with before this is reached: what it would keep in registers
// until then may make others spill.
PERSISTENT_TOPK_DEVICE int not_before(int number) {
#ifdef __CUDACC__
  asm volatile("" : "+r"(number));
#endif
  return number;
}

// The CTA's dynamic shared memory as the one struct of its path.
template <class Storage>
PERSISTENT_TOPK_DEVICE Storage& shared_storage() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char dynamic_shared_memory[];
  return *reinterpret_cast<Storage*>(dynamic_shared_memory);
#else
  return *static_cast<Storage*>(emulator::dynamic_shared());
#endif
}

// As instructions on shared memory address it.
#ifdef __CUDACC__
PERSISTENT_TOPK_DEVICE uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}
#endif

// The comparisons of the selection. Written in PTX, since -use_fast_math would flush subnormals in
// the C++ ones; on a CPU, on integers, for the same reason.

// mask | bit where x > bound or either is NaN.
PERSISTENT_TOPK_DEVICE uint32_t or_if_above(uint32_t mask, float x, float bound, uint32_t bit) {
#ifdef __CUDACC__
  asm("{\n.reg .pred p;\nsetp.gtu.f32 p, %1, %2;\n@p or.b32 %0, %0, %3;\n}"
      : "+r"(mask)
      : "f"(x), "f"(bound), "r"(bit));
  return mask;
#else
  const uint32_t x_key = ordered_key(x), bound_key = ordered_key(bound);
  const bool unordered = x_key == kGreatestKey || bound_key == kGreatestKey;
  return x_key > bound_key || unordered ? mask | bit : mask;
#endif
}

// mask | bit where x > at_least, or at_least is NaN, and x <= greater; never where x is NaN.
PERSISTENT_TOPK_DEVICE uint32_t or_if_within(uint32_t mask, float x, float at_least, float greater,
                                             uint32_t bit) {
#ifdef __CUDACC__
  asm("{\n.reg .pred p, q;\nsetp.gtu.f32 p, %1, %2;\nsetp.le.and.f32 q, %1, %3, p;\n@q or.b32 %0, %0, %4;\n}"
      : "+r"(mask)
      : "f"(x), "f"(at_least), "f"(greater), "r"(bit));
  return mask;
#else
  const uint32_t key = ordered_key(x);
  const bool is_number = key != kGreatestKey && ordered_key(greater) != kGreatestKey;
  return is_number && key <= ordered_key(greater) ? or_if_above(mask, x, at_least, bit) : mask;
#endif
}

// A column and its logit, as one load or store of shared memory.
struct alignas(8) ListedColumn {
  float value;
  int32_t column;
};

// A place in shared memory as the stores of push_if() address it.
#ifdef __CUDACC__
using SharedPlace = uint32_t;
#else
using SharedPlace = ListedColumn*;
#endif

PERSISTENT_TOPK_DEVICE SharedPlace shared_place(ListedColumn* pointer) {
#ifdef __CUDACC__
  return shared_address(pointer);
#else
  return pointer;
#endif
}

// Where the mask has the bit: stores the entry to `place`, and goes on to the next place. In PTX, since the
// compiler would branch around every store.
template <uint32_t kBit>
PERSISTENT_TOPK_DEVICE void push_if(uint32_t mask, SharedPlace& place, const ListedColumn& entry) {
#ifdef __CUDACC__
  asm volatile(
      "{\n.reg .pred p;\n.reg .b32 bit;\nand.b32 bit, %1, %4;\nsetp.ne.u32 p, bit, 0;\n"
      "@p st.shared.v2.b32 [%0], {%2, %3};\n@p add.u32 %0, %0, 8;\n}"
      : "+r"(place)
      : "r"(mask), "r"(__float_as_int(entry.value)), "r"(entry.column), "n"(kBit)
      : "memory");
#else
  if (mask & kBit) *place++ = entry;
#endif
}

// Sets the bits of a word in shared memory where the mask is not empty: fewer lanes have fewer conflicts.
PERSISTENT_TOPK_DEVICE void or_shared_if(uint32_t mask, uint32_t* word, uint32_t bits) {
#ifdef __CUDACC__
  asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %0, 0;\n@p red.shared.or.b32 [%1], %2;\n}"
               :
               : "r"(mask), "r"(shared_address(word)), "r"(bits)
               : "memory");
#else
  if (mask != 0) atomicOr(word, bits);
#endif
}

// Stores those of the numbers first .. first+3 whose bit the mask has, one behind the other, to global or
// shared memory.
PERSISTENT_TOPK_DEVICE void store_numbers_if(uint32_t mask, int32_t* to, int32_t first) {
#ifdef __CUDACC__
  asm volatile(
      "{\n.reg .pred p;\n.reg .b32 chosen;\n"
      "and.b32 chosen, %1, 1;\nsetp.ne.u32 p, chosen, 0;\n@p st.s32 [%0], %2;\n@p add.u64 %0, %0, 4;\n"
      "and.b32 chosen, %1, 2;\nsetp.ne.u32 p, chosen, 0;\n@p st.s32 [%0], %3;\n@p add.u64 %0, %0, 4;\n"
      "and.b32 chosen, %1, 4;\nsetp.ne.u32 p, chosen, 0;\n@p st.s32 [%0], %4;\n@p add.u64 %0, %0, 4;\n"
      "and.b32 chosen, %1, 8;\nsetp.ne.u32 p, chosen, 0;\n@p st.s32 [%0], %5;\n}"
      : "+l"(to)
      : "r"(mask), "r"(first), "r"(first + 1), "r"(first + 2), "r"(first + 3)
      : "memory");
#else
  for (int i = 0; i < 4; ++i)
    if (mask >> i & 1) *to++ = first + i;
#endif
}

// Four words at once, at an address that is a multiple of 16 bytes.
PERSISTENT_TOPK_DEVICE void load_vector(const float* from, float (&x)[4]) {
#ifdef __CUDACC__
  const float4 vector = *reinterpret_cast<const float4*>(from);
  x[0] = vector.x, x[1] = vector.y, x[2] = vector.z, x[3] = vector.w;
#else
  emulator::load_bytes(x, from, sizeof(x));
#endif
}

// The first `count` of four words, 0 for the others, which are not read.
PERSISTENT_TOPK_DEVICE void load_some(const float* from, int count, float (&x)[4]) {
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#ifdef __CUDACC__
    asm volatile("{\n.reg .pred p;\nsetp.gt.s32 p, %2, 0;\nmov.b32 %0, 0;\n@p ld.global.f32 %0, [%1];\n}"
                 : "=&f"(x[i])
                 : "l"(from + i), "r"(count - i));
#else
    x[i] = count > i ? from[i] : 0.0f;
#endif
  }
}

PERSISTENT_TOPK_DEVICE void load_vector(const uint32_t* from, uint32_t (&x)[4]) {
#ifdef __CUDACC__
  const uint4 vector = *reinterpret_cast<const uint4*>(from);
  x[0] = vector.x, x[1] = vector.y, x[2] = vector.z, x[3] = vector.w;
#else
  emulator::load_bytes(x, from, sizeof(x));
#endif
}

// Two words at once, at an address that is a multiple of 8 bytes.
PERSISTENT_TOPK_DEVICE void load_vector(const uint32_t* from, uint32_t (&x)[2]) {
#ifdef __CUDACC__
  const uint2 vector = *reinterpret_cast<const uint2*>(from);
  x[0] = vector.x, x[1] = vector.y;
#else
  emulator::load_bytes(x, from, sizeof(x));
#endif
}

PERSISTENT_TOPK_DEVICE void store_vector(uint32_t* to, const uint32_t (&x)[4]) {
#ifdef __CUDACC__
  *reinterpret_cast<uint4*>(to) = make_uint4(x[0], x[1], x[2], x[3]);
#else
  emulator::store_bytes(to, x, sizeof(x));
#endif
}

// The ordered binary16 codes of two floats, `first` in the low half.
PERSISTENT_TOPK_DEVICE uint32_t half_codes(float first, float second) {
#ifdef __CUDACC__
  uint32_t halves, signs;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(halves) : "f"(second), "f"(first));
  asm("add.rn.f16x2 %0, %0, %1;" : "+r"(halves) : "r"(0u));  // -0 becomes +0
  asm("prmt.b32 %0, %1, %1, 0xBB99;" : "=r"(signs) : "r"(halves));  // 0xFFFF where negative
  return halves ^ (signs | 0x80008000u);
#else
  return half_code_of_bits(bits_of(first)) | half_code_of_bits(bits_of(second)) << kHalfBits;
#endif
}

// bin_floor_key() of order.cuh in a few instructions: the midpoint below the bin's first code, as a
// float, is the code's bits, scaled.
template <int bits>
PERSISTENT_TOPK_DEVICE uint32_t bin_floor_key(uint32_t bin) {
#ifdef __CUDACC__
  const uint32_t code = bin << (kHalfBits - bits);
  const bool negative = code < kHalfZeroCode;
  const uint32_t twice = 2 * (negative ? kHalfZeroCode - 1 - code : code - kHalfZeroCode);
  const uint32_t midpoint = negative ? twice + 1 : twice - (code == kHalfZeroCode ? -1 : 1);
  constexpr float kScale = 5192296858534827628530496329220096.0f;  // 2^112, the exponents' gap
  float magnitude;
  asm("mul.rn.f32 %0, %1, %2;"
      : "=f"(magnitude)
      : "f"(__uint_as_float(midpoint << (kDroppedBits - 1))), "f"(kScale));
  const uint32_t key = __float_as_uint(magnitude) | kSignBit;
  const uint32_t floor = negative ? ~key + 1 : code == kHalfZeroCode ? ~key : key;
  return code <= kHalfLowestCode ? kLowestKey : code > kHalfGreatestCode ? kGreatestKey : floor;
#else
  return persistent_topk::bin_floor_key<bits>(bin);
#endif
}

}  // namespace persistent_topk::ptx
