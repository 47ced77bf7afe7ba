// One launch on the emulated device: its CTAs, warps and threads, and who of them can run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "copies.hpp"
#include "launch.hpp"
#include "machine_parts.hpp"

namespace persistent_topk::emulator {

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
  Handover grid_handover;  // at it
  std::unique_ptr<Schedule> schedule;
  Copies copies;

 private:
  static void fiber_main();
  void finish_thread();
  bool admit_cluster(Cluster& cluster);
  void start_cta(Cta& cta, Cluster& cluster, int64_t index, int rank);
  Thread* choose();
  void switch_to(Thread* next);
  bool wake_spinners();
  bool wake_someone();

  int block_threads_;
  std::vector<Cluster> clusters_;  // places for resident ones
  std::vector<Cta> ctas_;          // slots
  std::vector<Thread> threads_;
  std::vector<int64_t> waiting_clusters_;
  std::vector<Thread*> spinners_;
  uint64_t last_progress_ = 0;  // when nothing could run,
  int fruitless_rounds_ = 0;    // and how often spinners have been sent to look again since
  ReadyWarps ready_;
  Context host_;
  bool on_host_ = true;  // no fiber runs
};

// The launch in progress and its running thread; null in host code.
extern Machine* machine;
extern Thread* current;

// Records what went wrong, about the running thread if there is one, and gives the launch up.
// `pc` is the instruction behind the one that did it; null: none to tell.
[[noreturn, gnu::format(printf, 3, 4)]] void fail(const char* kind, const void* pc, const char* format, ...);
std::string describe_thread(const Thread& thread);
std::string describe_waits(Machine& machine);
// A code address as it is written into messages; library.py replaces it by files and lines.
std::string describe_pc(const void* pc);
std::string describe_code(uint32_t offset);
uint32_t code_offset(const void* pc);  // from the beginning of this library
const char* name_of(Collective collective);

}  // namespace persistent_topk::emulator
