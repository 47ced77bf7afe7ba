// The production kernel on the emulator: one policy and one dtype a library, chosen by
// PERSISTENT_TOPK_POLICY and PERSISTENT_TOPK_LOGITS.
//
// persistent.cuh comes from the include path, since the checker also runs altered copies of the kernel.
#include <cstdio>
#include <persistent.cuh>

#include "launch.hpp"

namespace persistent_topk {

namespace {

constexpr int kPolicyIndex = PERSISTENT_TOPK_POLICY;
using Logits = PERSISTENT_TOPK_LOGITS;

// Whether the library has this kernel. PERSISTENT_TOPK_ENTRY leaves all but one out, the traced one of that
// entry: a tenth of the whole to compile, for who makes no other calls.
constexpr bool is_compiled([[maybe_unused]] Entry entry, [[maybe_unused]] bool tracing) {
#ifdef PERSISTENT_TOPK_ENTRY
  return entry == PERSISTENT_TOPK_ENTRY && tracing;
#else
  return true;
#endif
}

// One launch of a call, and the device that is emulated. The library has one policy.
struct EmulatedCall {
  Call call;
  void* trace;
  void* workspace;
  DeviceLimits limits;
  Plan plan;
  int32_t launch;  // which of the call's, by number
};

using Area = WorkspaceMail<kPolicies[kPolicyIndex]>::Area;

}  // namespace

PERSISTENT_TOPK_EXPORT void persistent_topk_emulate(const EmulatedCall* emulated,
                                                    const emulator::RunOptions* run,
                                                    emulator::Report* report) {
  using emulator::Written;
  const Call& call = emulated->call;
  const DeviceLimits& limits = emulated->limits;
  const Launches launches = launches_of(emulated->plan, call.rows, call.columns, limits.clusters);
  const Launch& launch = launches.of[emulated->launch];
  const TopkParams parameters =
      params_of(call, emulated->plan, limits, launch, emulated->trace, emulated->workspace);
  const int mail_rows = rows_with_mail(call.rows, call.columns, limits, kPolicyIndex);
  const Written by_this = launch.overlaps || launch.followed ? Written::kNothing : Written::kMustBe;
  const auto of_rows = [&](const char* name, const void* first, int rows = -1) {
    const int count = first == nullptr ? 0 : rows < 0 ? call.rows : rows;
    return emulator::Tensor{name, first, 1, count, count, sizeof(int32_t), Written::kReadOnly};
  };
  const auto written = [&](const char* name, const void* first, int64_t stride, size_t size) {
    return emulator::Tensor{name, first, first == nullptr ? 0 : call.rows, call.k, stride, size, by_this};
  };
  const size_t offset_bytes = call.wide_offsets ? sizeof(int64_t) : sizeof(int32_t);
  const emulator::Tensor tensors[] = {
      {"logits", call.logits, call.rows, call.columns, call.row_stride, sizeof(Logits), Written::kReadOnly},
      of_rows("lengths", call.lengths, call.rows / call.queries),
      of_rows("starts", call.starts),
      of_rows("ends", call.ends),
      {"offsets", call.offsets, 1, call.offsets ? call.rows : 0, call.rows, offset_bytes, Written::kReadOnly},
      {"page_table", call.page_table, call.page_table ? call.tables : 0, call.pages, call.table_stride,
       sizeof(int32_t), Written::kReadOnly},
      of_rows("table_rows", call.table_rows),
      of_rows("table_starts", call.table_starts),
      written("output", call.output, call.output_stride,
              call.wide_output ? sizeof(int64_t) : sizeof(int32_t)),
      written("columns_out", call.columns_out, call.columns_stride, sizeof(int32_t)),
      written("values_out", call.values_out, call.values_stride, sizeof(Logits)),
      {"trace", emulated->trace, emulated->trace ? int64_t{call.rows} * parameters.records : 0, sizeof(Trace),
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
      emulator::launch<topk_kernel<kPolicyIndex, kTracing, kEntry, Logits>>(options, parameters, tensors,
                                                                            kTensors, *report);
    else
      std::snprintf(report->kind, sizeof report->kind, "not-compiled");
  };
  const auto run_entry = [&]<Entry kEntry>() {
    if (emulated->trace)
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
