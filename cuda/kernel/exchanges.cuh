// What the CTAs that share a row tell each other, whatever carries it: see cluster_mail.cuh and
// workspace_mail.cuh. Every exchange is to all: each CTA posts its counters, or its candidates, and goes on
// when it has those of all.
#pragma once

#include "constants.cuh"
#include "ptx.cuh"

namespace persistent_topk {

// The exchanges of a row, in this order: of the samples' histograms where chunks are streamed, of the
// chunks', once more where these were streamed again, of the digits of each pass over the row, of candidates.
inline constexpr int kOfSamples = 0;
inline constexpr int kOfChunks = 1;
inline constexpr int kOfCandidates = kOfChunks + 2 + kMaxPasses;
inline constexpr int kExchanges = kOfCandidates + 1;

// Words that a CTA posts to an exchange, at most: digits take one each, coarse bins half of one.
template <Policy policy>
inline constexpr int kMostWords =
    (1 << policy.large_bin_bits) / 2 > kDigits ? (1 << policy.large_bin_bits) / 2 : kDigits;

// What the CTAs have posted to an exchange: [CTA][word].
template <Policy policy>
using Inbox = const uint32_t (*)[kMostWords<policy>];

// Coarse bins travel two a word: none counts more than kMostShared. Where more keys are in one, so many will
// do, since they are over k and over any buffer of candidates.
inline constexpr int kPackedBits = 16;
static_assert(kMostShared == (1 << kPackedBits) - 1);

PERSISTENT_TOPK_DEVICE uint32_t pack_pair(uint32_t first, uint32_t second) {
  return first | second << kPackedBits;
}
PERSISTENT_TOPK_DEVICE uint32_t first_of(uint32_t pair) { return pair & kMostShared; }
PERSISTENT_TOPK_DEVICE uint32_t second_of(uint32_t pair) { return pair >> kPackedBits; }

}  // namespace persistent_topk
