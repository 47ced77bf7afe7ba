// As ptx.cuh, of the CTAs of a cooperative launch, which all run at the same time.
#pragma once

#include <cstdint>

#include "ptx.cuh"

#ifdef __CUDACC__
#include <cooperative_groups.h>
#endif

namespace persistent_topk::ptx {

// Barrier over all threads of the launch. What any wrote before it, all see behind it.
PERSISTENT_TOPK_DEVICE void grid_barrier() {
#ifdef __CUDACC__
  cooperative_groups::this_grid().sync();
#else
  emulator::grid_barrier();
#endif
}

// Counts one more arrival. Who has awaited it sees what this thread has written, and what it has learned of
// by the barriers of its CTA.
PERSISTENT_TOPK_DEVICE void arrive(uint32_t& arrivals) {
#ifdef __CUDACC__
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(__cvta_generic_to_global(&arrivals))
               : "memory");
#else
  emulator::add_release(&arrivals, 1);
#endif
}

// Waits for the last of `count` arrivals. Its CTA sees the same behind a barrier.
PERSISTENT_TOPK_DEVICE void await_arrivals(const uint32_t& arrivals, int count) {
#ifdef __CUDACC__
  uint32_t seen;
  do
    asm volatile("ld.acquire.gpu.global.u32 %0, [%1];"
                 : "=r"(seen)
                 : "l"(__cvta_generic_to_global(&arrivals))
                 : "memory");
  while (seen != static_cast<uint32_t>(count));
#else
  while (emulator::load_acquire(&arrivals) != static_cast<uint32_t>(count)) emulator::spin_pause();
#endif
}

}  // namespace persistent_topk::ptx
