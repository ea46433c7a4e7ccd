// SPDX-License-Identifier: Apache-2.0
// One chunk of queries on its way through the panels: the plan of scan/scan_run.hpp (tiles of queries, groups of
// tiles, lanes of threads that share a group) with the tiles and bounds of metrics that are no dot product.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "measure/exact_measure.hpp"
#include "measure/interval_collector.hpp"
#include "measure/measure_bound.hpp"
#include "measure/measure_panels.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

struct MeasureCounts {
  std::int64_t n_queries = 0, n_candidates = 0, n_exact = 0;
};

class MeasureRun {
 public:
  // Queries first, first + 1, ... of `queries`, `count` of them. k == 0 asks for every row within `reach`.
  // exclude: one id per query of `queries` (-1: none), or null. allowed: bit id % 64 of word id / 64 says whether a
  // row may answer, or null.
  MeasureRun(const Rows& rows, const MeasurePanels& panels, const Rows& queries, std::int64_t first,
             std::int64_t count, std::int64_t k, double reach, const std::int64_t* exclude, const std::uint64_t* allowed,
             int n_threads, Interrupt& interrupt);

  // Calls consume(query in chunk, its neighbours in order) for every query, from several threads. False if interrupted.
  using Consume = std::function<void(std::int64_t, std::vector<Neighbor>&)>;
  bool run(const Consume& consume);

  MeasureCounts counts() const { return {count_, n_candidates_.load(), n_exact_.load()}; }

 private:
  struct Settler;
  struct Tile {
    std::int64_t first;  // query in chunk
    int count;           // queries
    int size;            // queries that the kernel takes
    MeasureTile kernel;
    std::int64_t offset;  // into packed_
    std::int64_t slot;    // of its first query's numbers, in limits_ and the like
  };

  void plan();
  void pack_tile(const Tile& tile);
  void scan_group(std::int64_t group, std::int64_t lane);
  bool scan_block(std::int64_t group, std::int64_t lane, std::int64_t begin, std::int64_t end, Settler& settler);
  void take_shared(const Tile& tile, std::int64_t lane);
  void take(const Tile& tile, int place, std::int64_t lane, std::int64_t panel, const float* firsts,
            const float* seconds, std::uint64_t mask, Settler& settler);
  void tighten(const Tile& tile, int place, std::int64_t lane, Settler& settler);
  void allow(const Tile& tile, int place, std::int64_t lane);
  std::vector<Neighbor>& gather(std::int64_t query, Settler& settler);

  IntervalCollector& collector(std::int64_t query, std::int64_t lane) {
    return collectors_[static_cast<std::size_t>(lane * count_ + query)];
  }
  std::size_t slot(const Tile& tile, std::int64_t lane) const {
    return static_cast<std::size_t>(lane * n_slots_ + tile.slot);
  }

  const Rows& rows_;
  const MeasurePanels& panels_;
  const KernelTable& kernels_;
  const Rows& queries_;
  const std::int64_t first_, count_, k_;
  const double reach_;
  const std::int64_t* exclude_;
  const std::uint64_t* allowed_;
  const int n_threads_;
  Interrupt& interrupt_;

  std::vector<Tile> tiles_;
  std::int64_t n_groups_ = 0, n_lanes_ = 1, n_slots_ = 0;
  std::int64_t block_panels_ = 1, stretch_panels_ = 1;
  std::vector<std::atomic<std::int64_t>> next_panel_;  // per group: the first panel nobody has taken
  AlignedArray<std::uint32_t> packed_;
  std::vector<double> wide_;
  std::vector<std::optional<MeasureBound>> bounds_;
  std::vector<IntervalCollector> collectors_;  // [lane][query]
  std::vector<float> limits_, weights_, shares_;  // [lane][slot]
  std::vector<std::int64_t> byte_limits_;
  std::vector<std::atomic<double>> shared_;  // per query, when there are several lanes
  std::atomic<std::int64_t> n_candidates_{0}, n_exact_{0};
};

}  // namespace kneighbors
