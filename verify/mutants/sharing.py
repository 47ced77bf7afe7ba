"""Mutants of what the CTAs of a team tell each other: counters, candidates, and how many bytes these are."""

from __future__ import annotations

from .mechanical import COMPARISON, LEFT_OUT, OFF_BY_ONE, WRONG_BUFFER
from .mutant import Edit, Mutant, one_edit

EXPECTED = "bytes expected that are not posted"
POSTED_TO = "for (int peer = i / kQuads; peer < ctas; peer += kShares)"
CANDIDATES_TO = "peer < ctas; peer += policy.threads / kWarpSize"
DIGITS_BEFORE = "for (int cta = 0; cta < rank; ++cta) above_before += static_cast<int>(inbox[cta][i]);"

IN_CLUSTERS = (
    one_edit(
        "fewer-counters-expected", "cluster_mail.cuh",
        "expect_landing(landing, ctas * kBytes)", "expect_landing(landing, (ctas - 1) * kBytes)", EXPECTED,
    ),
    one_edit(
        "more-counters-expected", "cluster_mail.cuh",
        "expect_landing(landing, ctas * kBytes)", "expect_landing(landing, (ctas + 1) * kBytes)", EXPECTED,
    ),
    one_edit(
        "a-candidate-less-expected", "team.cuh",
        "mail.expect_candidates(interval.count);", "mail.expect_candidates(interval.count - 1);", EXPECTED,
    ),
    one_edit(
        "a-candidate-more-expected", "team.cuh",
        "mail.expect_candidates(interval.count);", "mail.expect_candidates(interval.count + 1);", EXPECTED,
    ),
    one_edit(
        "one-inbox-for-all-exchanges", "cluster_mail.cuh",
        "static constexpr int kInboxes = 2;", "static constexpr int kInboxes = 1;", WRONG_BUFFER,
    ),
    one_edit(
        "inbox-of-the-first-cta", "cluster_mail.cuh",
        "inboxes.of(exchange)[rank];", "inboxes.of(exchange)[0];", WRONG_BUFFER,
    ),
    one_edit(
        "counters-not-posted-to-the-last", "cluster_mail.cuh",
        POSTED_TO, POSTED_TO.replace("ctas", "ctas - 1"), OFF_BY_ONE,
    ),
    one_edit(
        "candidates-over-those-before", "cluster_mail.cuh",
        "row_candidates + before;", "row_candidates;", LEFT_OUT,
    ),
    one_edit(
        "candidates-not-sent-to-the-last", "cluster_mail.cuh",
        CANDIDATES_TO, CANDIDATES_TO.replace("ctas", "ctas - 1"), OFF_BY_ONE,
    ),
)

IN_WORKSPACES = (
    one_edit(
        "last-arrival-not-awaited", "workspace_mail.cuh",
        "await_arrivals(area.arrivals[exchange], ctas)", "await_arrivals(area.arrivals[exchange], ctas - 1)",
        OFF_BY_ONE,
    ),
    one_edit(
        "area-of-the-first-row", "workspace_mail.cuh",
        "static_cast<Area*>(areas)[index]", "static_cast<Area*>(areas)[0]", WRONG_BUFFER,
    ),
    one_edit(
        "area-of-the-first-cta", "workspace_mail.cuh",
        "area.words[exchange][rank];", "area.words[exchange][0];", WRONG_BUFFER,
    ),
    one_edit(
        "candidates-in-a-workspace-over-those-before", "workspace_mail.cuh",
        "area.candidates[before + i] = values[i];", "area.candidates[i] = values[i];", LEFT_OUT,
    ),
    one_edit(
        "arrival-of-candidates-forgotten", "workspace_mail.cuh", "arrive(kOfCandidates);", "", LEFT_OUT,
    ),
)

