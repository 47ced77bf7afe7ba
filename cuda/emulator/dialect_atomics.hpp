// Atomics of the dialect; included by dialect.hpp alone. As in CUDA, they return the old value.
#pragma once

namespace persistent_topk::emulator {

template <class T>
concept AtomicWord = std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8);

template <AtomicWord T>
inline uint64_t word_of(T value) {
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<uint32_t>(value);
  else
    return std::bit_cast<uint64_t>(value);
}

template <AtomicWord T>
inline T update_word(Update operation, T* address, T operand, T compare) {
  const uint64_t old =
      update(operation, address, sizeof(T), word_of(operand), word_of(compare), Order::kRelaxed);
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<T>(static_cast<uint32_t>(old));
  else
    return std::bit_cast<T>(old);
}

template <AtomicWord T>
constexpr Update adding() {
  if constexpr (std::is_same_v<T, float>)
    return Update::kAddFloat;
  else if constexpr (std::is_same_v<T, double>)
    return Update::kAddDouble;
  else
    return Update::kAdd;
}

}  // namespace persistent_topk::emulator

#define PERSISTENT_TOPK_ATOMIC(name, operation)                                    \
  template <persistent_topk::emulator::AtomicWord T>                               \
  inline T name(T* address, std::type_identity_t<T> value) {                       \
    using persistent_topk::emulator::Update;                                       \
    return persistent_topk::emulator::update_word(operation, address, value, T{}); \
  }
PERSISTENT_TOPK_ATOMIC(atomicAdd, persistent_topk::emulator::adding<T>())
PERSISTENT_TOPK_ATOMIC(atomicMin, std::is_signed_v<T> ? Update::kMinI : Update::kMinU)
PERSISTENT_TOPK_ATOMIC(atomicMax, std::is_signed_v<T> ? Update::kMaxI : Update::kMaxU)
PERSISTENT_TOPK_ATOMIC(atomicExch, Update::kExchange)
PERSISTENT_TOPK_ATOMIC(atomicAnd, Update::kAnd)
PERSISTENT_TOPK_ATOMIC(atomicOr, Update::kOr)
PERSISTENT_TOPK_ATOMIC(atomicXor, Update::kXor)
PERSISTENT_TOPK_ATOMIC(atomicInc, Update::kInc)
PERSISTENT_TOPK_ATOMIC(atomicDec, Update::kDec)
#undef PERSISTENT_TOPK_ATOMIC

template <std::integral T>
inline T atomicSub(T* address, std::type_identity_t<T> value) {
  return atomicAdd(address, static_cast<T>(T{} - value));
}

template <persistent_topk::emulator::AtomicWord T>
inline T atomicCAS(T* address, std::type_identity_t<T> compare, std::type_identity_t<T> value) {
  return persistent_topk::emulator::update_word(persistent_topk::emulator::Update::kCompareSwap, address,
                                                value, compare);
}
