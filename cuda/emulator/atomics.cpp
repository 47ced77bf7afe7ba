// Atomics, fences and polling. One thread runs at a time, so an atomic is a plain access, with a
// decision point before it: others may get in first.
#include <bit>
#include <cstring>

#include "device.hpp"
#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

namespace {

uint64_t load(const void* address, int bytes) {
  uint64_t value = 0;
  memcpy(&value, address, bytes);  // little-endian, as the device is
  return value;
}

template <class Float, class Bits>
uint64_t float_sum(uint64_t a, uint64_t b) {
  return std::bit_cast<Bits>(std::bit_cast<Float>(static_cast<Bits>(a)) +
                             std::bit_cast<Float>(static_cast<Bits>(b)));
}

int64_t as_signed(uint64_t bits, int bytes) {
  return bytes == 4 ? static_cast<int32_t>(bits) : static_cast<int64_t>(bits);
}

uint64_t updated(Update operation, uint64_t old, int bytes, uint64_t operand, uint64_t compare) {
  const auto less = [bytes](uint64_t a, uint64_t b) { return as_signed(a, bytes) < as_signed(b, bytes); };
  switch (operation) {
    case Update::kAdd: return old + operand;
    case Update::kMinI: return less(operand, old) ? operand : old;
    case Update::kMaxI: return less(old, operand) ? operand : old;
    case Update::kMinU: return operand < old ? operand : old;
    case Update::kMaxU: return old < operand ? operand : old;
    case Update::kExchange: return operand;
    case Update::kCompareSwap: return old == compare ? operand : old;
    case Update::kAnd: return old & operand;
    case Update::kOr: return old | operand;
    case Update::kXor: return old ^ operand;
    case Update::kInc: return old >= operand ? 0 : old + 1;
    case Update::kDec: return old == 0 || old > operand ? operand : old - 1;
    case Update::kAddFloat: return float_sum<float, uint32_t>(old, operand);
    case Update::kAddDouble: return float_sum<double, uint64_t>(old, operand);
  }
  return old;
}

void begin(const void* address, int bytes, Access access, const void* pc) {
  ++machine->statistics.atomics;
  machine->poll(address, pc);
  if (reinterpret_cast<uintptr_t>(address) % bytes != 0)
    fail("misaligned", pc, "accesses %d bytes atomically at address %p", bytes, address);
  memory->observe(address, bytes, access, pc);
}

}  // namespace

uint64_t update(Update operation, void* address, int bytes, uint64_t operand, uint64_t compare, Order order) {
  begin(address, bytes, Access::kAtomicUpdate, __builtin_return_address(0));
  const auto word = reinterpret_cast<uintptr_t>(address);
  memory->sync_words.read(word, order);
  const uint64_t old = load(address, bytes);
  const uint64_t now = updated(operation, old, bytes, operand, compare);
  memcpy(address, &now, bytes);
  memory->sync_words.write(word, order, true);
  machine->progress += memcmp(&old, address, bytes) != 0;
  return old;
}

uint64_t load_atomic(const void* address, int bytes, Order order) {
  begin(address, bytes, Access::kAtomicRead, __builtin_return_address(0));
  memory->sync_words.read(reinterpret_cast<uintptr_t>(address), order);
  return load(address, bytes);
}

void store_atomic(void* address, int bytes, uint64_t value, Order order) {
  begin(address, bytes, Access::kAtomicWrite, __builtin_return_address(0));
  memory->sync_words.write(reinterpret_cast<uintptr_t>(address), order, false);
  memcpy(address, &value, bytes);
}

void fence(Scope scope) {
  machine->decide();
  fence_memory(scope);
}

void spin_pause() {
  Thread& self = *current;
  // A second look without a store in between sees what the first saw: only a store can wake it then.
  self.spin_needs_store = self.spin_progress == machine->progress;
  self.spin_progress = machine->progress;
  machine->wait(Wait::kSpin, __builtin_return_address(0));
}

void load_bytes(void* to, const void* from, int bytes) {
  if (reinterpret_cast<uintptr_t>(from) % bytes != 0)
    fail("misaligned", __builtin_return_address(0), "reads a vector of %d bytes at address %p", bytes, from);
  memory->observe(from, bytes, Access::kRead, __builtin_return_address(0));
  memcpy(to, from, bytes);
}

void store_bytes(void* to, const void* from, int bytes) {
  if (reinterpret_cast<uintptr_t>(to) % bytes != 0)
    fail("misaligned", __builtin_return_address(0), "writes a vector of %d bytes at address %p", bytes, to);
  memory->observe(to, bytes, Access::kWrite, __builtin_return_address(0));
  memcpy(to, from, bytes);
}

}  // namespace persistent_topk::emulator
