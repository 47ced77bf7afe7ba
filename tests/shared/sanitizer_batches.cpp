// The batches of the sanitizers' workload for a test: what each call is, and its rows.
#include <launch.hpp>
#include <persistent.cuh>

#include "../../tools/sanitizer/batches.cuh"

using namespace persistent_topk;

struct Workload {  // mirrors `Workload` in test_sanitizer_batches.py
  DeviceLimits limits;
  int policy;
  int cooperative;
};

struct BatchCall {  // mirrors `BatchCall` there
  int rows, columns, k, stride, first_column, ctas, entry;
};

namespace {

std::vector<workload::Batch> batches_of(const Workload& w) {
  return workload::batches_of(kPolicies[w.policy], w.limits, w.cooperative);
}

Plan plan_of(const workload::Batch& batch, const Workload& w) {
  return make_plan(batch.rows, batch.columns, w.limits, w.policy);
}

}  // namespace

PERSISTENT_TOPK_EXPORT int batch_count(const Workload* w) { return static_cast<int>(batches_of(*w).size()); }

PERSISTENT_TOPK_EXPORT void batch_call(const Workload* w, int number, BatchCall* call) {
  const workload::Batch batch = batches_of(*w)[number];
  const Plan plan = plan_of(batch, *w);
  const Entry entry = entry_of(batch.columns, plan, w->limits.clusters);
  *call = {batch.rows, batch.columns, batch.k, batch.stride(), workload::kFirstColumn, plan.ctas, entry};
}

PERSISTENT_TOPK_EXPORT void batch_rows(const Workload* w, int number, float* logits, int32_t* lengths) {
  const workload::Batch batch = batches_of(*w)[number];
  for (int row = 0; row < batch.rows; ++row) lengths[row] = batch.length(row);
  std::ranges::copy(workload::logits_of(batch, plan_of(batch, *w).ctas, kPolicies[w->policy]), logits);
}
