// CUDA's built-in vector types, with CUDA's alignments: a vector access to a misaligned address is an
// error on the device.
#pragma once

#include <cstdint>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};

#define PERSISTENT_TOPK_VECTOR_TYPES(scalar, name)                        \
  struct alignas(2 * sizeof(scalar)) name##2 { scalar x, y; };            \
  struct alignas(4 * sizeof(scalar)) name##4 { scalar x, y, z, w; };      \
  constexpr name##2 make_##name##2(scalar x, scalar y) { return {x, y}; } \
  constexpr name##4 make_##name##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }

PERSISTENT_TOPK_VECTOR_TYPES(float, float)
PERSISTENT_TOPK_VECTOR_TYPES(unsigned, uint)

#undef PERSISTENT_TOPK_VECTOR_TYPES
