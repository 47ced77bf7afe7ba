// One launch on the emulated device: its CTAs, warps and threads, and who of them can run.
#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

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
  uint64_t value = 0;    // what it brought, then what it gets
  // Cluster barrier and spinning.
  uint32_t arrivals = 0;  // cluster barriers arrived at
  uint32_t waits = 0;     // cluster barriers waited for
  uint64_t spin_progress = 0;  // Machine::progress at its last look at the polled word
  bool spin_needs_store = false;
  const void* polled = nullptr;  // the word of its last atomic or volatile access,
  uint64_t polled_progress = 0;  // Machine::progress then,
  int polls = 0;                 // and how often it has looked without anybody storing
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
  uint32_t clock = 0;   // ticks at each synchronisation in it
  uint32_t peers_phase = 0;  // 1 + the last cluster phase in which a peer used its shared memory
  Warp warps[kWarpsPerSlot];
};

// The launch configuration and the kernel, with its parameters.
struct LaunchOptions {
  dim3 grid{1};
  dim3 block{1};
  int cluster = 1;           // CTAs
  bool cooperative = false;  // all CTAs resident at once, grid barrier allowed
  size_t shared_bytes = 0;
  int64_t access_budget = 0;  // observed accesses and scheduling steps before "runaway"; 0: a default
  bool judges = true;        // look for races
  ScheduleOptions schedule;
  void (*kernel)(const void* parameters) = nullptr;
  const void* parameters = nullptr;
  size_t parameter_bytes = 0;
};

struct Statistics {
  int64_t accesses = 0, steps = 0, block_barriers = 0, collectives = 0, atomics = 0;
};

struct Failure {
  std::string kind;  // empty: none
  std::string message;
};

class Machine {
 public:
  explicit Machine(const LaunchOptions& options);
  void run();  // until every CTA has finished or something failed

  // The running thread is about to access a word that others may be changing: they may get in first,
  // and if it only ever looks, it is a spinner.
  void poll(const void* word, const void* pc);
  // The running thread waits, until someone calls wake() on it.
  void wait(Wait reason, const void* pc);
  void wake(Thread& thread);
  // A point where the running thread may be overtaken.
  void decide();
  [[noreturn]] void abandon();  // leaves the fibers for run(); `failure` is set

  Cta& cta_in(int slot) { return ctas_[slot]; }
  int cta_count() const { return static_cast<int>(ctas_.size()); }
  int block_threads() const { return block_threads_; }
  Thread& thread(Cta& cta, int index) { return threads_[cta.slot * block_threads_ + index]; }

  const LaunchOptions options;
  Failure failure;
  Statistics statistics;
  int64_t budget;         // left
  uint64_t progress = 1;  // stores seen: what a spinner may wait for
  int grid_arrived = 0;   // threads at the grid barrier
  std::unique_ptr<Schedule> schedule;

 private:
  static void fiber_main();
  void finish_thread();
  bool admit_cluster(Cluster& cluster);
  void start_cta(Cta& cta, Cluster& cluster, int64_t index, int rank);
  Thread* choose();
  void switch_to(Thread* next);
  bool wake_spinners();

  int block_threads_;
  std::vector<Cluster> clusters_;  // places for resident ones
  std::vector<Cta> ctas_;          // slots
  std::vector<Thread> threads_;
  std::vector<int64_t> waiting_clusters_;
  std::vector<Thread*> spinners_;
  ReadyWarps ready_;
  Context host_;
};

// The launch in progress and its running thread; null in host code.
extern Machine* machine;
extern Thread* current;

// Records what went wrong, about the running thread if there is one, and gives the launch up.
// `pc` is the instruction behind the one that did it; null: none to tell.
[[noreturn, gnu::format(printf, 3, 4)]] void fail(const char* kind, const void* pc, const char* format, ...);
std::string describe_thread(const Thread& thread);
std::string describe_waits(Machine& machine);
// A code address as it is written into messages; emulator_library.py replaces it by files and lines.
std::string describe_pc(const void* pc);
std::string describe_code(uint32_t offset);
uint32_t code_offset(const void* pc);  // from the beginning of this library
const char* name_of(Collective collective);

}  // namespace persistent_topk::emulator
