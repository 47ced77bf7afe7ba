// What the test kernels share: one parameter struct, a table of kernels by name, one entry point.
#pragma once

#include <cstring>
#include <initializer_list>

#include "dialect.hpp"
#include "launch.hpp"

using namespace persistent_topk::emulator;

struct Parameters {
  const uint32_t* input;
  uint32_t* output;
  uint32_t* workspace;  // zeros
  int words;            // of input and of output
};

struct Arguments {  // mirrors `Arguments` in emulator_harness.py
  const char* kernel;
  Parameters parameters;
  int32_t grid, block, cluster, cooperative;
  int64_t workspace_words;
  int64_t shared_bytes;
};

struct Kernel {
  const char* name;
  void (*run)(const void* parameters);
};

#define KERNEL(name) {#name, [](const void* p) { name(*static_cast<const Parameters*>(p)); }}

inline uint32_t* shared_words() { return static_cast<uint32_t*>(dynamic_shared()); }
inline unsigned thread_id() { return blockIdx.x * blockDim.x + threadIdx.x; }

template <int kCount>
void run_named(const Kernel (&kernels)[kCount], const Arguments& arguments, const RunOptions& run,
               Report& report) {
  const Parameters& p = arguments.parameters;
  const Tensor tensors[] = {{"input", p.input, 1, p.words, p.words, 4, Written::kReadOnly},
                            {"output", p.output, 1, p.words, p.words, 4, Written::kMustBe},
                            {"workspace", p.workspace, 1, arguments.workspace_words,
                             arguments.workspace_words, 4, Written::kBefore}};
  LaunchOptions options;
  options.grid = static_cast<unsigned>(arguments.grid);
  options.block = static_cast<unsigned>(arguments.block);
  options.cluster = arguments.cluster;
  options.cooperative = arguments.cooperative != 0;
  options.shared_bytes = arguments.shared_bytes;
  options.access_budget = run.access_budget;
  options.judges = run.judges != 0;
  options.schedule = run.schedule;
  options.parameters = &p;
  options.parameter_bytes = sizeof p;
  for (const Kernel& kernel : kernels)
    if (strcmp(kernel.name, arguments.kernel) == 0) options.kernel = kernel.run;
  if (options.kernel == nullptr) {
    strcpy(report.kind, "no-such-kernel");
    strncpy(report.message, arguments.kernel, sizeof report.message - 1);
    return;
  }
  launch(options, tensors, 3, report);
}

#define ENTRY_POINT(kernels)                                                                \
  PERSISTENT_TOPK_EXPORT void run_kernel(const Arguments* arguments, const RunOptions* run, \
                                         Report* report) {                                  \
    run_named(kernels, *arguments, *run, *report);                                          \
  }
