// SPDX-License-Identifier: Apache-2.0
// Exact search over one cell: all rows. Screen in panels, then re-rank what survives.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "rows/panels.hpp"
#include "rows/rows.hpp"
#include "scan/collector.hpp"
#include "scan/scan_run.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

struct RadiusAnswer {
  std::vector<std::int64_t> offsets;
  std::vector<Neighbor> neighbors;
};

class FlatScan {
 public:
  // Keeps pointers into the rows. Throws std::invalid_argument when a value is not finite. Where int8 codes are
  // wanted but cannot tell the rows apart, the panels hold float32 instead.
  FlatScan(const Rows& rows, Metric metric, CodecKind wanted, int n_threads);

  // What serves rows of this width best, as far as the width alone tells.
  static CodecKind usual_codec(std::int64_t n_columns);

  // distances and ids: [n_queries][k], nearest first. exclude: one id per query (-1: none), or null.
  // Returns false if interrupted; the outputs are then unspecified.
  bool search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude, double* distances,
              std::int64_t* ids, Interrupt& interrupt);

  bool search_radius(const Rows& queries, double radius, int n_threads, const std::int64_t* exclude,
                     RadiusAnswer& answer, Interrupt& interrupt);

  const Rows& rows() const { return rows_; }
  Metric metric() const { return metric_; }
  const Codec& codec() const { return panels_->codec(); }
  bool rotated() const { return panels_->frame().rotated(); }
  std::int64_t memory_bytes() const { return panels_->bytes(); }
  ScanStatistics statistics() const;

 private:
  bool codes_tell_rows_apart(int n_threads);
  void note(const ScanStatistics& statistics);

  Rows rows_;
  Metric metric_;
  std::optional<Panels> panels_;
  std::atomic<std::int64_t> n_queries_{0}, n_candidates_{0}, n_exact_{0};
};

}  // namespace kneighbors
