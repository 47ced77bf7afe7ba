// Which rows of a call are shared by larger teams than the plan gives every row: a pure function of
// (lengths, Policy, grid). Every CTA that needs it finds it for itself, from the lengths alone.
//
// Long rows, from kLongRow * chunk_min columns on, are counted by size class: two classes an octave. At level
// v a row of class s gets 2^((s - v + 3) / 2) CTAs, the exponent rounded down, max_ctas at most: a level
// more, and chunks are half an octave longer. Only a row that gets more CTAs than by the plan has a larger
// team. The level is the lowest at which all these are resident, together with the long rows that have none.
// Where the long rows would not even be resident with what they have by the plan, these wait, and larger
// teams go first.
//
// Teams stand in the grid by class, the longest rows first, then by row. Their sizes are powers of two that
// never grow, so each begins at a multiple of its own size, and none lies in two clusters.
// The Python mirror is reference/schedule.py.
#pragma once

#include <cstdint>

#include "block.cuh"
#include "constants.cuh"
#include "exchanges.cuh"
#include "params.cuh"
#include "ptx.cuh"
#include "tile.cuh"

namespace persistent_topk {

// Classes that are told apart, one a lane: class 0 is of rows that are not long, longer rows than those of
// the last (four thousand times chunk_min) count as of the last.
inline constexpr int kClasses = 22;
static_assert(kClasses + 1 < kWarpSize, "at the level of the last lane no row has a larger team");
inline constexpr int kLongRow = 4;  // chunks: two CTAs would not make up for a launch of their own

// The rows of a call, as the schedule sees them.
struct Lengths {
  const TopkParams& params;
  int rows = params.rows;
  int k = params.k;

  PERSISTENT_TOPK_DEVICE int row(int index) const { return params.window(index).columns; }
};

// CTAs that rows may have.
struct TeamGrid {
  int plan_ctas;  // each row, by the plan
  int ctas;  // all larger teams
  int sms;  // all rows that are resident at a time
};

struct ScheduleStorage {
  uint32_t rows_of_warp[kMaxWarps][kClasses];  // that a warp counts
  WarpTotals totals[2];
  int row;
};

// The class of a row: the octave of length / chunk_min from 4 on, and whether it is in the octave's upper
// half.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int class_of(int length, int k) {
  if (length <= k || length < kLongRow * policy.chunk_min) return 0;
  const int octave = kWarpSize - 1 - __clz(length / policy.chunk_min);
  const bool upper = length / (policy.chunk_min / 2) >= 3 << octave;
  return min(2 * octave - 3 + upper, kClasses - 1);
}

// CTAs of the larger team of a class's row; 0: it has none.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int team_ctas(int of_class, int level, int plan_ctas) {
  if (of_class == 0 || of_class + 1 < level) return 0;
  const int ctas = min(policy.max_ctas, 1 << (of_class - level + 3) / 2);
  return ctas > plan_ctas ? ctas : 0;
}

// The highest level at which a row of the class has a larger team; negative: it never has.
PERSISTENT_TOPK_DEVICE int last_level(int of_class, int plan_ctas) {
  const int least = kWarpSize - __clz(plan_ctas);  // 2^least is the first power of two above plan_ctas
  return of_class == 0 ? -1 : of_class + 3 - 2 * least;
}

// Rows that a warp of the CTA counts: neighbours, so that the warps' rows are in order.
struct WarpRows {
  int begin;
  int end;
};

template <int kThreads>
PERSISTENT_TOPK_DEVICE WarpRows rows_of_warp(int rows, int warp) {
  const int64_t each = static_cast<int64_t>(ceil_div(rows, kThreads)) * kWarpSize;
  const int begin = static_cast<int>(min(warp * each, static_cast<int64_t>(rows)));
  return {begin, begin + static_cast<int>(min(each, static_cast<int64_t>(rows - begin)))};
}

