// The kernel's value order over a range of float bit patterns, computed on the device: the integer
// definitions of order.cuh and the instructions of ptx.cuh that stand for them in the kernel.
#include <cuda_runtime.h>

#include "kernel/ptx.cuh"

using namespace persistent_topk;

namespace {

constexpr int kThreads = 256;

// Bits of `flags`: what the comparisons say of x against `bound`.
enum { kAbove = 1, kEqual = 2 };

__global__ void order_kernel(uint32_t first, uint32_t bound, uint32_t* keys, uint32_t* codes,
                             uint32_t* packed, int32_t* flags) {
  const uint32_t at = blockIdx.x * kThreads + threadIdx.x;
  const uint32_t bits = first + at;
  const float x = float_of(bits);
  keys[at] = ordered_key(x);
  codes[at] = half_code_of_bits(bits);
  const float other = float_of(~bits);  // any other value, in the high half
  packed[at] = ptx::half_codes(x, other) ^ (half_code_of_bits(~bits) << kHalfBits);
  flags[at] = (ptx::above_or_unordered(x, float_of(bound)) ? kAbove : 0) |
              (ptx::equal(x, float_of(bound)) ? kEqual : 0);
}

}  // namespace

extern "C" int order_of_range(uint32_t first, uint32_t count, uint32_t bound, uint32_t* keys, uint32_t* codes,
                              uint32_t* packed, int32_t* flags) {
  order_kernel<<<count / kThreads, kThreads>>>(first, bound, keys, codes, packed, flags);
  return cudaGetLastError();
}
