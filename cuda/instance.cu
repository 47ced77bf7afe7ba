// One policy's kernels, PERSISTENT_TOPK_POLICY being its index: a file of its own, since the policies
// compile side by side in a quarter of the time.
#include "launch.cuh"

namespace persistent_topk {

template <int kPolicyIndex>
Instance instance() {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  constexpr Entry kBroad = policy.tile < policy.decode_max ? kNarrow : kNarrowest;
  return {.kernels = {{topk_kernel<kPolicyIndex, false>, topk_kernel<kPolicyIndex, true>},
                      {narrow_topk_kernel<kPolicyIndex, false, kBroad>,
                       narrow_topk_kernel<kPolicyIndex, true, kBroad>},
                      {narrow_topk_kernel<kPolicyIndex, false, kNarrowest>,
                       narrow_topk_kernel<kPolicyIndex, true, kNarrowest>}},
          .threads = policy.threads,
          .shared_bytes = {shared_bytes<kPolicyIndex>(false), shared_bytes<kPolicyIndex>(true)}};
}

template Instance instance<PERSISTENT_TOPK_POLICY>();

}  // namespace persistent_topk
