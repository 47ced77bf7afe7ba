// Starting a kernel from host code: its tensors, its configuration, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "types.hpp"

namespace persistent_topk::emulator {

enum class Written : uint8_t {
  kReadOnly,   // the kernel may not write it
  kBefore,     // holds data, may be written
  kNothing,    // holds junk: reading an element that the launch has not written is an error
  kMustBe,     // the same, and every element must be written
};

// A caller's array of `rows` rows, of which the kernel may touch the `columns` of each, and nothing
// between them.
struct Tensor {
  const char* name;
  const void* data;
  int64_t rows;
  int64_t columns;
  int64_t stride;        // elements from row to row
  int64_t element_bytes;
  Written written;
};

enum class ScheduleKind : int32_t { kRoundRobin, kReverse, kStarve, kRandom, kPct };

// Mirrors `_ScheduleOptions` in library.py.
struct ScheduleOptions {
  ScheduleKind kind = ScheduleKind::kRoundRobin;
  int32_t depth = 3;        // pct: number of ordered events that the bug needs
  uint64_t seed = 0;
  int64_t steps = 1 << 14;  // pct: decision points among which priorities change
  int32_t resident = 0;     // clusters resident at once; 0: a default
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

// What the Python side reads; mirrors `_Report` in library.py.
struct Report {
  char kind[32];        // empty: nothing wrong
  char message[16384];  // with code addresses as {pc:0x...}
  int64_t accesses;
  int64_t steps;
  int64_t block_barriers;
  int64_t collectives;
  int64_t atomics;
};

// What the Python side may choose; mirrors `_RunOptions` there.
struct RunOptions {
  ScheduleOptions schedule;
  int64_t access_budget;  // 0: a default
  int32_t judges;         // look for races
};

// Runs the kernel and fills `report`. One launch runs at a time; others wait.
void launch(const LaunchOptions& options, const Tensor* tensors, int tensor_count, Report& report);

// The same for a kernel that takes one struct of parameters.
template <auto kKernel, class Parameters>
void launch(LaunchOptions options, const Parameters& parameters, const Tensor* tensors, int tensor_count,
            Report& report) {
  options.kernel = [](const void* copy) { kKernel(*static_cast<const Parameters*>(copy)); };
  options.parameters = &parameters;
  options.parameter_bytes = sizeof parameters;
  launch(options, tensors, tensor_count, report);
}

}  // namespace persistent_topk::emulator

// An entry point that the Python side calls.
#define PERSISTENT_TOPK_EXPORT extern "C" [[gnu::visibility("default")]]