// The schedule as one thread sees it: lane s knows class s.
struct Schedule {
  int level;
  uint32_t rows;  // of the lane's class
  uint32_t begin;  // of its teams in the grid, CTAs; of class 0, which has none, the end of all teams
};

// Counts the rows of each class, by all threads of the CTA; lane s gets those of class s.
template <Policy policy>
PERSISTENT_TOPK_DEVICE uint32_t count_classes(const Lengths& lengths, ScheduleStorage& storage) {
  constexpr int kWarps = policy.threads / kWarpSize;
  uint32_t* const counted = storage.rows_of_warp[warp_id()];
  const WarpRows own = rows_of_warp<policy.threads>(lengths.rows, warp_id());
  if (lane_id() < kClasses) counted[lane_id()] = 0;
  __syncwarp();
#pragma unroll 1
  for (int first = own.begin; first < own.end; first += kWarpSize) {
    const int row = first + lane_id();
    const int of_class = row < own.end ? class_of<policy>(lengths.row(row), lengths.k) : 0;
    const uint32_t alike = __match_any_sync(kFullWarp, of_class);
    if (of_class > 0 && lowest_set_bit(alike) == lane_id()) counted[of_class] += __popc(alike);
    __syncwarp();
  }
  __syncthreads();
  uint32_t rows = 0;
#pragma unroll
  for (int warp = 0; warp < kWarps; ++warp)
    if (lane_id() < kClasses) rows += storage.rows_of_warp[warp][lane_id()];
  return rows;
}

// CTAs that long rows have at a level.
struct Needed {
  uint32_t teams = 0;  // of rows with a larger team
  uint32_t others = 0;  // of the others, by the plan
  uint32_t by_plan = 0;  // of all, if none had a larger team

  // Whether the level is as high as need be; then every higher one is.
  PERSISTENT_TOPK_DEVICE bool fits(const TeamGrid& grid) const {
    const uint32_t sms = grid.sms;
    return teams <= static_cast<uint32_t>(grid.ctas) && (teams + others <= sms || by_plan > sms);
  }
};

// Of `rows` rows of a class.
template <Policy policy>
PERSISTENT_TOPK_DEVICE Needed needed_by(uint32_t rows, int of_class, int level, int plan_ctas) {
  const uint32_t teams = rows * team_ctas<policy>(of_class, level, plan_ctas);
  const uint32_t by_plan = of_class > 0 ? rows * plan_ctas : 0;
  return {teams, teams > 0 ? 0 : by_plan, by_plan};
}

// The schedule of a call, by every warp for itself.
template <Policy policy>
PERSISTENT_TOPK_DEVICE Schedule make_schedule(const Lengths& lengths, const TeamGrid& grid,
                                              ScheduleStorage& storage) {
  const uint32_t rows = count_classes<policy>(lengths, storage);
  if (!__any_sync(kFullWarp, rows > 0)) return {0, 0, 0};
  const uint32_t counted = min(rows, static_cast<uint32_t>(grid.sms) + 1);  // so many are too many
  int level = 0;
#pragma unroll 1
  for (int step = kWarpSize / 2; step >= 1; step /= 2) {  // the highest level of all that do not fit, and one
    const Needed own = needed_by<policy>(counted, lane_id(), level + step - 1, grid.plan_ctas);
    const Needed needed = {__reduce_add_sync(kFullWarp, own.teams), __reduce_add_sync(kFullWarp, own.others),
                           __reduce_add_sync(kFullWarp, own.by_plan)};
    if (!needed.fits(grid)) level += step;
  }
  const uint32_t ctas = counted * team_ctas<policy>(lane_id(), level, grid.plan_ctas);
  const uint32_t up_to = warp_inclusive_sum(ctas);
  return {level, rows, __shfl_sync(kFullWarp, up_to, kWarpSize - 1) - up_to};
}

// What a CTA of the grid of teams has to do.
struct Assignment {
  int row;  // kNoRow: nothing
  int ctas;  // of its team
  int rank;  // in it; of a CTA without a row: among those
};
inline constexpr int kNoRow = -1;

