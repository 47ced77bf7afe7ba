// Prints, as JSON, the policies, the layout of the trace record, and the plan of each line of input:
//   rows columns sms shared_bytes clusters policy_index resident...
// The names of the fields come from the Python mirror: POLICY_FIELDS, TRACE_FIELDS and PASS_FIELDS are
// lists of FIELD(name); a field that the mirror lacks shows in the sizes.
#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "../../cuda/kernel/plan.cuh"
#include "../../cuda/kernel/trace.cuh"

namespace topk = persistent_topk;

namespace {

void print_policies() {
  std::printf("\"policies\": [");
  for (int i = 0; i < topk::kPolicyCount; ++i) {
    std::printf("%s{\"name\": \"%s\"", i ? ", " : "", topk::kPolicyNames[i]);
#define FIELD(field) std::printf(", \"%s\": %d", #field, topk::kPolicies[i].field);
    POLICY_FIELDS
#undef FIELD
    std::printf("}");
  }
  std::printf("],\n\"policy_size\": %zu,\n", sizeof(topk::Policy));
}

void print_trace() {
#define FIELD(field) std::printf("\"%s\": %zu, ", #field, offsetof(topk::Trace, field));
  std::printf("\"trace\": {");
  TRACE_FIELDS
  std::printf("\"size\": %zu},\n", sizeof(topk::Trace));
#undef FIELD
#define FIELD(field) std::printf("\"%s\": %zu, ", #field, offsetof(topk::PassTrace, field));
  std::printf("\"pass_trace\": {");
  PASS_FIELDS
  std::printf("\"size\": %zu},\n", sizeof(topk::PassTrace));
#undef FIELD
}

void print_constants() {
  std::printf("\"constants\": {\"WARP_SIZE\": %d, \"DIGIT_BITS\": %d, \"DIGITS\": %d, \"MAX_PASSES\": %d, ",
              topk::kWarpSize, topk::kDigitBits, topk::kDigits, topk::kMaxPasses);
  std::printf("\"MAX_BINS\": %d, \"MAX_K\": %d, \"MAX_CTAS\": %d, \"ALL_TAKEN\": %d, \"PADDING\": %d, ",
              topk::kMaxBins, topk::kMaxK, topk::kMaxCtas, topk::kAllTaken, topk::kPadding);
  std::printf("\"NOT_RECORDED\": %d, \"TRIVIAL\": %d, \"DECODE\": %d, \"MEDIUM\": %d, \"LARGE\": %d},\n",
              topk::kNotRecorded, topk::kTrivial, topk::kDecode, topk::kMedium, topk::kLarge);
}

void print_plans() {
  std::printf("\"plans\": [");
  int rows, policy;
  long long columns;
  topk::DeviceLimits limits{};
  const char* separator = "";
  while (std::scanf("%d %lld %d %d %d %d", &rows, &columns, &limits.sms, &limits.shared_bytes,
                    &limits.clusters, &policy) == 6) {
    for (int& resident : limits.resident)
      if (std::scanf("%d", &resident) != 1) std::abort();
    const topk::Plan plan = topk::make_plan(rows, columns, limits, policy);
    std::printf("%s[%d, %d, %d, %d]", separator, plan.policy, plan.ctas, plan.grid_ctas, plan.short_max);
    separator = ", ";
  }
  std::printf("]");
}

}  // namespace

int main() {
  std::printf("{");
  print_policies();
  print_trace();
  print_constants();
  print_plans();
  std::printf("}\n");
}
