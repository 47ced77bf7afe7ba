// One policy's kernels, PERSISTENT_TOPK_POLICY being its index: a file of its own, since the policies
// compile side by side in a quarter of the time. PERSISTENT_TOPK_LOGITS is the dtype that a library is for.
#include "launch.cuh"

namespace persistent_topk {

template <int kPolicyIndex, Entry entry>
EntryPoint entry_point() {
  constexpr Policy policy = kPolicies[kPolicyIndex];
  // Without a team no call is shared, one policy takes short rows for others, and where a tile is all that a
  // CTA holds there is one narrow entry.
  constexpr bool kShares =
      entry == kShared || entry == kSharedRest || entry == kCooperative || entry == kTeams;
  constexpr bool kNone =
      (kShares && policy.max_ctas == 1) || (entry == kShortRows && kPolicyIndex != kShortIndex);
  constexpr Entry kSame = entry == kNarrow && policy.decode_max <= policy.tile ? kNarrowest : entry;
  constexpr Entry kActual = kNone ? kWide : kSame;
  return {.kernels = {topk_kernel<kPolicyIndex, false, kActual, PERSISTENT_TOPK_LOGITS>,
                      topk_kernel<kPolicyIndex, true, kActual, PERSISTENT_TOPK_LOGITS>},
          .shared_bytes = shared_bytes<kPolicyIndex>(kActual)};
}

template <int kPolicyIndex>
Instance instance() {
  static_assert(fits_shared_memory<kPolicyIndex>());
  return {.entries = {entry_point<kPolicyIndex, kWide>(), entry_point<kPolicyIndex, kShared>(),
                      entry_point<kPolicyIndex, kNarrow>(), entry_point<kPolicyIndex, kNarrowest>(),
                      entry_point<kPolicyIndex, kCooperative>(), entry_point<kPolicyIndex, kTeams>(),
                      entry_point<kPolicyIndex, kShortRows>(), entry_point<kPolicyIndex, kWideRest>(),
                      entry_point<kPolicyIndex, kSharedRest>()},
          .threads = kPolicies[kPolicyIndex].threads,
          .area_bytes = area_bytes<kPolicyIndex>()};
}

template Instance instance<PERSISTENT_TOPK_POLICY>();

}  // namespace persistent_topk
