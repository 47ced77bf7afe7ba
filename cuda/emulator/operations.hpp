// The operations of the device that a kernel names.
#pragma once

#include <cstdint>

namespace persistent_topk::emulator {

// Warp collectives; the lanes of a mask must all arrive with the same one.
enum class Collective : uint8_t {
  kSync,
  kBallot,
  kAny,
  kAll,
  kShuffle,
  kShuffleUp,
  kShuffleDown,
  kShuffleXor,
  kMatchAny,
  kMatchAll,
  kAddI,
  kAddU,
  kMinI,
  kMinU,
  kMaxI,
  kMaxU,
  kAnd,
  kOr,
  kXor,
};

// What __syncthreads and its variants make of the threads' predicates.
enum class Vote : uint8_t { kNone, kCount, kAnd, kOr };

// Atomic updates of a word.
enum class Update : uint8_t {
  kAdd,
  kMinI,
  kMinU,
  kMaxI,
  kMaxU,
  kExchange,
  kCompareSwap,
  kAnd,
  kOr,
  kXor,
  kInc,
  kDec,
};

// What an atomic access orders besides itself, and whom a fence is for.
enum class Order : uint8_t { kRelaxed, kAcquire, kRelease, kAcquireRelease };
enum class Scope : uint8_t { kBlock, kDevice };

}  // namespace persistent_topk::emulator
