// The numbers that tuning may change, as named policies, and the limits of the contract.
// The Python mirror is reference/policy.py; a test holds the two equal.
#pragma once

#include <cstdint>

namespace persistent_topk {

inline constexpr int kWarpSize = 32;  // threads of a warp
inline constexpr int kDigitBits = 8;  // 256 counters: one warp scans them with eight a lane
inline constexpr int kDigits = 1 << kDigitBits;
inline constexpr int kMaxPasses = 4;    // a 32-bit key range holds four 8-bit digits
inline constexpr int kMaxBins = 2048;   // 11 bits of binary16: sign, exponent, 5 bits of mantissa
inline constexpr int kMaxK = 4096;      // largest k of the contract
inline constexpr int kMaxCtas = 16;     // the largest cluster of sm_90 (non-portable size)
// That a CTA tells others of a coarse bin, at most: 16 bits hold it, and it is more than matters.
inline constexpr int kMostShared = 65535;
static_assert(kMaxK < kMostShared);
inline constexpr int kAllTaken = -1;    // `ties`: every key equal to the threshold is taken
inline constexpr int32_t kPadding = -1; // output slots behind the last selected column

// Shared memory of an SM of sm_90 and sm_100, and what of it a CTA cannot ask for; bytes.
inline constexpr int kSharedBytesOfSm = 228 * 1024;
inline constexpr int kReservedBytes = 1024;

// Thresholds and sizes of one compiled kernel; sizes are in columns (float32 logits) unless said.
struct Policy {
  int threads;          // threads of a CTA
  int ctas_per_sm;      // CTAs that an SM holds at a time where all rows are short: a bound on registers
  int wide_ctas_per_sm; // the same where rows may be long
  int decode_max;       // longest row of the decode path, which keeps it in registers
  int medium_max;       // longest row that one CTA takes when the plan does not split it
  int split_min;        // rows longer than this are shared when a team has several CTAs
  int chunk_min;        // a row is not cut into chunks shorter than this
  int chunk_max;        // where chunks may be longer by the plan, the longest rows get larger teams
  int max_ctas;         // most CTAs that share a row
  int decode_bin_bits;  // coarse FP16 bins of the decode path: 2**bits
  int medium_bin_bits;
  int large_bin_bits;  // all counters travel to all CTAs of a row
  int candidates;     // capacity of the candidate buffer, keys; more spill to passes over the row
  int rank_max;       // at most so many candidates are ranked by comparison, more by digit passes
  int tile;  // columns that a CTA reads at a time while it streams; rows and chunks of so few have less code
  int sample;  // columns of a chunk that bound what is selected of the row, before it is streamed
  int held;  // longest row that one CTA holds in registers, by its own path or the medium one
  int survivors;  // capacity of the list of columns that pass the running threshold
  int map;  // columns of a chunk whose selection is kept as a bitmap; longer ones take segments
  int shared_bytes;  // of shared memory that a CTA must be able to ask for, at least, to take wide rows
};

// Few rows: everything for the latency of one row. What every thread does costs, so there are no more than
// it takes to keep the memory busy; each holds up to 64 columns in registers.
inline constexpr Policy kLatency = {
    .threads = 512,
    .ctas_per_sm = 2,  // of up to decode_max columns each
    .wide_ctas_per_sm = 1,
    .decode_max = 16384,
    .medium_max = 65536,
    .split_min = 16384,
    .chunk_min = 8192,
    .chunk_max = 65536,  // 15 us of one CTA
    .max_ctas = 16,
    .decode_bin_bits = 11,
    .medium_bin_bits = 11,
    .large_bin_bits = 9,  // 512 counters: one exchange, and candidates that still fit their buffer
    .candidates = 4096,  // twice what normal scores leave in the threshold bin of 128K columns
    .rank_max = 64,  // warps compare so few in less time than a digit pass takes
    .tile = 8192,  // sixteen registers a thread, and as many for what comes next
    .sample = 4096,  // 256 places of a chunk; twice as many shorten the list by a tenth
    .held = 32768,  // 64 columns a thread
    .survivors = 10240,  // what a guess of the bound lets through for kMaxK, in rows of up to 512K
    .map = 131072,  // two bitmaps of 16 KB
    .shared_bytes = 227 * 1024,  // all that sm_90 and sm_100 have
};

// More long rows than SMs: two CTAs an SM, with half its registers and shared memory each, so that one row's
// barriers and scans hide behind another's. Three would have too few registers.
inline constexpr Policy kDense = {
    .threads = 512,
    .ctas_per_sm = 2,
    .wide_ctas_per_sm = 2,
    .decode_max = 16384,
    .medium_max = 65536,
    .split_min = 65536,
    .chunk_min = 65536,
    .chunk_max = 65536,
    .max_ctas = 1,
    .decode_bin_bits = 11,
    .medium_bin_bits = 11,
    .large_bin_bits = 9,
    .candidates = 2048,
    .rank_max = 64,
    .tile = 4096,  // eight registers a thread, and as many for what comes next; more would spill
    .sample = 4096,
    .held = 16384,  // 32 columns a thread, which has 64 registers
    .survivors = 6144,
    .map = 65536,
    .shared_bytes = 113 * 1024,  // half of an SM's
};

// Rows so short that eight warps hold them: what every thread does costs least, and SMs take four at a time,
// so that one row's latency hides behind the others'.
inline constexpr Policy kShort = {
    .threads = 256,
    .ctas_per_sm = 4,
    .wide_ctas_per_sm = 1,
    .decode_max = 8192,  // 32 columns a thread, which has 64 registers
    .medium_max = 65536,
    .split_min = 65536,
    .chunk_min = 65536,
    .chunk_max = 65536,
    .max_ctas = 1,
    .decode_bin_bits = 11,
    .medium_bin_bits = 11,
    .large_bin_bits = 9,
    .candidates = 2048,
    .rank_max = 64,
    .tile = 4096,
    .sample = 4096,
    .held = 8192,
    .survivors = 10240,
    .map = 262144,
    .shared_bytes = 227 * 1024,
};

// As kLatency, for devices with too little shared memory for it: what sm_86, sm_89 and sm_120 have is enough.
inline constexpr Policy kCompact = {
    .threads = 512,
    .ctas_per_sm = 2,
    .wide_ctas_per_sm = 1,
    .decode_max = 16384,
    .medium_max = 65536,
    .split_min = 16384,
    .chunk_min = 8192,
    .chunk_max = 65536,
    .max_ctas = 16,
    .decode_bin_bits = 11,
    .medium_bin_bits = 10,  // 4 KB less than 11 bits, and still a few hundred candidates
    .large_bin_bits = 9,
    .candidates = 2048,  // above what normal scores leave in the threshold bin, up to 512K columns
    .rank_max = 64,
    .tile = 4096,  // so few that a list of kMaxK columns has room for what passes of the next ones
    .sample = 4096,
    .held = 32768,
    .survivors = 6144,
    .map = 24576,  // longer chunks look at their list once for every 24K columns
    .shared_bytes = 99 * 1024,
};

// For tests: every path, boundary, merge and spill within a thousand columns.
inline constexpr Policy kSmall = {
    .threads = 64,
    .ctas_per_sm = 1,
    .wide_ctas_per_sm = 1,
    .decode_max = 384,
    .medium_max = 1024,
    .split_min = 512,
    .chunk_min = 64,
    .chunk_max = 512,
    .max_ctas = 4,
    .decode_bin_bits = 11,
    .medium_bin_bits = 8,
    .large_bin_bits = 8,
    .candidates = 48,
    .rank_max = 16,
    .tile = 256,
    .sample = 512,
    .held = 768,
    .survivors = 320,
    .map = 512,
    .shared_bytes = 48 * 1024,
};

// For tests: one warp a CTA, and bin widths the other way round.
inline constexpr Policy kTiny = {
    .threads = 32,
    .ctas_per_sm = 1,
    .wide_ctas_per_sm = 1,
    .decode_max = 32,
    .medium_max = 256,
    .split_min = 64,
    .chunk_min = 32,
    .chunk_max = 64,
    .max_ctas = 2,
    .decode_bin_bits = 8,
    .medium_bin_bits = 8,
    .large_bin_bits = 9,
    .candidates = 8,
    .rank_max = 4,
    .tile = 128,
    .sample = 128,
    .held = 128,
    .survivors = 96,
    .map = 128,
    .shared_bytes = 48 * 1024,
};

inline constexpr Policy kPolicies[] = {kLatency, kDense, kShort, kCompact, kSmall, kTiny};
inline constexpr const char* kPolicyNames[] = {"latency", "dense", "short", "compact", "small", "tiny"};
inline constexpr int kPolicyCount = sizeof(kPolicies) / sizeof(kPolicies[0]);
static_assert(sizeof(kPolicyNames) / sizeof(kPolicyNames[0]) == kPolicyCount);

constexpr bool is_consistent(const Policy& policy) {
  const int round = 4 * policy.threads;  // columns that a CTA reads at once
  const int register_columns = (policy.decode_max + round - 1) / round * round;
  return policy.threads % kWarpSize == 0 && register_columns <= policy.medium_max &&
         policy.map % round == 0 && policy.survivors % policy.threads == 0 && policy.tile % round == 0 &&
         policy.tile <= policy.medium_max && policy.sample % round == 0 &&
         policy.sample <= register_columns && policy.decode_max <= policy.held &&
         policy.held <= policy.medium_max && policy.held % round == 0 &&
         policy.rank_max <= policy.candidates && policy.rank_max < 1024 && policy.max_ctas <= kMaxCtas &&
         policy.wide_ctas_per_sm * (policy.shared_bytes + kReservedBytes) <= kSharedBytesOfSm;
}
static_assert(is_consistent(kLatency) && is_consistent(kDense) && is_consistent(kShort) &&
              is_consistent(kCompact) && is_consistent(kSmall) && is_consistent(kTiny));

}  // namespace persistent_topk
