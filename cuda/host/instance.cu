// One policy's kernels, PERSISTENT_TOPK_POLICY being its index: a file of its own, since the policies
// compile side by side in a quarter of the time.
#include "launch.cuh"

namespace persistent_topk {

template <int kPolicyIndex, Entry entry>
EntryPoint entry_point() {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  // Without a team no call is shared, and where a tile is all that a CTA holds there is one narrow entry.
  constexpr bool kNone = (entry == kShared || entry == kCooperative) && policy.max_ctas == 1;
  constexpr Entry kSame = entry == kNarrow && policy.decode_max <= policy.tile ? kNarrowest : entry;
  constexpr Entry kActual = kNone ? kWide : kSame;
  return {.kernels = {topk_kernel<kPolicyIndex, false, kActual>, topk_kernel<kPolicyIndex, true, kActual>},
          .shared_bytes = shared_bytes<kPolicyIndex>(kActual)};
}

template <int kPolicyIndex>
Instance instance() {
  static_assert(fits_shared_memory<kPolicyIndex>());
  return {.entries = {entry_point<kPolicyIndex, kWide>(), entry_point<kPolicyIndex, kShared>(),
                      entry_point<kPolicyIndex, kNarrow>(), entry_point<kPolicyIndex, kNarrowest>(),
                      entry_point<kPolicyIndex, kCooperative>()},
          .threads = kPolicies[kPolicyIndex].threads,
          .area_bytes = area_bytes<kPolicyIndex>()};
}

template Instance instance<PERSISTENT_TOPK_POLICY>();

}  // namespace persistent_topk
