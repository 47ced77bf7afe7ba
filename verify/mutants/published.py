"""Mutants that re-create published failures of kernels of this family, in our kernel."""

from __future__ import annotations

from .mutant import Edit, Mutant, one_edit

GATHERED_AT_LAST = "if (!gathered && interval.count <= policy.candidates) {"
NO_SPILL = Edit("refine.cuh", GATHERED_AT_LAST, "if (!gathered) {")

CANDIDATES = (
    Mutant(
        "truncated-candidates",
        "surplus candidates dropped without a word: vLLM #51782, #52149, SGLang #36807",
        (
            NO_SPILL,
            Edit("refine.cuh", "listed = interval.count;",
                 "listed = min(interval.count, policy.candidates);"),
            Edit("list.cuh", "list.values[slot] = value;",
                 "if (slot >= List::kCapacity) return slot;\n  list.values[slot] = value;"),
            Edit("list.cuh", "list.columns[push(list, value)] = column;",
                 "const uint32_t slot = push(list, value);\n"
                 "  if (slot < List::kCapacity) list.columns[slot] = column;"),
            Edit("emit.cuh", "i < static_cast<int>(candidates.used);",
                 "i < min(static_cast<int>(candidates.used), List::kCapacity);"),
            Edit("team.cuh", "mail.expect_candidates(interval.count);",
                 "mail.expect_candidates(min(interval.count, policy.candidates));"),
            Edit("team.cuh", "static_cast<int>(candidates.used), storage.before_in_interval,",
                 "min(static_cast<int>(candidates.used), policy.candidates - storage.before_in_interval), "
                 "storage.before_in_interval,"),
            Edit("team.cuh", "mail.await_candidates(interval.count,",
                 "mail.await_candidates(min(interval.count, policy.candidates),"),
            Edit("team.cuh", "i < (gathered ? before : 0);",
                 "i < (gathered ? min(before, policy.candidates) : 0);"),
        ),
    ),
    Mutant(
        "candidates-past-the-buffer",
        "the surplus written behind the buffer: TileLang #1351",
        (NO_SPILL,),
    ),
    one_edit(
        "buffer-one-too-small", "refine.cuh",
        GATHERED_AT_LAST, GATHERED_AT_LAST.replace("policy.candidates", "policy.candidates + 1"),
        "a capacity off by one: vLLM #51782's boundaries",
    ),
    one_edit(
        "low-bits-ignored", "radix.cuh",
        "return interval.count == k - interval.above || interval.low == interval.high;",
        "return interval.count == k - interval.above || interval.high - interval.low < kDigits;",
        "values that differ in the low bits only taken for ties: vLLM #26554, FlashInfer #2604",
    ),
)

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
)

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
        "(equal, place.tie_offset, scratch.tie_totals, slots)",
        "(equal, 0, scratch.tie_totals, slots)",
        "every CTA takes its own ties, of those it holds in registers: vLLM #54521",
    ),
    one_edit(
        "equal-for-greater", "radix.cuh",
        "return key_to_float(key == kZeroKey ? key - 2 : key - 1);",
        "return key_to_float(key);",
        "> for >= at the threshold: slots left for ties, SGLang #30512",
    ),
)

SLOTS = (
    one_edit(
        "padding-missing", "trivial.cuh",
        "for (int slot = threadIdx.x; slot < row.k; slot += policy.threads)",
        "for (int slot = threadIdx.x; slot < row.length; slot += policy.threads)",
        "slots behind the last column left as they were: kvcache-ai/sglang #68",
    ),
    one_edit(
        "padding-is-column-0", "trivial.cuh",
        "plain_slots(row)[slot] = slot < row.columns() ? slot : kPadding;",
        "plain_slots(row)[slot] = slot < row.columns() ? slot : 0;",
        "padding that cannot be told from column 0: TileLang #2513",
    ),
    one_edit(
        "last-slot-unwritten", "emit.cuh",
        "slot < slot_of(place, selection); slot += kThreads",
        "slot < slot_of(place, selection) - 1; slot += kThreads",
        "the last slot of a chunk left unwritten: SGLang #30512",
    ),
)

LENGTHS = (
    one_edit(
        "negative-length", "params.cuh",
        "return {0, max(0, min(lengths[row], columns))};",
        "return {0, min(lengths[row], columns)};",
        "lengths below 0 not clamped: vLLM #51593",
    ),
    one_edit(
        "unsigned-length", "params.cuh",
        "return {0, max(0, min(lengths[row], columns))};",
        "return {0, static_cast<int>(min(static_cast<uint32_t>(lengths[row]),\n"
        "                                      static_cast<uint32_t>(columns)))};",
        "lengths below 0 read as unsigned: SGLang #30378",
    ),
    one_edit(
        "length-over-the-columns", "params.cuh",
        "return {0, max(0, min(lengths[row], columns))};",
        "return {0, max(0, lengths[row])};",
        "lengths above the columns read what lies behind the row",
    ),
    one_edit(
        "tail-of-a-quad-counted", "tile.cuh",
        "existing |= Mask{bits_within(quad(round) * kQuad, begin, length)}",
        "existing |= Mask{length > quad(round) * kQuad ? kQuadMask : 0}",
        "vector lanes beyond n counted: cuDNN-frontend #446",
    ),
    one_edit(
        "tail-of-a-quad-recounted", "radix.cuh",
        "bits>(quad, mask, histogram);", "bits>(quad, kQuadMask, histogram);",
        "vector lanes beyond n counted, where a chunk is counted again: cuDNN-frontend #446",
    ),
    one_edit(
        "misaligned-vector", "dtypes.cuh",
        "return reinterpret_cast<uintptr_t>(pointer) % (kQuad * sizeof(T)) == 0;",
        "return reinterpret_cast<uintptr_t>(pointer) % sizeof(T) == 0;",
        "vector loads from misaligned rows",
    ),
)

STATE = (
    one_edit(
        "histogram-not-cleared", "decode.cuh",
        "clear<policy.threads, Storage::kBins>(storage.histogram);", "",
        "counters left over from the row before: vLLM #41665, #49139",
    ),
    one_edit(
        "digits-not-cleared", "large.cuh",
        "clear<policy.threads, DigitHistograms::kWords>(storage.chunk_digits.of_pass[0]);", "",
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
        "landings-initialised-too-late", "cluster_mail.cuh",
        "if (threadIdx.x == 0) ptx::init_landings(landings.of); ptx::cluster_arrive();",
        "ptx::cluster_arrive();\n    if (threadIdx.x == 0) ptx::init_landings(landings.of);",
        "state initialised by one CTA while others already use it: vLLM #41444",
    ),
    one_edit(
        "arrivals-not-cleared", "workspace_mail.cuh",
        "if (rank == 0 && threadIdx.x < kExchanges) area.arrivals[threadIdx.x] = 0;", "",
        "counters of arrivals left over from the call before: vLLM #41665, FlashInfer #3610",
    ),
    one_edit(
        "arrivals-cleared-while-peers-arrive", "workspace_mail.cuh",
        "if (rank == 0 && threadIdx.x < kExchanges)", "if (rank == ctas - 1 || threadIdx.x < kExchanges)",
        "counters of arrivals cleared by several: vLLM #41444",
    ),
)

PUBLISHED = (*CANDIDATES, *SPECIAL_VALUES, *TIES, *SLOTS, *LENGTHS, *STATE)
