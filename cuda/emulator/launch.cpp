#include "launch.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "arena.hpp"
#include "watchdog.hpp"

namespace persistent_topk::emulator {

namespace {

std::mutex one_at_a_time;  // the machine is global, as a device is

void copy_text(const std::string& text, char* to, size_t size) {
  const size_t length = std::min(text.size(), size - 1);
  memcpy(to, text.data(), length);
  to[length] = '\0';
}

// What a CUDA launch would refuse.
std::string invalid(const LaunchOptions& options) {
  const unsigned threads = options.block.x;
  if (options.block.y != 1 || options.block.z != 1 || options.grid.y != 1 || options.grid.z != 1)
    return "grids and blocks of more than one dimension are not emulated";
  if (threads == 0 || threads > kMaxThreads || threads % kLanes != 0)
    return "a block has " + std::to_string(threads) + " threads; expected whole warps, 1024 threads at most";
  if (options.cluster < 1 || options.grid.x == 0 || options.grid.x % options.cluster != 0)
    return "a grid of " + std::to_string(options.grid.x) + " CTAs is not made of clusters of " +
           std::to_string(options.cluster);
  if (options.shared_bytes > kMaxSharedBytes)
    return std::to_string(options.shared_bytes) + " bytes of shared memory; a CTA has " +
           std::to_string(kMaxSharedBytes) + " at most";
  return "";
}

Failure run(const LaunchOptions& options, const Tensor* tensors, int tensor_count, Statistics& statistics) {
  if (const std::string problem = invalid(options); !problem.empty()) return {"launch", problem};
  Memory tensor_memory(options.judges);
  for (int i = 0; i < tensor_count; ++i) tensor_memory.add(tensors[i]);
  tensor_memory.add({"the kernel's parameters", options.parameters, 1,
                     static_cast<int64_t>(options.parameter_bytes),
                     static_cast<int64_t>(options.parameter_bytes), 1, Written::kReadOnly});
  Machine device(options);
  tensor_memory.prepare(device.cta_count(), options.shared_bytes);
  memory = &tensor_memory;
  {
    const Watchdog watchdog;
    device.run();
  }
  memory = nullptr;
  statistics = device.statistics;
  if (!device.failure.kind.empty()) return device.failure;
  if (const std::string unwritten = tensor_memory.first_unwritten(); !unwritten.empty())
    return {"unwritten-output", unwritten};
  return {};
}

}  // namespace

void launch(const LaunchOptions& options, const Tensor* tensors, int tensor_count, Report& report) {
  const std::lock_guard lock(one_at_a_time);
  Statistics statistics;
  Failure failure;
  try {
    failure = run(options, tensors, tensor_count, statistics);
  } catch (const std::bad_alloc&) {
    failure = {"launch", "not enough memory for the resident CTAs' stacks and shared memory"};
  }
  copy_text(failure.kind, report.kind, sizeof report.kind);
  copy_text(failure.message, report.message, sizeof report.message);
  report.accesses = statistics.accesses;
  report.steps = statistics.steps;
  report.block_barriers = statistics.block_barriers;
  report.collectives = statistics.collectives;
  report.atomics = statistics.atomics;
}

}  // namespace persistent_topk::emulator
