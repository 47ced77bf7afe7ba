// The production kernel on the emulator: one policy a library, chosen by PERSISTENT_TOPK_POLICY.
//
// persistent.cuh comes from the include path, since the checker also runs altered copies of the kernel.
#include <persistent.cuh>

#include "launch.hpp"

namespace persistent_topk {

namespace {

constexpr int kPolicyIndex = PERSISTENT_TOPK_POLICY;

struct Arguments {  // mirrors `_Arguments` in emulated.py
  const float* logits;
  int64_t row_stride;
  const int32_t* lengths;
  int32_t* output;
  Trace* trace;  // or null
  void* workspace;  // of persistent_topk_workspace() bytes
  int64_t rows;
  int64_t columns;
  int64_t k;
  DeviceLimits limits;
};

TopkParams parameters_of(const Arguments& arguments, const Plan& plan) {
  return {.logits = arguments.logits,
          .row_stride = arguments.row_stride,
          .lengths = arguments.lengths,
          .output = arguments.output,
          .trace = arguments.trace,
          .rows = static_cast<int>(arguments.rows),
          .columns = static_cast<int>(arguments.columns),
          .k = static_cast<int>(arguments.k),
          .ctas = plan.ctas,
          .mail = mail_in(arguments.workspace)};
}

using Area = WorkspaceMail<kPolicies[kPolicyIndex]>::Area;

}  // namespace

PERSISTENT_TOPK_EXPORT void persistent_topk_emulate(const Arguments* arguments,
                                                    const emulator::RunOptions* run,
                                                    emulator::Report* report) {
  using emulator::Written;
  const Arguments& a = *arguments;
  const Plan plan = make_plan(static_cast<int>(a.rows), a.columns, a.limits, kPolicyIndex);
  const TopkParams parameters = parameters_of(a, plan);
  const int mail_rows = rows_with_mail(parameters.rows, a.columns, a.limits, kPolicyIndex);
  const emulator::Tensor tensors[] = {
      {"logits", a.logits, a.rows, a.columns, a.row_stride, sizeof(float), Written::kReadOnly},
      {"lengths", a.lengths, 1, a.rows, a.rows, sizeof(int32_t), Written::kReadOnly},
      {"output", a.output, a.rows, a.k, a.k, sizeof(int32_t), Written::kMustBe},
      {"trace", a.trace, a.trace ? a.rows * plan.ctas : 0, sizeof(Trace), sizeof(Trace), 1, Written::kBefore},
      {"workspace", parameters.mail, mail_rows, sizeof(Area), sizeof(Area), 1, Written::kNothing},
  };
  constexpr int kTensors = sizeof tensors / sizeof tensors[0];
  const Entry entry = entry_of(a.columns, plan.ctas, a.limits.clusters, kPolicies[kPolicyIndex]);
  const emulator::LaunchOptions options = {
      .grid = static_cast<unsigned>(a.rows * plan.ctas),
      .block = static_cast<unsigned>(kPolicies[kPolicyIndex].threads),
      .cluster = entry == kShared ? plan.ctas : 1,
      .cooperative = entry == kCooperative,
      .shared_bytes = shared_bytes<kPolicyIndex>(entry),
      .access_budget = run->access_budget,
      .judges = run->judges != 0,
      .schedule = run->schedule,
  };
  const auto run_kernel = [&]<auto kKernel>() {
    emulator::launch<kKernel>(options, parameters, tensors, kTensors, *report);
  };
  const auto run_entry = [&]<Entry kEntry>() {
    if (a.trace)
      run_kernel.template operator()<topk_kernel<kPolicyIndex, true, kEntry>>();
    else
      run_kernel.template operator()<topk_kernel<kPolicyIndex, false, kEntry>>();
  };
  switch (entry) {
    case kWide: return run_entry.template operator()<kWide>();
    case kShared: return run_entry.template operator()<kShared>();
    case kNarrow: return run_entry.template operator()<kNarrow>();
    case kCooperative: return run_entry.template operator()<kCooperative>();
    default: return run_entry.template operator()<kNarrowest>();
  }
}

// For the test that holds the Python mirrors equal.
PERSISTENT_TOPK_EXPORT int64_t persistent_topk_trace_bytes() { return sizeof(Trace); }
PERSISTENT_TOPK_EXPORT int persistent_topk_policy_count() { return kPolicyCount; }
PERSISTENT_TOPK_EXPORT Policy persistent_topk_policy(int index) { return kPolicies[index]; }
PERSISTENT_TOPK_EXPORT Plan persistent_topk_plan(int rows, int64_t columns, DeviceLimits limits, int policy) {
  return make_plan(rows, columns, limits, policy);
}
PERSISTENT_TOPK_EXPORT int64_t persistent_topk_workspace(int rows, int64_t columns, DeviceLimits limits) {
  return workspace_bytes(rows_with_mail(rows, columns, limits, kPolicyIndex) * sizeof(Area));
}

}  // namespace persistent_topk
