// The merge of ranks' lists on the emulator: one policy a library, chosen by PERSISTENT_TOPK_POLICY.
//
// merge.cuh comes from the include path, since the checker also runs altered copies of it.
#include <merge.cuh>

#include "launch.hpp"

namespace persistent_topk {

namespace {

constexpr Policy kPolicy = kPolicies[PERSISTENT_TOPK_POLICY];

struct Arguments {  // mirrors `_Arguments` in emulated.py
  const float* values;
  const int32_t* columns;
  int64_t rank_stride;
  int32_t* output;
  int64_t ranks;
  int64_t rows;
  int64_t k;
  int64_t in_order;
};

}  // namespace

PERSISTENT_TOPK_EXPORT void persistent_topk_merge_emulate(const Arguments* arguments,
                                                          const emulator::RunOptions* run,
                                                          emulator::Report* report) {
  using emulator::Written;
  const Arguments& a = *arguments;
  const MergeParams params = {.values = a.values,
                              .columns = a.columns,
                              .rank_stride = a.rank_stride,
                              .output = a.output,
                              .ranks = static_cast<int>(a.ranks),
                              .rows = static_cast<int>(a.rows),
                              .k = static_cast<int>(a.k),
                              .in_order = a.in_order != 0};
  const emulator::Tensor tensors[] = {
      {"values", a.values, a.ranks, a.rows * a.k, a.rank_stride, sizeof(float), Written::kReadOnly},
      {"columns", a.columns, a.ranks, a.rows * a.k, a.rank_stride, sizeof(int32_t), Written::kReadOnly},
      {"output", a.output, a.rows, a.k, a.k, sizeof(int32_t), Written::kMustBe},
  };
  const emulator::LaunchOptions options = {
      .grid = static_cast<unsigned>(a.rows),
      .block = static_cast<unsigned>(kPolicy.threads),
      .cluster = 1,
      .cooperative = false,
      .shared_bytes = sizeof(MergeStorage<kPolicy>),
      .access_budget = run->access_budget,
      .judges = run->judges != 0,
      .schedule = run->schedule,
  };
  emulator::launch<merge_kernel<PERSISTENT_TOPK_POLICY>>(options, params, tensors,
                                                         sizeof tensors / sizeof tensors[0], *report);
}

// Pairs of a row that a CTA has room for.
PERSISTENT_TOPK_EXPORT int64_t persistent_topk_merge_slots() { return MergeStorage<kPolicy>::kSlots; }

}  // namespace persistent_topk
