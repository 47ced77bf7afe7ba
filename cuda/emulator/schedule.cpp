#include "schedule.hpp"

#include <algorithm>

namespace persistent_topk::emulator {

void ReadyWarps::insert(WarpId warp) {
  size_ += !contains(warp);
  masks_[warp / kWarpsPerSlot] |= 1u << warp % kWarpsPerSlot;
}

void ReadyWarps::erase(WarpId warp) {
  size_ -= contains(warp);
  masks_[warp / kWarpsPerSlot] &= ~(1u << warp % kWarpsPerSlot);
}

WarpId ReadyWarps::after(WarpId warp) const {
  const int slots = static_cast<int>(masks_.size());
  int slot = warp < 0 ? slots - 1 : warp / kWarpsPerSlot;
  const int bit = warp < 0 ? kWarpsPerSlot - 1 : warp % kWarpsPerSlot;
  uint32_t mask = masks_[slot] & ~(0xFFFFFFFFu >> (kWarpsPerSlot - 1 - bit));
  while (mask == 0) mask = masks_[slot = (slot + 1) % slots];
  return slot * kWarpsPerSlot + std::countr_zero(mask);
}

WarpId ReadyWarps::before(WarpId warp) const {
  const int slots = static_cast<int>(masks_.size());
  int slot = warp < 0 ? 0 : warp / kWarpsPerSlot;
  const int bit = warp < 0 ? 0 : warp % kWarpsPerSlot;
  uint32_t mask = masks_[slot] & ((1u << bit) - 1);
  while (mask == 0) mask = masks_[slot = (slot + slots - 1) % slots];
  return slot * kWarpsPerSlot + kWarpsPerSlot - 1 - std::countl_zero(mask);
}

WarpId ReadyWarps::at(int rank) const {
  int slot = 0;
  for (; rank >= std::popcount(masks_[slot]); ++slot) rank -= std::popcount(masks_[slot]);
  uint32_t mask = masks_[slot];
  for (; rank > 0; --rank) mask &= mask - 1;
  return slot * kWarpsPerSlot + std::countr_zero(mask);
}

uint64_t Random::next() {
  uint64_t z = state_ += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

// Lanes in order, going round from the one that ran last.
int Schedule::next_lane(uint32_t ready, int current) {
  const uint32_t later = ready & ~(0xFFFFFFFFu >> (kLanes - 1 - current));
  return std::countr_zero(later ? later : ready);
}

namespace {

class RoundRobin : public Schedule {
 public:
  WarpId next_warp(const ReadyWarps& ready, WarpId current) override { return ready.after(current); }
};

// Everything from the last to the first: warps, lanes, clusters.
class Reverse : public Schedule {
 public:
  WarpId next_warp(const ReadyWarps& ready, WarpId current) override { return ready.before(current); }
  int next_lane(uint32_t ready, int) override { return kLanes - 1 - std::countl_zero(ready); }
  bool lands_copy() override { return true; }  // at once
  size_t next_copy(size_t flying) override { return flying - 1; }
  int64_t next_cluster(int64_t waiting) override { return waiting - 1; }
};

// One warp of each CTA, or all warps of one CTA, run only when nothing else can.
class Starve : public Schedule {
 public:
  Starve(uint64_t seed, int slots, int warps)
      : random_(seed),
        whole_cta_(slots > 1 && random_.below(2) == 0),
        victim_(random_.below(whole_cta_ ? slots : warps)) {}

  WarpId next_warp(const ReadyWarps& ready, WarpId current) override {
    WarpId warp = ready.after(current);
    for (int tries = ready.size(); is_victim(warp) && tries > 1; --tries) warp = ready.after(warp);
    return warp;
  }
  // A victim that runs because all else waited gives way as soon as something else can run.
  bool gives_way(const ReadyWarps& ready, WarpId current) override {
    return is_victim(current) && ready.size() > 1;
  }
  int64_t next_cluster(int64_t waiting) override { return random_.next() % waiting; }

 private:
  bool is_victim(WarpId warp) const {
    return (whole_cta_ ? warp / kWarpsPerSlot : warp % kWarpsPerSlot) == victim_;
  }
  Random random_;
  bool whole_cta_;
  int victim_;
};

// A uniform choice at every decision point.
class RandomWalk : public Schedule {
 public:
  explicit RandomWalk(uint64_t seed) : random_(seed) {}
  WarpId next_warp(const ReadyWarps& ready, WarpId) override { return ready.at(random_.below(ready.size())); }
  int next_lane(uint32_t ready, int) override { return random_lane(random_, ready); }
  bool gives_way(const ReadyWarps&, WarpId) override { return true; }
  bool wakes_spinners() override { return random_.below(kPollingOdds) == 0; }
  bool lands_copy() override { return random_.below(kLandingOdds) == 0; }
  size_t next_copy(size_t flying) override { return random_.next() % flying; }
  int64_t next_cluster(int64_t waiting) override { return random_.next() % waiting; }
  uint32_t active_mask(uint32_t ready, int lane) override {
    return (ready & static_cast<uint32_t>(random_.next())) | 1u << lane;
  }

  static int random_lane(Random& random, uint32_t ready) {
    for (int skip = random.below(std::popcount(ready)); skip > 0; --skip) ready &= ready - 1;
    return std::countr_zero(ready);
  }

 private:
  static constexpr int kPollingOdds = 4;
  static constexpr int kLandingOdds = 16;
  Random random_;
};

// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): the
// ready warp of highest priority runs; at depth - 1 random steps the running warp drops below all
// others. Differs from the paper in what a step is (a decision point) and in that the number of
// steps is an option, not measured.
class Pct : public Schedule {
 public:
  Pct(const ScheduleOptions& options, int slots) : random_(options.seed), priority_(slots * kWarpsPerSlot) {
    for (size_t i = 0; i < priority_.size(); ++i) priority_[i] = static_cast<int64_t>(i) + 1;
    for (size_t i = priority_.size() - 1; i > 0; --i)
      std::swap(priority_[i], priority_[random_.next() % (i + 1)]);
    for (int i = 1; i < options.depth; ++i) changes_.push_back(random_.next() % options.steps);
    std::sort(changes_.begin(), changes_.end());
  }

  WarpId next_warp(const ReadyWarps& ready, WarpId) override {
    WarpId best = ready.after(-1);
    for (WarpId warp = best, left = ready.size(); left > 1; --left) {
      warp = ready.after(warp);
      if (priority_[warp] > priority_[best]) best = warp;
    }
    return best;
  }
  int next_lane(uint32_t ready, int) override { return RandomWalk::random_lane(random_, ready); }
  bool gives_way(const ReadyWarps&, WarpId current) override {
    for (; passed_ < changes_.size() && changes_[passed_] <= step_; ++passed_) priority_[current] = --lowest_;
    ++step_;
    return true;
  }
  int64_t next_cluster(int64_t waiting) override { return random_.next() % waiting; }
  uint32_t active_mask(uint32_t, int lane) override { return 1u << lane; }

 private:
  Random random_;
  std::vector<int64_t> priority_;
  std::vector<uint64_t> changes_;
  size_t passed_ = 0;
  uint64_t step_ = 0;
  int64_t lowest_ = 0;
};

}  // namespace

std::unique_ptr<Schedule> make_schedule(const ScheduleOptions& options, int slots, int warps) {
  switch (options.kind) {
    case ScheduleKind::kReverse: return std::make_unique<Reverse>();
    case ScheduleKind::kStarve: return std::make_unique<Starve>(options.seed, slots, warps);
    case ScheduleKind::kRandom: return std::make_unique<RandomWalk>(options.seed);
    case ScheduleKind::kPct: return std::make_unique<Pct>(options, slots);
    case ScheduleKind::kRoundRobin: break;
  }
  return std::make_unique<RoundRobin>();
}

}  // namespace persistent_topk::emulator
