// Warp collectives of the dialect; included by dialect.hpp alone.
#pragma once

namespace persistent_topk::emulator {

template <class T>
inline uint32_t word_of(T value) {
  static_assert(
      std::is_trivially_copyable_v<T> && sizeof(T) == sizeof(uint32_t),
      "lanes of the emulator exchange 32 bits alone: no GPU's answers of other widths are recorded");
  return std::bit_cast<uint32_t>(value);
}

template <class T>
inline T exchange(Collective kind, unsigned mask, T value, int argument, int width) {
  return std::bit_cast<T>(meet(kind, mask, word_of(value), argument, width));
}

template <std::integral T>
inline T reduce(Collective of_signed, Collective of_unsigned, unsigned mask, T value) {
  static_assert(sizeof(T) == 4, "__reduce_*_sync takes 32-bit integers");
  const Collective kind = std::is_signed_v<T> ? of_signed : of_unsigned;
  return static_cast<T>(meet(kind, mask, static_cast<uint32_t>(value), 0, warpSize));
}

}  // namespace persistent_topk::emulator

inline void __syncwarp(unsigned mask = 0xFFFFFFFFu) {
  persistent_topk::emulator::meet(persistent_topk::emulator::Collective::kSync, mask, 0, 0, warpSize);
}

inline unsigned __activemask() { return persistent_topk::emulator::active_mask(); }

#define PERSISTENT_TOPK_VOTE(name, result, kind)                                                            \
  inline result name(unsigned mask, int predicate) {                                                        \
    return static_cast<result>(persistent_topk::emulator::meet(persistent_topk::emulator::Collective::kind, \
                                                               mask, predicate != 0, 0, warpSize));         \
  }
PERSISTENT_TOPK_VOTE(__ballot_sync, unsigned, kBallot)
PERSISTENT_TOPK_VOTE(__any_sync, int, kAny)
PERSISTENT_TOPK_VOTE(__all_sync, int, kAll)
#undef PERSISTENT_TOPK_VOTE

#define PERSISTENT_TOPK_SHUFFLE(name, kind, argument_type)                                               \
  template <class T>                                                                                     \
  inline T name(unsigned mask, T value, argument_type argument, int width = warpSize) {                  \
    return persistent_topk::emulator::exchange(persistent_topk::emulator::Collective::kind, mask, value, \
                                               static_cast<int>(argument), width);                       \
  }
PERSISTENT_TOPK_SHUFFLE(__shfl_sync, kShuffle, int)
PERSISTENT_TOPK_SHUFFLE(__shfl_up_sync, kShuffleUp, unsigned)
PERSISTENT_TOPK_SHUFFLE(__shfl_down_sync, kShuffleDown, unsigned)
PERSISTENT_TOPK_SHUFFLE(__shfl_xor_sync, kShuffleXor, int)
#undef PERSISTENT_TOPK_SHUFFLE

template <class T>
inline unsigned __match_any_sync(unsigned mask, T value) {
  return persistent_topk::emulator::meet(persistent_topk::emulator::Collective::kMatchAny, mask,
                                         persistent_topk::emulator::word_of(value), 0, warpSize);
}

template <class T>
inline unsigned __match_all_sync(unsigned mask, T value, int* all) {
  const unsigned equal =
      persistent_topk::emulator::meet(persistent_topk::emulator::Collective::kMatchAll, mask,
                                      persistent_topk::emulator::word_of(value), 0, warpSize);
  *all = equal != 0;
  return equal;
}

#define PERSISTENT_TOPK_REDUCE(name, of_signed, of_unsigned)                                           \
  template <std::integral T>                                                                           \
  inline T name(unsigned mask, T value) {                                                              \
    return persistent_topk::emulator::reduce(persistent_topk::emulator::Collective::of_signed,         \
                                             persistent_topk::emulator::Collective::of_unsigned, mask, \
                                             value);                                                   \
  }
PERSISTENT_TOPK_REDUCE(__reduce_add_sync, kAddI, kAddU)
PERSISTENT_TOPK_REDUCE(__reduce_min_sync, kMinI, kMinU)
PERSISTENT_TOPK_REDUCE(__reduce_max_sync, kMaxI, kMaxU)
PERSISTENT_TOPK_REDUCE(__reduce_and_sync, kAnd, kAnd)
PERSISTENT_TOPK_REDUCE(__reduce_or_sync, kOr, kOr)
PERSISTENT_TOPK_REDUCE(__reduce_xor_sync, kXor, kXor)
#undef PERSISTENT_TOPK_REDUCE
