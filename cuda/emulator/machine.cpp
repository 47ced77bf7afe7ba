#include "machine.hpp"

#include <algorithm>

#include "arena.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

Machine* machine = nullptr;
Thread* current = nullptr;

namespace {

constexpr int64_t kDefaultBudget = int64_t{4} << 30;
constexpr int kLooksOfASpinner = 64;  // at one word, while nobody stores anything
constexpr int kFruitlessRounds = 100;  // a loop that gives up by itself may take so long

struct Abandoned {};  // thrown where there is no fiber to leave: a copy landed between two clusters

int resident_clusters(const LaunchOptions& options) {
  const int clusters = static_cast<int>(options.grid.x) / options.cluster;
  if (options.cooperative) return clusters;
  // One at a time is the fastest; schedules that look for trouble overlap two.
  const int wanted = options.schedule.resident > 0                        ? options.schedule.resident
                     : options.schedule.kind == ScheduleKind::kRoundRobin ? 1
                                                                          : 2;
  return std::min(wanted, clusters);
}

}  // namespace

Machine::Machine(const LaunchOptions& launch)
    : options(launch),
      budget(launch.access_budget > 0 ? launch.access_budget : kDefaultBudget),
      block_threads_(static_cast<int>(launch.block.x)),
      clusters_(resident_clusters(launch)),
      ctas_(clusters_.size() * launch.cluster),
      threads_(ctas_.size() * block_threads_),
      ready_(static_cast<int>(ctas_.size())) {
  const int slots = static_cast<int>(ctas_.size());
  schedule = make_schedule(launch.schedule, slots, block_threads_ / kLanes);
  stacks.reserve(threads_.size() * kStackStride);
  shared_arena.reserve(slots * kSharedStride);
  for (int slot = 0; slot < slots; ++slot) {
    ctas_[slot].slot = slot;
    ctas_[slot].cluster = &clusters_[slot / launch.cluster];
    for (int w = 0; w < block_threads_ / kLanes; ++w) {
      Warp& warp = ctas_[slot].warps[w];
      warp.cta = &ctas_[slot];
      warp.id = slot * kWarpsPerSlot + w;
      warp.threads = &threads_[slot * block_threads_ + w * kLanes];
    }
  }
  for (int64_t i = 0; i < static_cast<int64_t>(launch.grid.x) / launch.cluster; ++i)
    waiting_clusters_.push_back(i);
}

// Only the host starts CTAs: a fiber would overwrite the stack that it runs on.
void Machine::run() {
  machine = this;
  for (;;) {
    for (Cluster& cluster : clusters_)
      if (cluster.running == 0) admit_cluster(cluster);
    if (std::ranges::all_of(clusters_, [](const Cluster& cluster) { return cluster.running == 0; })) break;
    try {
      current = choose();
    } catch (const Abandoned&) {
      break;
    }
    if (current == nullptr) break;
    on_host_ = false;
    switch_context(host_, current->context);
    on_host_ = true;
    current = nullptr;
    if (!failure.kind.empty()) break;
  }
  current = nullptr;
  machine = nullptr;
}

bool Machine::admit_cluster(Cluster& cluster) {
  if (waiting_clusters_.empty()) return false;
  const int64_t chosen = schedule->next_cluster(static_cast<int64_t>(waiting_clusters_.size()));
  cluster = Cluster{.index = waiting_clusters_[chosen]};
  waiting_clusters_.erase(waiting_clusters_.begin() + chosen);
  Cta* first = &ctas_[(&cluster - clusters_.data()) * options.cluster];
  for (int rank = 0; rank < options.cluster; ++rank)
    start_cta(first[rank], cluster, cluster.index * options.cluster + rank, rank);
  return true;
}

void Machine::start_cta(Cta& cta, Cluster& cluster, int64_t index, int rank) {
  cta.rank = rank;
  cta.index = {static_cast<unsigned>(index), 0, 0};
  cta.running = block_threads_;
  cta.arrived = 0;
  cta.clock = 0;
  cta.copies = 0;
  cta.peers_phase = 0;
  cluster.running += block_threads_;
  memory->start_cta(cta.slot);
  for (int i = 0; i < block_threads_; ++i) {
    Thread& self = thread(cta, i);
    const Context context = self.context;
    self = Thread{};
    self.context = context;
    self.cta = &cta;
    self.warp = &cta.warps[i / kLanes];
    self.lane = i % kLanes;
    self.index = {static_cast<unsigned>(i), 0, 0};
    self.stack = stacks.begin() + (cta.slot * block_threads_ + i) * kStackStride;
    prepare_context(self.context, self.stack, kStackBytes, fiber_main);
  }
  for (int w = 0; w < block_threads_ / kLanes; ++w) {
    Warp& warp = cta.warps[w];
    warp.waiting = warp.exited = 0;
    warp.last_lane = kLanes - 1;
    warp.ready = ~0u;
    ready_.insert(warp.id);
  }
}

void Machine::fiber_main() {
  machine->options.kernel(machine->options.parameters);
  machine->finish_thread();
}

