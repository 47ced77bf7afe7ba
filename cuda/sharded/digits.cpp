// The stages between exchanges on the emulator. digits.cuh comes from the include path, since the checker
// also runs altered copies of it.
#include <digits.cuh>

#include "launch.hpp"

namespace persistent_topk {

PERSISTENT_TOPK_EXPORT void persistent_topk_stage_emulate(const StageParams* arguments,
                                                          const emulator::RunOptions* run,
                                                          emulator::Report* report) {
  using emulator::Written;
  const StageParams& a = *arguments;
  const bool begins = a.counted == kNone && a.action == kCountValues;
  const bool counts = a.action == kCountValues || a.action == kCountColumns;
  const int64_t digits_before = int64_t{1} << a.bits_before;
  const int64_t results = counts ? int64_t{1} << a.bits : a.action == kCountTies ? 1 : a.k;
  const emulator::Tensor tensors[] = {
      {"shard", a.shard, a.rows, a.width, a.row_stride, sizeof(float), Written::kReadOnly},
      {"local", a.local, a.rows, a.k, a.k, sizeof(int32_t), Written::kReadOnly},
      {"lengths", a.lengths, 1, a.rows, a.rows, sizeof(int32_t), Written::kReadOnly},
      {"keys", a.keys, a.rows, a.k, a.k, sizeof(uint32_t), begins ? Written::kMustBe : Written::kReadOnly},
      {"states", a.states, a.rows, sizeof(StageState), sizeof(StageState), 1,
       begins ? Written::kMustBe : Written::kBefore},
      {"totals", a.totals, a.counted == kNone ? (begins ? 0 : a.ranks) : a.rows,
       a.counted == kNone ? a.rows : digits_before, a.counted == kNone ? a.rows : digits_before,
       sizeof(int32_t), Written::kReadOnly},
      {"result", a.result, a.rows, results, results, sizeof(int32_t), Written::kMustBe},
  };
  const emulator::LaunchOptions options = {
      .grid = static_cast<unsigned>(a.rows),
      .block = kStageThreads,
      .cluster = 1,
      .cooperative = false,
      .shared_bytes = sizeof(StageStorage),
      .access_budget = run->access_budget,
      .judges = run->judges != 0,
      .schedule = run->schedule,
  };
  emulator::launch<stage_kernel>(options, a, tensors, sizeof tensors / sizeof tensors[0], *report);
}

}  // namespace persistent_topk
