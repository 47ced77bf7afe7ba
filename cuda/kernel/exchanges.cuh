// What the CTAs that share a row tell each other, whatever carries it: see cluster_mail.cuh and
// workspace_mail.cuh. Every exchange is to all: each CTA posts its counters, or its candidates, and goes on
// when it has those of all.
#pragma once

#include "constants.cuh"

namespace persistent_topk {

// The exchanges of a row, in this order: of the samples' histograms where chunks are streamed, of the
// chunks', of the digits of each pass over the row, of candidates.
inline constexpr int kOfSamples = 0;
inline constexpr int kOfChunks = 1;
inline constexpr int kOfFirstDigits = 2;
inline constexpr int kOfCandidates = kOfFirstDigits + kMaxPasses;
inline constexpr int kExchanges = kOfCandidates + 1;

// Counters that a CTA posts to an exchange, at most.
template <Policy policy>
inline constexpr int kMostCounters =
    (1 << policy.large_bin_bits) > kDigits ? 1 << policy.large_bin_bits : kDigits;

// What the CTAs have posted to an exchange: [CTA][counter].
template <Policy policy>
using Inbox = const uint32_t (*)[kMostCounters<policy>];

}  // namespace persistent_topk
