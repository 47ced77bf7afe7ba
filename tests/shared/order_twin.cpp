// cuda/kernel/order.cuh behind plain functions over arrays, so that it can be built with any flags and
// be called from C++ and Python alike. Takes floats, not bits: what -ffast-math would break must pass
// through here.
#include "../../cuda/kernel/order.cuh"

namespace topk = persistent_topk;

extern "C" {

// For n floats: their keys, their bins of 11 and 8 bits, and the floats that their keys stand for.
void order_twin(const float* values, int64_t n, uint32_t* keys, uint32_t* bins11, uint32_t* bins8,
                float* back) {
  for (int64_t i = 0; i < n; ++i) {
    const float x = values[i];
    keys[i] = topk::ordered_key(x);
    bins11[i] = topk::fp16_bin<11>(x);
    bins8[i] = topk::fp16_bin<8>(x);
    back[i] = topk::key_to_float(keys[i]);
  }
}

uint32_t bin_floor_key_11(uint32_t bin) { return topk::bin_floor_key<11>(bin); }
uint32_t bin_floor_key_8(uint32_t bin) { return topk::bin_floor_key<8>(bin); }
}
