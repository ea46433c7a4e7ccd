// SPDX-License-Identifier: Apache-2.0
#include "measure/measure_run.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/dispatch.hpp"

namespace kneighbors {
namespace {

// Bytes of panels that stay in the second-level cache while a group of queries passes over them, of packed queries in
// such a group, and of panels that a thread takes at a time (see scan/scan_run.cpp).
constexpr std::int64_t block_bytes = 256 << 10;
constexpr std::int64_t group_bytes = 1 << 20;
constexpr std::int64_t stretch_bytes = 1 << 20;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

void lower_shared(std::atomic<double>& shared, double value) {
  double seen = shared.load(std::memory_order_relaxed);
  while (value < seen && !shared.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

// A bound from below as a candidate keeps it: float32, never above.
float kept_lower(double lower) {
  if (!(lower > 0)) return 0;
  if (lower >= std::numeric_limits<float>::max()) return std::numeric_limits<float>::max();
  return std::max(0.0f, round_down(lower));
}

}  // namespace

// Scratch of one task, and the exact distances it asks for.
struct MeasureRun::Settler {
  explicit Settler(MeasureRun& run) : run(run), exact(run.rows_, run.panels_.spec(), run.kernels_) {}
  ~Settler() {
    run.n_exact_ += n_exact;
    run.n_candidates_ += n_candidates;
  }

  // Turns every candidate into an exactly known neighbour and keeps the best.
  void settle(std::int64_t query, IntervalCollector& collector) {
    if (!collector.candidates.empty()) {
      if (query != current) {
        exact.set_query(run.wide_.data() + query * run.queries_.n_columns);
        current = query;
      }
      ids.clear();
      for (const IntervalCandidate& candidate : collector.candidates) ids.push_back(candidate.id);
      distances.resize(ids.size());
      exact(ids.data(), static_cast<std::int64_t>(ids.size()), distances.data());
      for (std::size_t i = 0; i < ids.size(); ++i) collector.neighbors.push_back({distances[i], ids[i]});
      n_exact += static_cast<std::int64_t>(ids.size());
      collector.candidates.clear();
    }
    collector.trim();
  }

  MeasureRun& run;
  ExactMeasure exact;
  std::int64_t current = -1;
  std::vector<std::int64_t> ids;
  std::vector<double> distances, scratch;
  std::int64_t n_exact = 0, n_candidates = 0;
};

MeasureRun::MeasureRun(const Rows& rows, const MeasurePanels& panels, const Rows& queries, std::int64_t first,
                       std::int64_t count, std::int64_t k, double reach, const std::int64_t* exclude,
                       const std::uint64_t* allowed, int n_threads, Interrupt& interrupt)
    : rows_(rows),
      panels_(panels),
      kernels_(kernels()),
      queries_(queries),
      first_(first),
      count_(count),
      k_(k),
      reach_(reach),
      exclude_(exclude),
      allowed_(allowed),
      n_threads_(n_threads),
      interrupt_(interrupt) {
  plan();
}

bool MeasureRun::run(const Consume& consume) {
  constexpr std::int64_t tiles_per_task = 4, queries_per_task = 8;
  const std::int64_t n_tiles = static_cast<std::int64_t>(tiles_.size());
  run_tasks(divide_up(n_tiles, tiles_per_task), n_threads_, [&](std::int64_t task) {
    const std::int64_t last = std::min(n_tiles, (task + 1) * tiles_per_task);
    for (std::int64_t tile = task * tiles_per_task; tile < last; ++tile) pack_tile(tiles_[static_cast<std::size_t>(tile)]);
  });
  run_tasks(n_groups_ * n_lanes_, n_threads_,
            [&](std::int64_t task) { scan_group(task / n_lanes_, task % n_lanes_); });
  if (interrupt_.stopped()) return false;
  run_tasks(divide_up(count_, queries_per_task), n_threads_, [&](std::int64_t task) {
    Settler settler(*this);
    const std::int64_t last = std::min(count_, (task + 1) * queries_per_task);
    for (std::int64_t query = task * queries_per_task; query < last; ++query) {
      if (interrupt_.poll()) return;
      consume(query, gather(query, settler));
    }
  });
  return !interrupt_.stopped();
}

void MeasureRun::plan() {
  const MeasureTileSet& set = kernels_.measure.tiles[static_cast<int>(panels_.term())];
  const std::int64_t widest = set.sizes[2], n_tiles = divide_up(count_, widest);
  std::int64_t offset = 0;
  for (std::int64_t tile = 0; tile < n_tiles; ++tile) {
    const std::int64_t begin = count_ * tile / n_tiles, end = count_ * (tile + 1) / n_tiles;
    int choice = 0;
    while (set.sizes[choice] < end - begin) ++choice;
    const int size = set.sizes[choice];
    tiles_.push_back({begin, static_cast<int>(end - begin), size, set.tiles[choice], offset, n_slots_});
    offset += size * panels_.query_words();
    n_slots_ += size;
  }
  const std::int64_t tile_bytes = widest * panels_.query_words() * 4;
  const std::int64_t tiles_per_group = std::clamp<std::int64_t>(group_bytes / tile_bytes, 1, n_tiles);
  n_groups_ = divide_up(n_tiles, tiles_per_group);
  // Groups enough to keep every thread busy to the end need no lanes; else all threads share each group.
  n_lanes_ = n_groups_ >= 8 * static_cast<std::int64_t>(n_threads_) ? 1 : n_threads_;
  next_panel_ = std::vector<std::atomic<std::int64_t>>(static_cast<std::size_t>(n_groups_));
  const std::int64_t panel_bytes = panels_.panel_bytes();
  block_panels_ = std::max<std::int64_t>(1, block_bytes / panel_bytes);
  stretch_panels_ = std::max(block_panels_, stretch_bytes / panel_bytes / block_panels_ * block_panels_);
  stretch_panels_ = std::min(stretch_panels_, divide_up(panels_.n_panels(), n_lanes_));
  packed_ = allocate_array<std::uint32_t>(offset);
  wide_.resize(static_cast<std::size_t>(count_ * queries_.n_columns));
  bounds_.resize(static_cast<std::size_t>(count_));
  collectors_.resize(static_cast<std::size_t>(count_ * n_lanes_));
  for (IntervalCollector& one : collectors_) one.start(k_, reach_);
  const std::size_t n_numbers = static_cast<std::size_t>(n_slots_ * n_lanes_);
  // Queries that only fill up a tile drop everything.
  limits_.assign(n_numbers, -std::numeric_limits<float>::infinity());
  weights_.assign(n_numbers, 0.0f);
  shares_.assign(n_numbers, 0.0f);
  byte_limits_.assign(n_numbers, -(std::int64_t{1} << 60));
  shared_ = std::vector<std::atomic<double>>(static_cast<std::size_t>(n_lanes_ > 1 ? count_ : 0));
  for (auto& value : shared_) value.store(reach_, std::memory_order_relaxed);
}

void MeasureRun::pack_tile(const Tile& tile) {
  std::uint32_t* packed = packed_.get() + tile.offset;
  std::fill(packed, packed + tile.size * panels_.query_words(), 0u);
  const std::int64_t entry = panels_.screen() == ScreenKind::bytes ? 2 : 1;
  for (int q = 0; q < tile.count; ++q) {
    const std::int64_t query = tile.first + q;
    double* wide = wide_.data() + query * queries_.n_columns;
    queries_.widen(first_ + query, wide);
    const Placed placed = panels_.place_query(wide, packed + q * entry, tile.size);
    bounds_[static_cast<std::size_t>(query)].emplace(panels_, placed, kernels_.measure.reciprocal_error);
    for (std::int64_t lane = 0; lane < n_lanes_; ++lane) allow(tile, q, lane);
  }
}

void MeasureRun::allow(const Tile& tile, int place, std::int64_t lane) {
  const std::size_t at = slot(tile, lane) + static_cast<std::size_t>(place);
  const std::int64_t query = tile.first + place;
  const MeasureLimits limits = bounds_[static_cast<std::size_t>(query)]->allow(collector(query, lane).reach());
  limits_[at] = limits.limit;
  weights_[at] = limits.weight;
  shares_[at] = limits.share;
  byte_limits_[at] = limits.byte_limit;
}

void MeasureRun::scan_group(std::int64_t group, std::int64_t lane) {
  Settler settler(*this);
  for (;;) {
    const std::int64_t begin =
        next_panel_[static_cast<std::size_t>(group)].fetch_add(stretch_panels_, std::memory_order_relaxed);
    if (begin >= panels_.n_panels()) return;
    const std::int64_t end = std::min(panels_.n_panels(), begin + stretch_panels_);
    for (std::int64_t block = begin; block < end; block += block_panels_) {
      if (!scan_block(group, lane, block, std::min(end, block + block_panels_), settler)) return;
    }
  }
}

// All queries of a group against the panels of one block; false if interrupted.
bool MeasureRun::scan_block(std::int64_t group, std::int64_t lane, std::int64_t begin, std::int64_t end,
                            Settler& settler) {
  const std::int64_t n_tiles = static_cast<std::int64_t>(tiles_.size());
  const std::int64_t tile_begin = n_tiles * group / n_groups_, tile_end = n_tiles * (group + 1) / n_groups_;
  alignas(64) float firsts[largest_measure_tile * panel_rows];
  alignas(64) float seconds[largest_measure_tile * panel_rows] = {};
  std::uint64_t masks[largest_measure_tile];
  for (std::int64_t index = tile_begin; index < tile_end; ++index) {
    if (interrupt_.poll()) return false;
    const Tile& tile = tiles_[static_cast<std::size_t>(index)];
    if (n_lanes_ > 1) take_shared(tile, lane);
    const std::size_t at = slot(tile, lane);
    MeasureTileArguments arguments{};
    arguments.queries = packed_.get() + tile.offset;
    arguments.limit = &limits_[at];
    arguments.weight = &weights_[at];
    arguments.share = &shares_[at];
    arguments.byte_limit = &byte_limits_[at];
    arguments.n_words = panels_.n_words();
    arguments.power = static_cast<float>(panels_.spec().power);
    for (std::int64_t panel = begin; panel < end; ++panel) {
      const std::uint64_t open = allowed_ ? allowed_[panel] : ~std::uint64_t{0};
      if (!open) continue;
      arguments.panel = panels_.values(panel);
      arguments.row_error = panels_.error(panel);
      arguments.row_start = panels_.start(panel);
      if (tile.kernel(arguments, firsts, seconds, masks)) [[unlikely]] {
        for (int q = 0; q < tile.count; ++q) {
          if (const std::uint64_t mask = masks[q] & open) {
            take(tile, q, lane, panel, firsts + q * panel_rows, seconds + q * panel_rows, mask, settler);
          }
        }
      }
    }
  }
  return true;
}

void MeasureRun::take_shared(const Tile& tile, std::int64_t lane) {
  for (int q = 0; q < tile.count; ++q) {
    IntervalCollector& own = collector(tile.first + q, lane);
    const double seen = shared_[static_cast<std::size_t>(tile.first + q)].load(std::memory_order_relaxed);
    if (seen < own.reach()) {
      own.lower_reach(seen);
      allow(tile, q, lane);
    }
  }
}

// Survivors of one panel for one query.
void MeasureRun::take(const Tile& tile, int place, std::int64_t lane, std::int64_t panel, const float* firsts,
                      const float* seconds, std::uint64_t mask, Settler& settler) {
  const std::int64_t query = tile.first + place;
  IntervalCollector& own = collector(query, lane);
  const MeasureBound& bound = *bounds_[static_cast<std::size_t>(query)];
  const std::int64_t excluded = exclude_ ? exclude_[first_ + query] : -1;
  for (; mask; mask &= mask - 1) {
    const int row = std::countr_zero(mask);
    const std::int64_t id = panel * panel_rows + row;
    if (id >= rows_.n_rows || id == excluded) continue;
    const Interval interval = bound.interval(firsts[row], seconds[row], panels_.row_error(id));
    const float lower = kept_lower(interval.lower);
    if (static_cast<double>(lower) > own.reach()) continue;
    own.candidates.push_back({interval.upper, lower, id});
    ++settler.n_candidates;
  }
  if (own.is_due()) tighten(tile, place, lane, settler);
}

void MeasureRun::tighten(const Tile& tile, int place, std::int64_t lane, Settler& settler) {
  const std::int64_t query = tile.first + place;
  IntervalCollector& own = collector(query, lane);
  own.tighten(settler.scratch);
  own.prune();
  if (own.is_crowded()) settler.settle(query, own);  // the screen cannot tell these apart
  allow(tile, place, lane);
  if (n_lanes_ > 1 && k_ > 0) lower_shared(shared_[static_cast<std::size_t>(query)], own.reach());
  own.rearm();
}

// The query's answer: all lanes merged, what is left measured exactly, in order.
std::vector<Neighbor>& MeasureRun::gather(std::int64_t query, Settler& settler) {
  IntervalCollector& whole = collector(query, 0);
  for (std::int64_t lane = 1; lane < n_lanes_; ++lane) {
    IntervalCollector& part = collector(query, lane);
    whole.candidates.insert(whole.candidates.end(), part.candidates.begin(), part.candidates.end());
    whole.neighbors.insert(whole.neighbors.end(), part.neighbors.begin(), part.neighbors.end());
    whole.lower_reach(part.reach());
  }
  whole.tighten(settler.scratch);
  whole.prune();
  // The likeliest k are measured first: what they prove rules out most of the rest.
  if (k_ > 0 && static_cast<std::int64_t>(whole.candidates.size()) > 2 * k_) {
    const auto likeliest = whole.candidates.begin() + k_;
    std::nth_element(whole.candidates.begin(), likeliest, whole.candidates.end(),
                     [](const IntervalCandidate& a, const IntervalCandidate& b) { return a.upper < b.upper; });
    std::vector<IntervalCandidate> rest(likeliest, whole.candidates.end());
    whole.candidates.erase(likeliest, whole.candidates.end());
    settler.settle(query, whole);
    whole.candidates = std::move(rest);
    whole.prune();
  }
  settler.settle(query, whole);
  std::sort(whole.neighbors.begin(), whole.neighbors.end());
  return whole.neighbors;
}

}  // namespace kneighbors