// Row number `nth` of a class, which has more. By all threads; `storage` has the warps' counts.
template <Policy policy>
PERSISTENT_TOPK_DEVICE int find_row(const Lengths& lengths, int wanted, uint32_t nth,
                                    ScheduleStorage& storage) {
  constexpr int kWarps = policy.threads / kWarpSize;
  const uint32_t of_warp = lane_id() < kWarps ? storage.rows_of_warp[lane_id()][wanted] : 0;
  uint32_t before = __reduce_add_sync(kFullWarp, lane_id() < warp_id() ? of_warp : 0);
  const uint32_t own = __shfl_sync(kFullWarp, of_warp, warp_id());
  if (before <= nth && nth < before + own) {
    const WarpRows rows = rows_of_warp<policy.threads>(lengths.rows, warp_id());
#pragma unroll 1
    for (int first = rows.begin; first < rows.end; first += kWarpSize) {
      const int row = first + lane_id();
      const bool here = row < rows.end && class_of<policy>(lengths.row(row), lengths.k) == wanted;
      const uint32_t holders = __ballot_sync(kFullWarp, here);
      if (here && before + __popc(holders & ((1u << lane_id()) - 1)) == nth) storage.row = row;
      before += __popc(holders);
    }
  }
  __syncthreads();
  return storage.row;
}

// The assignment of CTA number `cta` of the grid of teams. By all threads of the CTA.
template <Policy policy>
PERSISTENT_TOPK_DEVICE Assignment assign(const Lengths& lengths, const TeamGrid& grid, int cta,
                                         ScheduleStorage& storage) {
  const Schedule schedule = make_schedule<policy>(lengths, grid, storage);
  const uint32_t ctas = team_ctas<policy>(lane_id(), schedule.level, grid.plan_ctas);
  const uint32_t place = static_cast<uint32_t>(cta) - schedule.begin;  // wraps where the class is behind
  const uint32_t holders = __ballot_sync(kFullWarp, place < schedule.rows * ctas);
  if (holders == 0) return {kNoRow, 0, cta - static_cast<int>(__shfl_sync(kFullWarp, schedule.begin, 0))};
  const int own = lowest_set_bit(holders);
  const int of_team = __shfl_sync(kFullWarp, static_cast<int>(ctas), own);
  const int there = static_cast<int>(__shfl_sync(kFullWarp, place, own));
  const int nth = there / of_team;
  return {find_row<policy>(lengths, own, nth, storage), of_team, there - nth * of_team};
}

// Whether a row of this length has a larger team: what a CTA asks that has the row by the plan. So it is
// where at the last level at which the row would have one, all such teams are resident. By all threads of
// the CTA, with a barrier between this and what else `storage` serves for.
template <Policy policy>
PERSISTENT_TOPK_DEVICE bool has_team(const Lengths& lengths, const TeamGrid& grid, int length,
                                     ScheduleStorage& storage) {
  const int level = last_level(class_of<policy>(length, lengths.k), grid.plan_ctas);
  if (level < 0) return false;
  Needed needed;
#pragma unroll 1
  for (int64_t first = 0; first < lengths.rows; first += policy.threads) {
    const int64_t row = first + threadIdx.x;
    const int of_class = row < lengths.rows ? class_of<policy>(lengths.row(row), lengths.k) : 0;
    const Needed own = needed_by<policy>(1, of_class, level, grid.plan_ctas);
    needed.teams += block_sum<policy.threads>(own.teams, storage.totals[0]);
    const uint32_t others =
        block_sum<policy.threads>(own.others << kPackedBits | own.by_plan, storage.totals[1]);
    needed.others += second_of(others);
    needed.by_plan += first_of(others);
    __syncthreads();
    if (needed.teams > static_cast<uint32_t>(grid.ctas)) return false;
  }
  return needed.fits(grid);
}

}  // namespace persistent_topk