void Machine::finish_thread() {
  Thread& self = *current;
  Cta& cta = *self.cta;
  const uint32_t bit = 1u << self.lane;
  if (cta.arrived > 0)
    fail("barrier-mismatch", nullptr, "exits while %d threads wait at the __syncthreads() of %s", cta.arrived,
         describe_pc(cta.barrier_pc).c_str());
  for (uint32_t lanes = self.warp->waiting; lanes != 0; lanes &= lanes - 1) {
    const Thread& peer = self.warp->threads[std::countr_zero(lanes)];
    if (peer.mask & bit)
      fail("collective-mismatch", nullptr, "exits while lane %d waits for it at %s(mask 0x%08x) of %s",
           peer.lane, name_of(peer.collective), peer.mask, describe_pc(peer.pc).c_str());
  }
  if (self.arrivals == cta.cluster->phase && cta.cluster->arrived > 0)
    fail("barrier-mismatch", nullptr, "exits while %d threads of the cluster have arrived at its barrier",
         cta.cluster->arrived);
  memory->finish_thread(self);
  copies.finish_thread(self);
  self.wait = Wait::kExited;
  self.warp->exited |= bit;
  --cta.running;
  --cta.cluster->running;
  if ((self.warp->ready &= ~bit) == 0) ready_.erase(self.warp->id);
  // The host starts the next cluster in this one's place, on stacks that nobody runs on.
  if (cta.cluster->running == 0) switch_context(self.context, host_);
  switch_to(choose());
}

void Machine::wait(Wait reason, const void* pc) {
  Thread& self = *current;
  self.wait = reason;
  self.pc = pc;
  if (reason == Wait::kSpin) spinners_.push_back(&self);
  if ((self.warp->ready &= ~(1u << self.lane)) == 0) ready_.erase(self.warp->id);
  switch_to(choose());
}

void Machine::wake(Thread& thread) {
  thread.wait = Wait::kNone;
  if (thread.warp->ready == 0) ready_.insert(thread.warp->id);
  thread.warp->ready |= 1u << thread.lane;
}

void Machine::decide() { switch_to(choose()); }

void Machine::poll(const void* word, const void* pc) {
  Thread& self = *current;
  decide();
  if (self.polled != word || self.polled_progress != progress) self.polls = 0;
  self.polled = word;
  self.polled_progress = progress;
  if (++self.polls < kLooksOfASpinner) return;
  self.polls = 0;
  self.spin_needs_store = true;
  self.spin_progress = progress;
  wait(Wait::kSpin, pc);
}

// Spinners run again only when a store has happened since they looked: what they poll can have
// changed then, and only then.
bool Machine::wake_spinners() {
  const auto looks_again = [this](Thread* spinner) {
    if (spinner->spin_needs_store && spinner->spin_progress == progress) return false;
    wake(*spinner);
    return true;
  };
  const size_t before = spinners_.size();
  std::erase_if(spinners_, looks_again);
  return spinners_.size() != before;
}

// Nothing is ready: copies land, the last chance that they have; then those who poll look again. Where
// no store can wake them, they do so a bounded number of times: their loops may give up by themselves.
bool Machine::wake_someone() {
  while (ready_.empty() && !copies.empty()) copies.land(schedule->next_copy(copies.size()));
  if (!ready_.empty() || wake_spinners()) return true;
  fruitless_rounds_ = last_progress_ == progress ? fruitless_rounds_ + 1 : 0;
  last_progress_ = progress;
  if (spinners_.empty() || fruitless_rounds_ >= kFruitlessRounds) return false;
  for (Thread* spinner : spinners_) wake(*spinner);
  spinners_.clear();
  return true;
}

Thread* Machine::choose() {
  ++statistics.steps;
  if (--budget < 0 && current)
    fail("runaway", nullptr, "the launch went on beyond its budget of accesses and scheduling steps");
  if (!spinners_.empty() && !ready_.empty() && schedule->wakes_spinners()) wake_spinners();
  if (!copies.empty() && schedule->lands_copy()) copies.land(schedule->next_copy(copies.size()));
  if (ready_.empty() && !wake_someone()) {
    failure = {"deadlock", "no thread can run:\n" + describe_waits(*this)};
    if (current) abandon();
    return nullptr;  // the host asked
  }
  const WarpId last = current ? current->warp->id : -1;
  WarpId id = last;
  if (last < 0 || !ready_.contains(last) || schedule->gives_way(ready_, last))
    id = schedule->next_warp(ready_, last);
  Warp& warp = ctas_[id / kWarpsPerSlot].warps[id % kWarpsPerSlot];
  warp.last_lane = schedule->next_lane(warp.ready, warp.last_lane);
  return &warp.threads[warp.last_lane];
}

void Machine::switch_to(Thread* next) {
  if (next == current) return;
  Thread* self = current;
  current = next;
  switch_context(self->context, next->context);
}

void Machine::abandon() {
  if (on_host_) throw Abandoned();
  switch_context(current->context, host_);
  __builtin_unreachable();
}

}  // namespace persistent_topk::emulator
