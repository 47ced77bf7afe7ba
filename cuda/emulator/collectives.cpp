// Warp collectives. The lanes named by a mask meet: each waits until all have arrived with the same
// mask and operation; the last one computes everybody's result.
#include <algorithm>
#include <bit>

#include "device.hpp"
#include "judge.hpp"
#include "machine.hpp"

namespace persistent_topk::emulator {

namespace {

// What a lane gets that reads from a lane outside the mask: CUDA leaves it undefined.
constexpr uint32_t kUndefined = 0xDEADDEAD;

template <class Body>
void for_lanes(uint32_t lanes, Body&& body) {
  for (; lanes != 0; lanes &= lanes - 1) body(std::countr_zero(lanes));
}

int source_lane(Collective collective, int lane, int argument, int width) {
  const int segment = lane & -width;
  const int distance = argument & (kLanes - 1);  // the hardware looks at five bits
  switch (collective) {
    case Collective::kShuffle: return segment | (argument & (width - 1));
    case Collective::kShuffleUp: return lane - distance < segment ? lane : lane - distance;
    case Collective::kShuffleDown: return lane + distance >= segment + width ? lane : lane + distance;
    case Collective::kShuffleXor: return (lane ^ argument) >= segment + width ? lane : lane ^ argument;
    default: return lane;
  }
}

void shuffle(Thread* lanes, uint32_t mask) {
  uint32_t brought[kLanes];
  for_lanes(mask, [&](int lane) { brought[lane] = lanes[lane].value; });
  for_lanes(mask, [&](int lane) {
    Thread& self = lanes[lane];
    const int source = source_lane(self.collective, lane, self.argument, self.width);
    self.value = source >= 0 && source < kLanes && (mask >> source & 1) ? brought[source] : kUndefined;
  });
}

uint32_t lanes_that_brought(const Thread* lanes, uint32_t mask, uint32_t value) {
  uint32_t equal = 0;
  for_lanes(mask, [&](int lane) { equal |= uint32_t{lanes[lane].value == value} << lane; });
  return equal;
}

void match(Thread* lanes, uint32_t mask, bool all) {
  uint32_t equal[kLanes];
  for_lanes(mask, [&](int lane) { equal[lane] = lanes_that_brought(lanes, mask, lanes[lane].value); });
  for_lanes(mask, [&](int lane) { lanes[lane].value = all && equal[lane] != mask ? 0 : equal[lane]; });
}

uint32_t reduced(Collective collective, uint32_t sum, uint32_t value) {
  const auto as_signed = [](uint32_t bits) { return static_cast<int32_t>(bits); };
  switch (collective) {
    case Collective::kMinI: return as_signed(value) < as_signed(sum) ? value : sum;
    case Collective::kMaxI: return as_signed(value) > as_signed(sum) ? value : sum;
    case Collective::kMinU: return std::min(sum, value);
    case Collective::kMaxU: return std::max(sum, value);
    case Collective::kAnd: return sum & value;
    case Collective::kOr: return sum | value;
    case Collective::kXor: return sum ^ value;
    default: return sum + value;
  }
}

void reduce(Thread* lanes, uint32_t mask) {
  const int first = std::countr_zero(mask);
  uint32_t sum = lanes[first].value;
  for_lanes(mask & (mask - 1),
            [&](int lane) { sum = reduced(lanes[lane].collective, sum, lanes[lane].value); });
  for_lanes(mask, [&](int lane) { lanes[lane].value = sum; });
}

void vote(Thread* lanes, uint32_t mask, Collective collective) {
  uint32_t ballot = 0;
  for_lanes(mask, [&](int lane) { ballot |= uint32_t{lanes[lane].value != 0} << lane; });
  const uint32_t result = collective == Collective::kBallot ? ballot
                          : collective == Collective::kAny  ? ballot != 0
                                                            : ballot == mask;
  for_lanes(mask, [&](int lane) { lanes[lane].value = result; });
}

void complete(Thread* lanes, uint32_t mask, Collective collective) {
  switch (collective) {
    case Collective::kSync: return;
    case Collective::kBallot:
    case Collective::kAny:
    case Collective::kAll: return vote(lanes, mask, collective);
    case Collective::kShuffle:
    case Collective::kShuffleUp:
    case Collective::kShuffleDown:
    case Collective::kShuffleXor: return shuffle(lanes, mask);
    case Collective::kMatchAny:
    case Collective::kMatchAll: return match(lanes, mask, collective == Collective::kMatchAll);
    default: return reduce(lanes, mask);
  }
}

// Two lanes that wait for each other with different masks or operations can never go on.
void check_meeting(const Warp& warp, const Thread& self) {
  const uint32_t bit = 1u << self.lane;
  const char* name = name_of(self.collective);
  if ((self.mask & bit) == 0)
    fail("collective-mismatch", self.pc, "calls %s with mask 0x%08x, in which it is not", name, self.mask);
  if (self.mask & warp.exited)
    fail("collective-mismatch", self.pc, "calls %s with mask 0x%08x, of which lanes 0x%08x have exited", name,
         self.mask, self.mask & warp.exited);
  for_lanes(warp.waiting & self.mask, [&](int lane) {
    const Thread& peer = warp.threads[lane];
    if (!(peer.mask & bit) || (peer.mask == self.mask && peer.collective == self.collective)) return;
    fail("collective-mismatch", self.pc,
         "calls %s(mask 0x%08x) while lane %d waits for it at %s(mask 0x%08x) of %s", name, self.mask, lane,
         name_of(peer.collective), peer.mask, describe_pc(peer.pc).c_str());
  });
}

}  // namespace

uint32_t meet(Collective collective, uint32_t mask, uint32_t value, int argument, int width) {
  Thread& self = *current;
  Warp& warp = *self.warp;
  self.collective = collective;
  self.mask = mask;
  self.value = value;
  self.argument = argument;
  self.width = width;
  self.pc = __builtin_return_address(0);
  if (warp.waiting != 0 || mask != ~0u || warp.exited != 0) check_meeting(warp, self);
  const uint32_t others = mask & ~(1u << self.lane);
  if ((warp.waiting & others) != others) {
    warp.waiting |= 1u << self.lane;
    machine->wait(Wait::kWarp, self.pc);
    return self.value;
  }
  ++machine->statistics.collectives;
  complete(warp.threads, mask, collective);
  if (collective == Collective::kSync) order_lanes(warp, mask);
  warp.waiting &= ~mask;
  for_lanes(others, [&](int lane) { machine->wake(warp.threads[lane]); });
  machine->decide();
  return self.value;
}

uint32_t active_mask() {
  const Warp& warp = *current->warp;
  return machine->schedule->active_mask(warp.ready, current->lane);
}

}  // namespace persistent_topk::emulator
