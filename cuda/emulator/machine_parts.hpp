// The threads of a launch and what they are grouped into.
#pragma once

#include <cstdint>
#include <source_location>

#include "fiber.hpp"
#include "knowledge.hpp"
#include "operations.hpp"
#include "schedule.hpp"
#include "types.hpp"

namespace persistent_topk::emulator {

using Where = std::source_location;

inline constexpr int kMaxThreads = 1024;  // threads of a CTA

enum class Wait : uint8_t {
  kNone,  // ready or running
  kBlockBarrier,
  kWarp,  // a warp collective
  kClusterBarrier,
  kGridBarrier,
  kSpin,  // polls a word that nobody has written since
  kCopy,  // for asynchronous copies
  kExited,
};

struct Cta;
struct Warp;

struct Thread {
  Context context;
  std::byte* stack = nullptr;
  Cta* cta = nullptr;
  Warp* warp = nullptr;
  uint3 index{};
  int lane = 0;
  Wait wait = Wait::kNone;
  const void* pc = nullptr;  // of its last barrier, collective or spin
  // The collective it waits in.
  Collective collective{};
  uint32_t mask = 0;
  int width = kLanes;
  int32_t argument = 0;  // source lane, delta
  uint32_t value = 0;    // what it brought, then what it gets
  // Cluster barrier and spinning.
  uint32_t arrivals = 0;  // cluster barriers arrived at
  uint32_t waits = 0;     // cluster barriers waited for
  uint64_t spin_progress = 0;  // Machine::progress at its last look at the polled word
  bool spin_needs_store = false;
  const void* polled = nullptr;  // the word of its last atomic or volatile access,
  uint64_t polled_progress = 0;  // Machine::progress then,
  int polls = 0;                 // and how often it has looked without anybody storing
  uint32_t copy_groups = 0;      // groups of asynchronous copies that it has closed
  bool is_store = false;         // no thread, but the agent of an asynchronous store
  // For the judge; see judge.hpp.
  uint32_t time = 0;               // tick of its CTA's clock at its last synchronisation
  uint32_t block_known = 0;        // accesses of its CTA with an earlier time come before
  uint32_t lane_known[kLanes] = {};  // the same of each lane of its warp
  uint32_t waits_known = 0;        // accesses of its cluster or grid in an earlier phase come before
  Known acquired;                  // these come before
  Known pending;                   // these will from its next fence on
  Known released;                  // came before its last fence: what its relaxed stores hand over
};

struct Warp {
  Cta* cta = nullptr;
  WarpId id = 0;
  Thread* threads = nullptr;  // of its lanes
  uint32_t ready = 0;         // lanes that can run
  uint32_t waiting = 0;       // lanes in a collective
  uint32_t exited = 0;
  int last_lane = kLanes - 1;  // that ran; lane order goes on from there
};

struct Cluster {
  int64_t index = -1;  // which of the grid's; -1: this place is free
  int running = 0;     // threads not exited
  int arrived = 0;     // at the barrier's present phase
  uint32_t phase = 0;  // barriers completed
  Handover handover = {};  // at them
};

struct Cta {
  int slot = 0;
  int rank = 0;  // in its cluster
  Cluster* cluster = nullptr;
  uint3 index{};
  int running = 0;
  int arrived = 0;  // at the block barrier
  Vote vote = Vote::kNone;
  int vote_true = 0;  // predicates that held
  int vote_result = 0;
  Where barrier_where;  // of the first to arrive,
  const void* barrier_pc = nullptr;
  uint32_t copies = 0;  // asynchronous ones that it has issued
  uint32_t clock = 0;   // ticks at each synchronisation in it
  uint32_t peers_phase = 0;  // 1 + the last cluster phase in which a peer used its shared memory
  Warp warps[kWarpsPerSlot];
};

}  // namespace persistent_topk::emulator
