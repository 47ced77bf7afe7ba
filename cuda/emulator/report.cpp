// How failures are told: who, what, where.
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>

#include "machine.hpp"

// The first byte of this library, from the linker.
extern "C" [[gnu::visibility("hidden")]] const char __ehdr_start;

namespace persistent_topk::emulator {

const char* name_of(Collective collective) {
  switch (collective) {
    case Collective::kSync: return "__syncwarp";
    case Collective::kBallot: return "__ballot_sync";
    case Collective::kAny: return "__any_sync";
    case Collective::kAll: return "__all_sync";
    case Collective::kShuffle: return "__shfl_sync";
    case Collective::kShuffleUp: return "__shfl_up_sync";
    case Collective::kShuffleDown: return "__shfl_down_sync";
    case Collective::kShuffleXor: return "__shfl_xor_sync";
    case Collective::kMatchAny: return "__match_any_sync";
    case Collective::kMatchAll: return "__match_all_sync";
    case Collective::kAddI:
    case Collective::kAddU: return "__reduce_add_sync";
    case Collective::kMinI:
    case Collective::kMinU: return "__reduce_min_sync";
    case Collective::kMaxI:
    case Collective::kMaxU: return "__reduce_max_sync";
    case Collective::kAnd: return "__reduce_and_sync";
    case Collective::kOr: return "__reduce_or_sync";
    case Collective::kXor: return "__reduce_xor_sync";
  }
  return "?";
}

namespace {

[[gnu::format(printf, 1, 0)]] std::string format_arguments(const char* format, va_list arguments) {
  va_list copy;
  va_copy(copy, arguments);
  const int length = vsnprintf(nullptr, 0, format, copy);
  va_end(copy);
  std::string text(length, '\0');
  vsnprintf(text.data(), length + 1, format, arguments);
  return text;
}

[[gnu::format(printf, 1, 2)]] std::string formatted(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  std::string text = format_arguments(format, arguments);
  va_end(arguments);
  return text;
}

// What a thread waits for, without who it is: threads with equal text are told together.
std::string describe_wait(const Machine& machine, const Thread& thread) {
  const std::string where = describe_pc(thread.pc);
  switch (thread.wait) {
    case Wait::kNone: return "can run";
    case Wait::kBlockBarrier:
      return formatted("waiting at __syncthreads(), at %s (%d of %d threads have arrived)", where.c_str(),
                       thread.cta->arrived, machine.block_threads());
    case Wait::kWarp:
      return formatted("waiting at %s(mask 0x%08x), at %s", name_of(thread.collective), thread.mask,
                       where.c_str());
    case Wait::kClusterBarrier:
      return formatted("waiting at the cluster barrier, at %s (%d of %d threads have arrived)", where.c_str(),
                       thread.cta->cluster->arrived, machine.options.cluster * machine.block_threads());
    case Wait::kGridBarrier:
      return formatted("waiting at the grid barrier, at %s (%d threads have arrived)", where.c_str(),
                       machine.grid_arrived);
    case Wait::kSpin: return formatted("spinning on a word that nobody writes, at %s", where.c_str());
    case Wait::kCopy: return formatted("waiting for an asynchronous copy, at %s", where.c_str());
    case Wait::kExited: return "exited";
  }
  return "?";
}

}  // namespace

uint32_t code_offset(const void* pc) {
  return static_cast<uint32_t>(reinterpret_cast<uintptr_t>(pc) - reinterpret_cast<uintptr_t>(&__ehdr_start));
}

std::string describe_code(uint32_t offset) { return formatted("{pc:0x%x}", offset); }

std::string describe_pc(const void* pc) { return describe_code(code_offset(pc)); }

std::string describe_thread(const Thread& thread) {
  if (thread.index.x >= kMaxThreads) return formatted("an asynchronous copy of CTA %u", thread.cta->index.x);
  return formatted("thread %u (warp %u, lane %d) of CTA %u", thread.index.x, thread.index.x / kLanes,
                   thread.lane, thread.cta->index.x);
}

std::string describe_waits(Machine& machine) {
  std::string text;
  for (int slot = 0; slot < machine.cta_count(); ++slot) {
    Cta& cta = machine.cta_in(slot);
    if (cta.running == 0) continue;
    std::map<std::string, std::string> threads_by_wait;
    for (int first = 0, last; first < machine.block_threads(); first = last + 1) {
      const std::string wait = describe_wait(machine, machine.thread(cta, first));
      last = first;
      while (last + 1 < machine.block_threads() &&
             describe_wait(machine, machine.thread(cta, last + 1)) == wait)
        ++last;
      std::string& threads = threads_by_wait[wait];
      threads +=
          formatted(first == last ? "%s%d" : "%s%d-%d", threads.empty() ? "thread " : ", ", first, last);
    }
    for (const auto& [wait, threads] : threads_by_wait)
      text += formatted("  CTA %u: %s: %s\n", cta.index.x, threads.c_str(), wait.c_str());
  }
  return text;
}

void fail(const char* kind, const void* pc, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  machine->failure.kind = kind;
  machine->failure.message = describe_thread(*current) + ": " + format_arguments(format, arguments);
  if (pc != nullptr) machine->failure.message += ", at " + describe_pc(pc);
  va_end(arguments);
  machine->abandon();
}

}  // namespace persistent_topk::emulator
