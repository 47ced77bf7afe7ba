// Runs intrinsics.cuh on the emulator; the twin of device.cu.
#include <launch.hpp>

#include "intrinsics.cuh"

namespace {

using namespace persistent_topk;
using namespace persistent_topk::intrinsics;

struct Arguments {  // mirrors `Call` in cases.py; sizes in words
  Parameters parameters;
  int64_t a_words;
  int64_t words;
  int64_t result_words;
};

template <auto kKernel>
void run(Parameters parameters, int first, unsigned threads, const Arguments& arguments,
         const emulator::RunOptions& run, emulator::Report& report) {
  using emulator::Written;
  parameters.operation -= first;
  const auto row = [](const char* name, const void* data, int64_t words, Written written) {
    return emulator::Tensor{name, data, 1, words, words, sizeof(uint32_t), written};
  };
  const emulator::Tensor tensors[] = {
      row("a", parameters.a, arguments.a_words, Written::kReadOnly),
      row("b", parameters.b, arguments.words, Written::kReadOnly),
      row("c", parameters.c, arguments.words, Written::kReadOnly),
      row("result", parameters.result, arguments.result_words, Written::kMustBe),
  };
  constexpr int kTensors = sizeof tensors / sizeof tensors[0];
  emulator::LaunchOptions options;
  options.block = threads;
  options.access_budget = run.access_budget;
  options.schedule = run.schedule;
  emulator::launch<kKernel>(options, parameters, tensors, kTensors, report);
}

}  // namespace

PERSISTENT_TOPK_EXPORT int intrinsics_count() { return kOperations; }
PERSISTENT_TOPK_EXPORT const char* intrinsics_name(int operation) { return kNames[operation]; }

PERSISTENT_TOPK_EXPORT void intrinsics_emulate(const Arguments* arguments,
                                               const emulator::RunOptions* options,
                                               emulator::Report* report) {
  const Parameters& parameters = arguments->parameters;
  const int operation = parameters.operation;
  if (operation < kScalars) return run<scalar_kernel>(parameters, 0, kLanes, *arguments, *options, *report);
  if (operation < kScalars + kWarps)
    return run<warp_kernel>(parameters, kScalars, kLanes, *arguments, *options, *report);
  if (operation < kScalars + kWarps + kAtomics)
    return run<atomic_kernel>(parameters, kScalars + kWarps, kLanes, *arguments, *options, *report);
  return run<vote_kernel>(parameters, kScalars + kWarps + kAtomics, kVoteThreads, *arguments, *options,
                          *report);
}
