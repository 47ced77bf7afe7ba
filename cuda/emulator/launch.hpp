// Starting a kernel from host code: its tensors, its configuration, and what came of it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "machine.hpp"
#include "memory.hpp"

namespace persistent_topk::emulator {

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
