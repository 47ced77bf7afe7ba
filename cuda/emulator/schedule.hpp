// Who runs next. A schedule is asked at every point where a thread may give way or has to wait; with
// the same seed it gives the same answers, so a failing interleaving is replayed by one line.
//
// Warps are what is scheduled, as on the hardware; the lanes of the chosen warp run one after the
// other until each waits. One class each in schedule.cpp.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "launch.hpp"

namespace persistent_topk::emulator {

inline constexpr int kLanes = 32;         // lanes of a warp
inline constexpr int kWarpsPerSlot = 32;  // most warps of a CTA

// A warp's place: the slot of its CTA times kWarpsPerSlot, plus its number in the CTA.
using WarpId = int;

// The warps that have a lane to run, over all resident CTAs.
class ReadyWarps {
 public:
  explicit ReadyWarps(int slots) : masks_(slots, 0) {}
  bool empty() const { return size_ == 0; }
  int size() const { return size_; }
  bool contains(WarpId warp) const { return masks_[warp / kWarpsPerSlot] >> (warp % kWarpsPerSlot) & 1; }
  void insert(WarpId warp);
  void erase(WarpId warp);
  WarpId after(WarpId warp) const;   // the next ready one, going round; `warp` itself comes last
  WarpId before(WarpId warp) const;  // the same, going down
  WarpId at(int rank) const;         // the rank-th ready one

 private:
  std::vector<uint32_t> masks_;  // one a slot, bit w: warp w is ready
  int size_ = 0;
};

class Random {  // splitmix64 (Steele, Lea, Flood 2014): any seed is a good one
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t next();
  int below(int bound) { return static_cast<int>(next() % static_cast<uint64_t>(bound)); }

 private:
  uint64_t state_;
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  // The warp that runs next; `ready` is not empty, `current` is the one that ran last (-1: none).
  virtual WarpId next_warp(const ReadyWarps& ready, WarpId current) = 0;
  // The lane of it that runs next; `ready` is not zero.
  virtual int next_lane(uint32_t ready, int current);
  // At a decision point: whether the running thread gives way although it could go on.
  virtual bool gives_way(const ReadyWarps&, WarpId) { return false; }
  // Whether threads that poll look again now, although others can run.
  virtual bool wakes_spinners() { return false; }
  // Whether an asynchronous copy lands now, although threads can run, and which of those in flight.
  virtual bool lands_copy() { return false; }
  virtual size_t next_copy(size_t flying) { return (void)flying, 0; }
  // Which of the clusters not yet started starts next, as an index below `waiting`.
  virtual int64_t next_cluster(int64_t waiting) { return (void)waiting, 0; }
  // What __activemask() says: any set of lanes with the caller in it is legal.
  virtual uint32_t active_mask(uint32_t ready, int lane) { return ready | 1u << lane; }
};

// For CTAs of `warps` warps in `slots` slots.
std::unique_ptr<Schedule> make_schedule(const ScheduleOptions& options, int slots, int warps);

}  // namespace persistent_topk::emulator
