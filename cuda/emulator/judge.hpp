// Races, by what is ordered and not by what came out: two accesses of one word by different threads,
// one of them a write and not both atomic, must have a barrier between them. Sequential execution
// hides a lost barrier; this does not, whatever the schedule.
//
// After FastTrack (Flanagan, Freund, PLDI 2009), with the vector clocks cut down to what CUDA's
// barriers can order. Each CTA has a clock that ticks at every __syncthreads and __syncwarp in it. An
// access is stamped with its thread's `time`, the tick of that thread's last synchronisation; another
// thread of the CTA knows of it if a barrier of both ticked later. Across CTAs, clusters' and grids'
// barriers are counted instead; knowledge.hpp has what is learnt through words of memory. As CUDA
// says, votes and shuffles order no memory accesses.
//
// Known to be reported though ordered: an access between a thread's arrival and its wait at a cluster
// barrier that reaches the peers by way of another thread's later arrival.
#pragma once

#include <cstdint>

#include "machine.hpp"

namespace persistent_topk::emulator {

enum class Access : uint8_t { kRead, kWrite, kAtomicRead, kAtomicWrite, kAtomicUpdate };

constexpr bool is_atomic(Access access) { return access >= Access::kAtomicRead; }
constexpr bool reads(Access access) { return access != Access::kWrite && access != Access::kAtomicWrite; }
constexpr bool writes(Access access) { return access != Access::kRead && access != Access::kAtomicRead; }

inline constexpr uint32_t kCopyNames = 3 * kMaxThreads;  // used again and again
inline constexpr uint32_t kNames = kMaxThreads + kCopyNames;  // of a CTA's threads, then of its copies

// Who accessed a word, and when.
struct Stamp {
  uint32_t thread = 0;  // CTA's index * kNames + thread's index + 1; 0: nobody
  uint32_t time = 0;    // of its CTA's clock
  uint32_t phase = 0;   // cluster or grid barriers that it had arrived at
  uint32_t place = 0;   // code offset << 4 | the word's bytes

  uint32_t bytes() const { return place & 0xF; }
  uint32_t code() const { return place >> 4; }
  uint32_t index() const { return (thread - 1) % kNames; }
  uint32_t cta() const { return (thread - 1) / kNames; }
  bool by_copy() const { return index() >= kMaxThreads; }
};

inline constexpr int kKept = 2;  // readers and atomic accesses remembered a word: the most unlike ones

// What is remembered of a word of four bytes.
struct WordHistory {
  Stamp write;
  Stamp reads[kKept];
  Stamp atomics[kKept];
};

struct Conflict {
  const Stamp* other = nullptr;    // null: none
  const char* access = nullptr;    // what the other did
};

uint32_t stamp_thread(const Thread& thread);

// Judges one access by the running thread of some bytes of a word, and remembers it.
Conflict judge(WordHistory& word, uint32_t bytes, Access access, uint32_t code);

// Synchronisation has happened: of all threads of a CTA, of lanes of a warp.
void order_block(Cta& cta);
void order_lanes(Warp& warp, uint32_t mask);

}  // namespace persistent_topk::emulator
