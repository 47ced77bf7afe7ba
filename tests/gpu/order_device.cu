// The kernel's value order over a range of float bit patterns, computed on the device: the integer
// definitions of order.cuh and the instructions of ptx.cuh that stand for them in the kernel.
#include <cuda_runtime.h>

#include "kernel/ptx.cuh"

using namespace persistent_topk;

namespace {

constexpr int kThreads = 256;

// Bits of `flags`: what the comparisons say of x against the bounds.
enum { kAbove = 1, kBetween = 2 };

__global__ void order_kernel(uint32_t first, float low, float high, uint32_t* keys, uint32_t* codes,
                             uint32_t* packed, int32_t* flags) {
  const uint32_t at = blockIdx.x * kThreads + threadIdx.x;
  const uint32_t bits = first + at;
  const float x = float_of(bits);
  keys[at] = ordered_key(x);
  codes[at] = half_code_of_bits(bits);
  const float other = float_of(~bits);  // any other value, in the high half
  packed[at] = ptx::half_codes(x, other) ^ (half_code_of_bits(~bits) << kHalfBits);
  const uint32_t above = ptx::or_if_above(0, x, low, kAbove);
  flags[at] = static_cast<int32_t>(ptx::or_if_within(above, x, low, high, kBetween));
}

}  // namespace

extern "C" int order_of_range(uint32_t first, uint32_t count, uint32_t low, uint32_t high, uint32_t* keys,
                              uint32_t* codes, uint32_t* packed, int32_t* flags) {
  order_kernel<<<count / kThreads, kThreads>>>(first, float_of(low), float_of(high), keys, codes, packed,
                                               flags);
  return cudaGetLastError();
}
