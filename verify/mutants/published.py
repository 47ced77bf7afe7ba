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
            Edit("refine.cuh", "candidates.keys[slot] = key;",
                 "if (slot < kCapacity) candidates.keys[slot] = key;"),
            Edit("stream.cuh", "columns[place(ordered_key(x[i]))] = column[i];",
                 "if (const uint32_t slot = place(ordered_key(x[i])); slot < policy.candidates)\n"
                 "            columns[slot] = column[i];"),
            Edit("medium.cuh", "const int gathered = static_cast<int>(storage.refine.candidates.used);",
                 "const int gathered = min(static_cast<int>(storage.refine.candidates.used), "
                 "policy.candidates);"),
            Edit("large.cuh", "static_cast<int>(storage.refine.candidates.used), selection,",
                 "min(static_cast<int>(storage.refine.candidates.used), policy.candidates), selection,"),
            Edit("large.cuh", "i < candidates_before;", "i < min(candidates_before, policy.candidates);"),
            Edit("large.cuh", "const int count = static_cast<int>(candidates.used);",
                 "const int count = min(static_cast<int>(candidates.used), policy.candidates - before);"),
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
        "OutputPlace here = {place.offset + above_of(before), place.tie_offset + equal_of(before)};",
        "OutputPlace here = {place.offset + above_of(before), equal_of(before)};",
        "every CTA takes its own ties: vLLM #54521, TensorRT-LLM #15756",
    ),
    one_edit(
        "tile-tie-offset-ignored", "emit.cuh",
        "OutputPlace rounds_before = place;",
        "OutputPlace rounds_before = {place.offset, 0};",
        "every CTA takes its own ties, of those it holds in registers: vLLM #54521",
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
        "slot < slot_of(place, selection); slot += kThreads",
        "slot < slot_of(place, selection) - 1; slot += kThreads",
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
        "f(x[round], min(kQuad, length - quad(round) * kQuad));",
        "f(x[round], kQuad);",
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
        "clear<policy.threads, DigitHistograms::kWords>(storage.shown.of_pass[0]);", "",
        "a ring of histograms that short rows leave dirty: vLLM #49139",
    ),
    one_edit(
        "candidates-not-reset", "refine.cuh",
        "storage.candidates.used = storage.few.used = 0;", "storage.few.used = 0;",
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
        "candidates-sent-too-late", "large.cuh",
        "if (gathered) share_candidates(source, interval, before.tie_offset, team); team.exchange();",
        "team.exchange();\n  if (gathered) share_candidates(source, interval, before.tie_offset, team);",
        "state handed to peers that already use it: vLLM #41444",
    ),
)  # fmt: skip

PUBLISHED = (*CANDIDATES, *SPECIAL_VALUES, *TIES, *SLOTS, *LENGTHS, *STATE)
