// The memory that launches share and reuse: fibers' stacks and CTAs' shared memory. Reserved once,
// committed by the operating system as it is touched.
#pragma once

#include <cstddef>
#include <cstdint>

namespace persistent_topk::emulator {

class Arena {
 public:
  std::byte* reserve(size_t bytes);  // at least so many; what was there before is gone if it grows
  std::byte* begin() const { return begin_; }
  bool contains(const void* p) const {
    return static_cast<size_t>(static_cast<const std::byte*>(p) - begin_) < bytes_;
  }

 private:
  std::byte* begin_ = nullptr;
  size_t bytes_ = 0;
};

// One stack a thread. The odd distance keeps the hot ends of a thousand stacks out of the same cache
// sets.
inline constexpr size_t kStackBytes = 32 << 10;
inline constexpr size_t kStackStride = kStackBytes + 7 * 64;

// Shared memory of the CTA in each slot, between red zones; the distance is a power of two so that an
// address gives its slot by a shift.
inline constexpr int kSharedStrideBits = 18;
inline constexpr size_t kSharedStride = size_t{1} << kSharedStrideBits;
inline constexpr size_t kSharedRedZone = 4096;
inline constexpr size_t kMaxSharedBytes = 227 << 10;  // of sm_90
static_assert(kMaxSharedBytes + 2 * kSharedRedZone <= kSharedStride);

extern Arena stacks;
extern Arena shared_arena;

inline std::byte* shared_of(int slot) { return shared_arena.begin() + slot * kSharedStride + kSharedRedZone; }
inline int slot_of(const void* shared) {
  return static_cast<int>((static_cast<const std::byte*>(shared) - shared_arena.begin()) >>
                          kSharedStrideBits);
}

}  // namespace persistent_topk::emulator
