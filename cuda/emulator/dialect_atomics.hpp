// Atomics of the dialect; included by dialect.hpp alone. As in CUDA, they return the old value.
#pragma once

namespace persistent_topk::emulator {

template <class T>
inline T update_word(Update operation, T* word, T operand, T compare) {
  static_assert(std::is_integral_v<T> && sizeof(T) == sizeof(uint32_t),
                "the emulator has atomics of 32-bit integers alone: no GPU's answers of others are recorded");
  return static_cast<T>(update(operation, word, static_cast<uint32_t>(operand),
                               static_cast<uint32_t>(compare), Order::kRelaxed));
}

}  // namespace persistent_topk::emulator

#define PERSISTENT_TOPK_ATOMIC(name, operation)                                    \
  template <class T>                                                               \
  inline T name(T* address, std::type_identity_t<T> value) {                       \
    using persistent_topk::emulator::Update;                                       \
    return persistent_topk::emulator::update_word(operation, address, value, T{}); \
  }
PERSISTENT_TOPK_ATOMIC(atomicAdd, Update::kAdd)
PERSISTENT_TOPK_ATOMIC(atomicMin, std::is_signed_v<T> ? Update::kMinI : Update::kMinU)
PERSISTENT_TOPK_ATOMIC(atomicMax, std::is_signed_v<T> ? Update::kMaxI : Update::kMaxU)
PERSISTENT_TOPK_ATOMIC(atomicExch, Update::kExchange)
PERSISTENT_TOPK_ATOMIC(atomicAnd, Update::kAnd)
PERSISTENT_TOPK_ATOMIC(atomicOr, Update::kOr)
PERSISTENT_TOPK_ATOMIC(atomicXor, Update::kXor)
PERSISTENT_TOPK_ATOMIC(atomicInc, Update::kInc)
PERSISTENT_TOPK_ATOMIC(atomicDec, Update::kDec)
#undef PERSISTENT_TOPK_ATOMIC

template <class T>
inline T atomicSub(T* address, std::type_identity_t<T> value) {
  return atomicAdd(address, static_cast<T>(T{} - value));
}

template <class T>
inline T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return persistent_topk::emulator::update_word(persistent_topk::emulator::Update::kCompareSwap, address,
                                                value, compare);
}
