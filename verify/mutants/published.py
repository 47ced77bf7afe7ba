"""Mutants that re-create published failures of kernels of this family, in our kernel."""

from __future__ import annotations

from .mutant import Edit, Mutant, one_edit

NO_SPILL = Edit(
    "refine.cuh",
    "while (!is_settled(interval, k) && interval.count > policy.candidates) {",
    "while (false && !is_settled(interval, k)) {",
)

CANDIDATES = (
    Mutant(
        "truncated-candidates",
        "surplus candidates dropped without a word: vLLM #51782, #52149, SGLang #36807",
        (
            NO_SPILL,
            Edit("refine.cuh", "const int gathered = interval.count;",
                 "const int gathered = min(interval.count, policy.candidates);"),
            Edit("sweep.cuh", "if (inside >> c & 1) {", "if ((inside >> c & 1) && slot < kCapacity) {"),
            Edit("sweep.cuh", "i < static_cast<int>(candidates.used);",
                 "i < min(static_cast<int>(candidates.used), kCapacity);"),
        ),
    ),
    Mutant(
        "candidates-past-the-buffer",
        "the surplus written behind the buffer: TileLang #1351",
        (NO_SPILL,),
    ),
    one_edit(
        "buffer-one-too-small", "refine.cuh",
        "while (!is_settled(interval, k) && interval.count > policy.candidates) {",
        "while (!is_settled(interval, k) && interval.count > policy.candidates + 1) {",
        "a capacity off by one: vLLM #51782's boundaries",
    ),
    one_edit(
        "low-bits-ignored", "radix.cuh",
        "return interval.count == k - interval.above || interval.low == interval.high;",
        "return interval.count == k - interval.above || interval.high - interval.low < kDigits;",
        "values that differ in the low bits only taken for ties: vLLM #26554, FlashInfer #2604",
    ),
)  # fmt: skip

SPECIAL_VALUES = (
    one_edit(
        "infinity-lost", "order.cuh",
        "if (code > kHalfGreatestCode) return kGreatestKey;",
        "if (code >= kHalfGreatestCode) return kGreatestKey;",
        "+inf left out: FlashInfer #4811",
    ),
    one_edit(
        "negative-nan-last", "order.cuh",
        "return magnitude > kInfinityBits ? kGreatestKey : number;",
        "return magnitude > kInfinityBits && bits < kSignBit ? kGreatestKey : number;",
        "NaN of one sign ordered by its bits: vLLM #49896",
    ),
    one_edit(
        "nan-lost", "order.cuh",
        "if (magnitude > kInfinityBits) return kHalfNanCode;",
        "if (magnitude > kInfinityBits) return kHalfLowestCode;",
        "NaN sorted below everything by the coarse bins: vLLM #49896",
    ),
    one_edit(
        "negative-zero-below", "order.cuh",
        "const uint32_t number = magnitude == 0 ? kZeroKey : flipped;",
        "const uint32_t number = flipped;",
        "-0 ordered below +0, so that ties among zeros go to other columns",
    ),
)  # fmt: skip

TIES = (
    one_edit(
        "ties-to-the-highest", "block.cuh",
        "return word & ((1u << nth_set_bit(word, n)) - 1);",
        "return word & ~((1u << nth_set_bit(word, __popc(word) - n)) - 1);",
        "ties decided by who comes last: omlx #2243, aiter #4376",
    ),
    one_edit(
        "tie-offset-ignored", "emit.cuh",
        "int tie = place.tie_offset + equal_of(before);",
        "int tie = equal_of(before);",
        "every CTA takes its own ties: vLLM #54521, TensorRT-LLM #15756",
    ),
    one_edit(
        "equal-for-greater", "radix.cuh",
        "return key_to_float(key == kZeroKey ? key - 2 : key - 1);",
        "return key_to_float(key);",
        "> for >= at the threshold: slots left for ties, SGLang #30512",
    ),
)  # fmt: skip

