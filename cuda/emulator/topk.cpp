// The production kernel on the emulator: one policy a library, chosen by PERSISTENT_TOPK_POLICY.
//
// persistent.cuh comes from the include path, since the checker also runs altered copies of the kernel.
#include <cstdio>
#include <persistent.cuh>

#include "launch.hpp"

namespace persistent_topk {

namespace {

constexpr int kPolicyIndex = PERSISTENT_TOPK_POLICY;

// Whether the library has this kernel. PERSISTENT_TOPK_ENTRY leaves all but one out, the traced one of that
// entry: a tenth of the whole to compile, for who makes no other calls.
constexpr bool is_compiled([[maybe_unused]] Entry entry, [[maybe_unused]] bool tracing) {
#ifdef PERSISTENT_TOPK_ENTRY
  return entry == PERSISTENT_TOPK_ENTRY && tracing;
#else
  return true;
#endif
}

// The same as in host/launch.cuh, which needs CUDA's own headers. The library has one policy and its
// device is in `limits`: `stream`, `policy`, `device` and `cooperative` are not read.
struct TopkCall {
  const float* logits;
  int64_t row_stride;
  const int32_t* lengths;
  int32_t* output;
  void* trace;
  void* workspace;
  void* stream;
  int32_t rows;
  int32_t columns;
  int32_t k;
  int32_t policy;
  int32_t device;
  int32_t cooperative;
};

struct EmulatedCall {
  TopkCall call;
  DeviceLimits limits;
  Plan plan;
  int32_t launch;  // which of the call's, by number
};

TopkParams parameters_of(const EmulatedCall& emulated, const Launch& launch) {
  const TopkCall& call = emulated.call;
  return {.logits = call.logits,
          .row_stride = call.row_stride,
          .lengths = call.lengths,
          .output = call.output,
          .trace = static_cast<Trace*>(call.trace),
          .rows = call.rows,
          .columns = call.columns,
          .k = call.k,
          .ctas = emulated.plan.ctas,
          .records = most_ctas(emulated.plan),
          .grid_ctas = emulated.plan.grid_ctas,
          .sms = emulated.limits.sms,
          .short_max = emulated.plan.short_max,
          .overlaps = launch.overlaps,
          .followed = launch.followed,
          .mail = mail_in(call.workspace)};
}

using Area = WorkspaceMail<kPolicies[kPolicyIndex]>::Area;

}  // namespace

PERSISTENT_TOPK_EXPORT void persistent_topk_emulate(const EmulatedCall* emulated,
                                                    const emulator::RunOptions* run,
                                                    emulator::Report* report) {
  using emulator::Written;
  const TopkCall& call = emulated->call;
  const DeviceLimits& limits = emulated->limits;
  const Launches launches = launches_of(emulated->plan, call.rows, call.columns, limits.clusters);
  const Launch& launch = launches.of[emulated->launch];
  const TopkParams parameters = parameters_of(*emulated, launch);
  const int mail_rows = rows_with_mail(call.rows, call.columns, limits, kPolicyIndex);
  const Written by_this = launch.overlaps || launch.followed ? Written::kNothing : Written::kMustBe;
  const emulator::Tensor tensors[] = {
      {"logits", call.logits, call.rows, call.columns, call.row_stride, sizeof(float), Written::kReadOnly},
      {"lengths", call.lengths, 1, call.rows, call.rows, sizeof(int32_t), Written::kReadOnly},
      {"output", call.output, call.rows, call.k, call.k, sizeof(int32_t), by_this},
      {"trace", call.trace, call.trace ? int64_t{call.rows} * parameters.records : 0, sizeof(Trace),
       sizeof(Trace), 1, Written::kBefore},
      {"workspace", parameters.mail, mail_rows, sizeof(Area), sizeof(Area), 1, Written::kNothing},
  };
  constexpr int kTensors = sizeof tensors / sizeof tensors[0];
  const emulator::LaunchOptions options = {
      .grid = static_cast<unsigned>(launch.ctas),
      .block = static_cast<unsigned>(kPolicies[kPolicyIndex].threads),
      .cluster = launch.cluster,
      .cooperative = launch.entry == kCooperative,
      .shared_bytes = shared_bytes<kPolicyIndex>(launch.entry),
      .access_budget = run->access_budget,
      .judges = run->judges != 0,
      .schedule = run->schedule,
  };
  const auto run_kernel = [&]<bool kTracing, Entry kEntry>() {
    if constexpr (is_compiled(kEntry, kTracing))
      emulator::launch<topk_kernel<kPolicyIndex, kTracing, kEntry>>(options, parameters, tensors, kTensors,
                                                                    *report);
    else
      std::snprintf(report->kind, sizeof report->kind, "not-compiled");
  };
  const auto run_entry = [&]<Entry kEntry>() {
    if (call.trace)
      run_kernel.template operator()<true, kEntry>();
    else
      run_kernel.template operator()<false, kEntry>();
  };
  constexpr bool kShares = kPolicies[kPolicyIndex].max_ctas > 1;
  switch (launch.entry) {
    case kWide: return run_entry.template operator()<kWide>();
    case kNarrow: return run_entry.template operator()<kNarrow>();
    case kNarrowest: return run_entry.template operator()<kNarrowest>();
    case kWideRest: return run_entry.template operator()<kWideRest>();
    case kShortRows:
      if constexpr (kPolicyIndex == kShortIndex) return run_entry.template operator()<kShortRows>();
      break;
    default: break;
  }
  if constexpr (kShares) {
    switch (launch.entry) {
      case kShared: return run_entry.template operator()<kShared>();
      case kCooperative: return run_entry.template operator()<kCooperative>();
      case kTeams: return run_entry.template operator()<kTeams>();
      default: return run_entry.template operator()<kSharedRest>();
    }
  }
}

// Bytes that teams exchange in, in a call of this size.
PERSISTENT_TOPK_EXPORT int64_t persistent_topk_workspace(int rows, int64_t columns, DeviceLimits limits) {
  return workspace_bytes(rows_with_mail(rows, columns, limits, kPolicyIndex) * sizeof(Area));
}

}  // namespace persistent_topk
