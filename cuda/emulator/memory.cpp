#include "memory.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <new>

#include "arena.hpp"

// The first and the last byte of this library, from the linker: string literals and constexpr tables
// of the kernel lie between.
extern "C" {
[[gnu::visibility("hidden")]] extern const char __ehdr_start;
[[gnu::visibility("hidden")]] extern const char _end;
}

namespace persistent_topk::emulator {

Memory* memory = nullptr;

namespace {

constexpr uint8_t kPoison = 0xA5;
constexpr size_t kWordBytes = 4;

const char* verb(Access access) {
  switch (access) {
    case Access::kRead: return "reads";
    case Access::kWrite: return "writes";
    case Access::kAtomicRead: return "atomically reads";
    case Access::kAtomicWrite: return "atomically writes";
    case Access::kAtomicUpdate: return "atomically updates";
  }
  return "?";
}

Histories new_histories(size_t words) {
  auto* memory = static_cast<WordHistory*>(calloc(words, sizeof(WordHistory)));
  if (memory == nullptr) throw std::bad_alloc();
  return Histories(memory);
}

bool all_set(const uint8_t* flags, size_t count) {
  return std::all_of(flags, flags + count, [](uint8_t flag) { return flag != 0; });
}

std::string describe_stamp(const Stamp& stamp) {
  char text[80];
  if (stamp.by_copy())
    snprintf(text, sizeof text, "an asynchronous copy of CTA %u", stamp.cta());
  else
    snprintf(text, sizeof text, "thread %u (warp %u, lane %u) of CTA %u", stamp.index(),
             stamp.index() / kLanes, stamp.index() % kLanes, stamp.cta());
  return text;
}

}  // namespace

void Memory::add(const Tensor& tensor) {
  if (tensor.rows == 0 || tensor.columns == 0) return;
  Region region{.tensor = tensor,
                .begin = reinterpret_cast<uintptr_t>(tensor.data),
                .end = 0,
                .row_bytes = tensor.columns * tensor.element_bytes,
                .stride_bytes = tensor.stride * tensor.element_bytes,
                .written = {},
                .histories = {}};
  region.end = region.begin + (tensor.rows - 1) * region.stride_bytes + region.row_bytes;
  if (tensor.written == Written::kNothing || tensor.written == Written::kMustBe)
    region.written.assign(region.end - region.begin, 0);
  if (judges_ && tensor.written != Written::kReadOnly)
    region.histories = new_histories((region.end - region.begin) / kWordBytes + 2);
  regions_.push_back(std::move(region));
}

void Memory::prepare(int slots, size_t shared_bytes) {
  shared_bytes_ = shared_bytes;
  shared_written_.assign(slots * shared_bytes, 0);
  shared_words_ = shared_bytes / kWordBytes + 1;
  if (judges_) shared_histories_ = new_histories(slots * shared_words_);
}

void Memory::start_cta(int slot) {
  memset(shared_of(slot), kPoison, shared_bytes_);
  if (shared_bytes_ > 0) memset(&shared_written_[slot * shared_bytes_], 0, shared_bytes_);
  const auto begin = reinterpret_cast<uintptr_t>(shared_of(slot));
  sync_words.forget(begin, begin + shared_bytes_);
  machine->copies.forget(begin, begin + shared_bytes_);
  if (judges_) std::fill_n(&shared_histories_[slot * shared_words_], shared_words_, WordHistory{});
}

void Memory::finish_thread(const Thread& self) {
  if (self.cta->peers_phase > self.waits_known)
    fail("peer-exited", nullptr,
         "exits although a peer has used its CTA's shared memory since the last cluster barrier");
}

void Memory::observe(const void* pointer, size_t bytes, Access access, const void* pc) {
  ++machine->statistics.accesses;
  if (--machine->budget < 0) fail("runaway", pc, "the launch went on beyond its budget");
  if (static_cast<size_t>(static_cast<const std::byte*>(pointer) - current->stack) < kStackBytes) return;
  machine->progress += access == Access::kWrite || access == Access::kAtomicWrite;
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  if (shared_arena.contains(pointer)) return observe_shared(address, bytes, access, pc);
  if (reads(access) && !writes(access) && address >= row_begin_ && address + bytes <= row_end_) return;
  for (size_t tries = 0; tries < regions_.size(); ++tries) {
    Region& region = regions_[last_region_];
    if (address >= region.begin && address < region.end)
      return observe_region(region, address, bytes, access, pc);
    last_region_ = (last_region_ + 1) % regions_.size();
  }
  observe_elsewhere(address, bytes, access, pc);
}

// Of shared memory of the CTA that it is in, or next to.
size_t Memory::offset_of(uintptr_t address, size_t bytes, const char* verb, const void* pc) const {
  const size_t distance = address - reinterpret_cast<uintptr_t>(shared_arena.begin());
  const size_t offset = (distance & (kSharedStride - 1)) - kSharedRedZone;
  if (offset + bytes > shared_bytes_ || offset > shared_bytes_)
    fail("out-of-bounds", pc, "%s %zu bytes at offset %td of shared memory, which has %zu bytes", verb, bytes,
         static_cast<ptrdiff_t>(offset), shared_bytes_);
  return offset;
}

void Memory::observe_shared(uintptr_t address, size_t bytes, Access access, const void* pc) {
  const int slot = slot_of(reinterpret_cast<const void*>(address));
  const size_t offset = offset_of(address, bytes, verb(access), pc);
  Cta& owner = machine->cta_in(slot);
  if (&owner != current->cta) check_peer(owner, access, pc);
  uint8_t* written = &shared_written_[slot * shared_bytes_ + offset];
  if (reads(access) && !all_set(written, bytes))
    fail("unwritten-read", pc,
         "%s %zu bytes at offset %zu of the shared memory of CTA %u, which nothing wrote", verb(access),
         bytes, offset, owner.index.x);
  if (writes(access)) memset(written, 1, bytes);
  if (judges_)
    judge_words(&shared_histories_[slot * shared_words_], reinterpret_cast<uintptr_t>(shared_of(slot)),
                address, bytes, access, pc, "shared memory");
}

// Distributed shared memory: the owner must be of this cluster, have started and not have finished.
void Memory::check_reach(const Cta& owner, const char* verb, const void* pc) const {
  if (owner.cluster != current->cta->cluster)
    fail("out-of-bounds", pc, "%s shared memory of CTA %u, which is in another cluster", verb, owner.index.x);
  if (&owner != current->cta && current->waits_known == 0)
    fail("peer-not-started", pc, "%s shared memory of CTA %u before the first cluster barrier", verb,
         owner.index.x);
}

const Cta& Memory::owner_of_store(const void* to, size_t bytes, const void* barrier, const void* pc) const {
  constexpr const char* kVerb = "asynchronously stores to";
  if (!shared_arena.contains(to) || !shared_arena.contains(barrier))
    fail("out-of-bounds", pc, "%s %p, with the mbarrier at %p; not both are in shared memory", kVerb, to,
         barrier);
  offset_of(reinterpret_cast<uintptr_t>(to), bytes, kVerb, pc);
  offset_of(reinterpret_cast<uintptr_t>(barrier), sizeof(uint64_t), kVerb, pc);
  const Cta& owner = machine->cta_in(slot_of(to));
  const Cta& waiting = machine->cta_in(slot_of(barrier));
  check_reach(owner, kVerb, pc);
  if (&owner != &waiting)
    fail("barrier-mismatch", pc, "%s shared memory of CTA %u, with an mbarrier in that of CTA %u", kVerb,
         owner.index.x, waiting.index.x);
  if (owner.running == 0)
    fail("peer-exited", pc, "%s shared memory of CTA %u, which has exited", kVerb, owner.index.x);
  return owner;
}

void Memory::check_peer(Cta& owner, Access access, const void* pc) const {
  check_reach(owner, verb(access), pc);
  // Who waits for a store needs no cluster barrier, and other threads may exit; see Copies::finish_thread.
  if (current->is_store) return;
  if (owner.running < machine->block_threads())
    fail("peer-exited", pc, "%s shared memory of CTA %u, of which %d threads have exited", verb(access),
         owner.index.x, machine->block_threads() - owner.running);
  owner.peers_phase = std::max(owner.peers_phase, current->arrivals + 1);
}

void Memory::judge_words(WordHistory* histories, uintptr_t base, uintptr_t address, size_t bytes,
                         Access access, const void* pc, const char* name) {
  const uint32_t code = code_offset(pc);
  for (uintptr_t word = address / kWordBytes; word * kWordBytes < address + bytes; ++word) {
    const size_t begin = std::max(address, word * kWordBytes) % kWordBytes;
    const size_t end = std::min(address + bytes - word * kWordBytes, kWordBytes);
    const uint32_t touched = ((1u << end) - 1) & ~((1u << begin) - 1);
    const Conflict conflict = judge(histories[word - base / kWordBytes], touched, access, code);
    if (conflict.other == nullptr) continue;
    const Stamp& other = *conflict.other;
    fail("race", nullptr, "%s %s at byte %td, at %s; %s %s it, at %s; nothing orders the two", verb(access),
         name, static_cast<ptrdiff_t>(address - base), describe_code(code).c_str(),
         describe_stamp(other).c_str(), conflict.access, describe_code(other.code()).c_str());
  }
}

void Memory::observe_region(Region& region, uintptr_t address, size_t bytes, Access access, const void* pc) {
  const Tensor& tensor = region.tensor;
  const int64_t offset = static_cast<int64_t>(address - region.begin);
  // Rows that overlap (a stride shorter than a row) have nothing between them.
  if (region.stride_bytes >= region.row_bytes) {
    const int64_t row = region.stride_bytes > 0 ? offset / region.stride_bytes : 0;
    const int64_t within = offset - row * region.stride_bytes;
    if (within + static_cast<int64_t>(bytes) > region.row_bytes)
      fail("out-of-bounds", pc,
           "%s %zu bytes at %s[%" PRId64 ", %" PRId64 "], beyond the row's %" PRId64 " columns", verb(access),
           bytes, tensor.name, row, within / tensor.element_bytes, tensor.columns);
    if (tensor.written == Written::kReadOnly) {
      row_begin_ = region.begin + row * region.stride_bytes;
      row_end_ = row_begin_ + region.row_bytes;
    }
  } else if (address + bytes > region.end) {
    observe_elsewhere(address, bytes, access, pc);
  }
  if (writes(access) && tensor.written == Written::kReadOnly)
    fail("read-only-write", pc, "%s element %" PRId64 " of %s, which is an input", verb(access),
         offset / tensor.element_bytes, tensor.name);
  if (!region.written.empty()) {
    if (reads(access) && !all_set(&region.written[offset], bytes))
      fail("unwritten-read", pc, "%s element %" PRId64 " of %s, which nothing wrote", verb(access),
           offset / tensor.element_bytes, tensor.name);
    if (writes(access)) memset(&region.written[offset], 1, bytes);
  }
  if (region.histories)
    judge_words(region.histories.get(), region.begin, address, bytes, access, pc, tensor.name);
}

void Memory::observe_elsewhere(uintptr_t address, size_t bytes, Access access, const void* pc) {
  if (stacks.contains(reinterpret_cast<const void*>(address)))
    fail("out-of-bounds", pc, "%s %zu bytes of another thread's local variables, or behind its own",
         verb(access), bytes);
  const bool in_library =
      address >= reinterpret_cast<uintptr_t>(&__ehdr_start) && address < reinterpret_cast<uintptr_t>(&_end);
  if (in_library && !writes(access)) return;
  fail("out-of-bounds", pc, "%s %zu bytes at %s", verb(access), bytes, describe_near(address).c_str());
}

// An address outside all tensors, by the nearest one.
std::string Memory::describe_near(uintptr_t address) const {
  char text[160];
  snprintf(text, sizeof text, "address 0x%" PRIxPTR, address);
  uintptr_t nearest = UINTPTR_MAX;
  for (const Region& region : regions_) {
    const bool before = address < region.begin;
    const uintptr_t distance = before ? region.begin - address : address - region.end;
    if (distance >= nearest) continue;
    nearest = distance;
    snprintf(text, sizeof text, "%" PRIuPTR " bytes %s %s", distance, before ? "before" : "behind the end of",
             region.tensor.name);
  }
  return text;
}

std::string Memory::first_unwritten() const {
  for (const Region& region : regions_) {
    if (region.tensor.written != Written::kMustBe) continue;
    const auto found = std::find(region.written.begin(), region.written.end(), 0);
    if (found == region.written.end()) continue;
    const int64_t element = (found - region.written.begin()) / region.tensor.element_bytes;
    char text[160];
    snprintf(text, sizeof text, "%s[%" PRId64 ", %" PRId64 "] was not written", region.tensor.name,
             element / region.tensor.stride, element % region.tensor.stride);
    return text;
  }
  return "";
}

}  // namespace persistent_topk::emulator