SLOTS = (
    one_edit(
        "padding-missing", "trivial.cuh",
        "for (int slot = threadIdx.x; slot < row.k; slot += policy.threads)",
        "for (int slot = threadIdx.x; slot < row.length; slot += policy.threads)",
        "slots behind the last column left as they were: kvcache-ai/sglang #68",
    ),
    one_edit(
        "padding-is-column-0", "trivial.cuh",
        "row.output[slot] = slot < row.length ? slot : kPadding;",
        "row.output[slot] = slot < row.length ? slot : 0;",
        "padding that cannot be told from column 0: TileLang #2513",
    ),
    one_edit(
        "last-slot-unwritten", "emit.cuh",
        "slot < slot_of(place); slot += kThreads",
        "slot < slot_of(place) - 1; slot += kThreads",
        "the last slot of a chunk left unwritten: SGLang #30512",
    ),
)  # fmt: skip

LENGTHS = (
    one_edit(
        "negative-length", "persistent.cuh",
        "return max(0, min(params.lengths[index], params.columns));",
        "return min(params.lengths[index], params.columns);",
        "lengths below 0 not clamped: vLLM #51593",
    ),
    one_edit(
        "unsigned-length", "persistent.cuh",
        "return max(0, min(params.lengths[index], params.columns));",
        "return static_cast<int>(min(static_cast<uint32_t>(params.lengths[index]), "
        "static_cast<uint32_t>(params.columns)));",
        "lengths below 0 read as unsigned: SGLang #30378",
    ),
    one_edit(
        "length-over-the-columns", "persistent.cuh",
        "return max(0, min(params.lengths[index], params.columns));",
        "return max(0, params.lengths[index]);",
        "lengths above the columns read what lies behind the row",
    ),
    one_edit(
        "tail-of-a-quad-counted", "tile.cuh",
        "f(round, quad(round), x[round], min(kQuad, length - quad(round) * kQuad));",
        "f(round, quad(round), x[round], kQuad);",
        "vector lanes beyond n counted: cuDNN-frontend #446",
    ),
    one_edit(
        "misaligned-vector", "tile.cuh",
        "return reinterpret_cast<uintptr_t>(pointer) % (kQuad * sizeof(float)) == 0;",
        "return reinterpret_cast<uintptr_t>(pointer) % sizeof(float) == 0;",
        "vector loads from misaligned rows",
    ),
)  # fmt: skip

STATE = (
    one_edit(
        "histogram-not-cleared", "decode.cuh",
        "clear<policy.threads, Storage::kBins>(storage.histogram);", "",
        "counters left over from the row before: vLLM #41665, #49139",
    ),
    one_edit(
        "digits-not-cleared", "large.cuh",
        "clear<policy.threads, DigitHistograms::kWords>(storage.shown.digits.of_pass[0]);", "",
        "a ring of histograms that short rows leave dirty: vLLM #49139",
    ),
    one_edit(
        "candidates-not-reset", "medium.cuh",
        "storage.candidates.used = ", "",
        "a counter that outlives its row: vLLM #41665",
    ),
    one_edit(
        "active-mask-for-warp", "block.cuh",
        "__shfl_up_sync(kFullWarp, value, distance)", "__shfl_up_sync(__activemask(), value, distance)",
        "__activemask taken for the converged set: pytorch #98157",
    ),
    one_edit(
        "barrier-some-reach", "radix.cuh",
        "} __syncthreads(); return scratch.selection;",
        "}\n  if (warp_id() < count) __syncthreads();\n  return scratch.selection;",
        "a barrier that only some threads reach on short inputs: TensorRT-LLM #18338",
    ),
    one_edit(
        "counts-sent-too-late", "large.cuh",
        "team.send_counts(); const bool settled = is_settled(interval, k); "
        "mapped = !settled && gather<policy>(tile, interval, storage.shown.candidates, storage.map); "
        "team.exchange();",
        "const bool settled = is_settled(interval, k);\n"
        "  mapped = !settled && gather<policy>(tile, interval, storage.shown.candidates, storage.map);\n"
        "  team.exchange();\n  team.send_counts();",
        "state handed to peers that already use it: vLLM #41444",
    ),
)  # fmt: skip

PUBLISHED = (*CANDIDATES, *SPECIAL_VALUES, *TIES, *SLOTS, *LENGTHS, *STATE)