EXCHANGES = (
    Mutant(
        "exchange-of-samples-used-again", WRONG_BUFFER,
        (
            Edit("team.cuh", "post_bins(kOfSamples);", "post_bins(kOfChunks);"),
            Edit("team.cuh", "find_bin(kOfSamples, rank,", "find_bin(kOfChunks, rank,"),
        ),
    ),
    Mutant(
        "digits-in-the-exchange-of-chunks-told-again", WRONG_BUFFER,
        (
            Edit("team.cuh", "const int exchange = of_chunks + 1 + pass;",
                 "const int exchange = kOfChunks + 1 + pass;"),
            Edit("team.cuh", "mail.inbox(of_chunks + 1 + pass);", "mail.inbox(kOfChunks + 1 + pass);"),
        ),
    ),
    one_edit(
        "bins-over-their-half-of-a-word", "large.cuh", "if (!is_listed) team.limit_bins();", "", LEFT_OUT,
    ),
    one_edit(
        "second-bin-of-a-word-lost", "exchanges.cuh",
        "return first | second << kPackedBits;", "return first;", LEFT_OUT,
    ),
    one_edit(
        "other-bin-of-the-word-kept", "team.cuh",
        "keep_count(found.index % 2 == 0 ? first_of(pair) : second_of(pair));",
        "keep_count(found.index % 2 != 0 ? first_of(pair) : second_of(pair));", WRONG_BUFFER,
    ),
    one_edit(
        "last-cta-not-summed", "team.cuh",
        "for (int cta = 0; cta < ctas; ++cta) {", "for (int cta = 0; cta < ctas - 1; ++cta) {", OFF_BY_ONE,
    ),
    one_edit(
        "digits-of-the-last-cta-not-summed", "team.cuh",
        "for (int cta = 0; cta < ctas; ++cta) sum +=", "for (int cta = 0; cta < ctas - 1; ++cta) sum +=",
        OFF_BY_ONE,
    ),
)

COUNTS = (
    one_edit(
        "team-scan-inclusive", "team.cuh",
        "lane_id() < rank ? of_cta : 0", "lane_id() <= rank ? of_cta : 0", COMPARISON,
    ),
    one_edit(
        "counts-above-the-bin-not-kept", "team.cuh",
        "if (lowest < 0) return interval;", "return interval;", LEFT_OUT,
    ),
    one_edit(
        "counts-in-the-bin-not-kept", "team.cuh",
        "keep_count(found.index % 2 == 0 ? first_of(pair) : second_of(pair));", "(void)pair;", LEFT_OUT,
    ),
    one_edit(
        "bins-before-with-its-own", "team.cuh",
        "if (cta < rank) before[first + c]", "if (cta <= rank) before[first + c]", COMPARISON,
    ),
    one_edit(
        "bins-before-without-the-last", "team.cuh",
        "if (cta < rank) before[first + c]", "if (cta + 1 < rank) before[first + c]", OFF_BY_ONE,
    ),
    one_edit(
        "digits-before-with-its-own", "team.cuh",
        DIGITS_BEFORE, DIGITS_BEFORE.replace("cta < rank", "cta <= rank"), COMPARISON,
    ),
    one_edit(
        "digits-before-of-the-first-cta", "team.cuh",
        DIGITS_BEFORE, DIGITS_BEFORE.replace("inbox[cta]", "inbox[0]"), WRONG_BUFFER,
    ),
    one_edit(
        "bin-counted-above-itself", "team.cuh",
        "if (lowest + i > found)", "if (lowest + i >= found)", COMPARISON,
    ),
    one_edit(
        "digit-counted-above-itself", "team.cuh",
        "if (i > found.index)", "if (i >= found.index)", COMPARISON,
    ),
    one_edit(
        "list-of-a-chunk-not-emptied", "large.cuh",
        "if (threadIdx.x == 0) storage.list.used = 0;", "", LEFT_OUT,
    ),
)

PLACES = (
    one_edit(
        "candidates-before-counted-one-short", "team.cuh",
        "i < (gathered ? before : 0);", "i < (gathered ? before - 1 : 0);", OFF_BY_ONE,
    ),
    one_edit(
        "all-taken-counted-above-only", "team.cuh",
        "greater += cut ? key > selection.threshold : key >= selection.threshold;",
        "greater += key > selection.threshold;", LEFT_OUT,
    ),
    one_edit(
        "ties-before-not-counted", "team.cuh",
        "equal += cut && key == selection.threshold;", "", LEFT_OUT,
    ),
    one_edit(
        "settled-place-without-the-bin", "team.cuh",
        "OutputPlace{above_of(sums) + before, 0}", "OutputPlace{above_of(sums), 0}", LEFT_OUT,
    ),
    one_edit(
        "settled-place-without-its-ties", "team.cuh",
        "OutputPlace{above_of(sums), before}", "OutputPlace{above_of(sums), 0}", LEFT_OUT,
    ),
)

SHARING = (*IN_CLUSTERS, *IN_WORKSPACES, *EXCHANGES, *COUNTS, *PLACES)
