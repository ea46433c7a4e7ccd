// SPDX-License-Identifier: Apache-2.0
// One chunk of queries on its way through the scan. Queries are packed in tiles; tiles form groups; the threads at
// work on a group (its lanes) take stretches of panels until none are left. A query has one collector per lane,
// merged at the end; which lane met which row changes no answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "rows/panels.hpp"
#include "rows/rows.hpp"
#include "scan/bound.hpp"
#include "scan/collector.hpp"
#include "scan/exact.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

struct ScanStatistics {
  std::int64_t n_queries = 0;
  std::int64_t n_candidates = 0;  // pairs that survived the tile
  std::int64_t n_exact = 0;       // pairs measured in float64
};

class ScanRun {
 public:
  // Queries first, first + 1, ... of `queries`, `count` of them. k == 0 asks for every row within `reach`.
  // exclude: one id per query of `queries` (-1: none), or null. allowed: a word per panel, a bit per row that may
  // answer, or null.
  ScanRun(const Rows& rows, const Panels& panels, const Rows& queries, std::int64_t first, std::int64_t count,
          std::int64_t k, double reach, const std::int64_t* exclude, const std::uint64_t* allowed, int n_threads,
          Interrupt& interrupt);

  // All return false if interrupted. The first two gather; measuring chosen rows without a screen serves few rows.
  bool scan_panels();
  bool measure(const std::vector<std::int64_t>& chosen);
  // Calls consume(query in chunk, its neighbours in order) for every query, from several threads.
  using Consume = std::function<void(std::int64_t, std::vector<Neighbor>&)>;
  bool finish(const Consume& consume);

  ScanStatistics statistics() const { return {count_, n_candidates_.load(), n_exact_.load()}; }

 private:
  struct Settler;
  struct TileSpan {
    std::int64_t first;  // query in chunk
    int count;
    std::int64_t offset;  // into packed_
  };

  struct MatrixRegisters;

  void plan();
  void pack_queries();
  void pack_tile(std::int64_t index);
  void scan_group(std::int64_t group, std::int64_t lane);
  bool scan_block(std::int64_t group, std::int64_t lane, std::int64_t begin, std::int64_t end, Settler& settler);
  void take_shared(const TileSpan& tile, std::int64_t lane);
  void take(std::int64_t query, std::int64_t lane, std::int64_t panel, const float* scores, std::uint64_t mask,
            Settler& settler);
  void tighten(std::int64_t query, std::int64_t lane, Collector& collector, Settler& settler);
  void prove(std::int64_t query, std::int64_t lane, Collector& collector, Settler& settler);
  void prune(std::int64_t query, std::int64_t lane, Collector& collector);
  std::vector<Neighbor>& gather(std::int64_t query, Settler& settler);
  void allow(std::int64_t query, std::int64_t lane);

  const double* wide_query(std::int64_t query) const { return wide_.data() + query * n_columns_; }
  std::size_t slot(std::int64_t query, std::int64_t lane) const {
    return static_cast<std::size_t>(lane * count_ + query);  // a tile's queries lie side by side
  }

  const Rows& rows_;
  const Panels& panels_;
  const KernelTable& kernels_;
  const Rows& queries_;
  const std::int64_t first_, count_, k_;
  const double reach_;
  const std::int64_t* exclude_;
  const std::uint64_t* allowed_;
  const int n_threads_;
  Interrupt& interrupt_;
  const std::int64_t n_columns_;

  std::int64_t n_tiles_ = 0, n_groups_ = 0, n_lanes_ = 1;
  std::int64_t block_panels_ = 1, stretch_panels_ = 1;
  std::vector<std::atomic<std::int64_t>> next_panel_;  // per group: the first panel nobody has taken
  std::vector<TileSpan> tiles_;
  const TileFunction* tile_functions_ = nullptr;
  bool uses_matrix_ = false;  // tiles of matrix_queries instead
  AlignedArray<std::uint32_t> packed_;
  std::vector<float> scales_;  // per query: what the int8 tile needs
  std::vector<std::int32_t> starts_;
  std::vector<double> wide_;  // per query, as the exact distance wants it
  std::vector<std::optional<QueryBound>> bounds_;
  std::vector<Collector> collectors_;        // [lane][query]
  std::vector<float> weights_, thresholds_;  // the same
  std::vector<std::atomic<double>> shared_;  // per query, when there are several lanes
  std::atomic<std::int64_t> n_candidates_{0}, n_exact_{0};
};

}  // namespace kneighbors
