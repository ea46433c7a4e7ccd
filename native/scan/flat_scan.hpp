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

  // The same with the rows that `rows` has beyond those of `earlier`, which goes on to answer without them. Packs what
  // was added; and everything anew, in a new frame, when sampled survivors have doubled since that was last done.
  FlatScan(const FlatScan& earlier, const Rows& rows, int n_threads);

  // What serves rows of this width best, as far as the width alone tells.
  static CodecKind usual_codec(std::int64_t n_columns);

  // distances and ids: [n_queries][k], nearest first. exclude: one id per query (-1: none), or null. allowed: bit
  // id % 64 of word id / 64 says whether a row may answer, or null; at least k rows must be allowed to.
  // Returns false if interrupted; the outputs are then unspecified.
  bool search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude,
              const std::uint64_t* allowed, double* distances, std::int64_t* ids, Interrupt& interrupt);

  bool search_radius(const Rows& queries, double radius, int n_threads, const std::int64_t* exclude,
                     const std::uint64_t* allowed, RadiusAnswer& answer, Interrupt& interrupt);

  const Rows& rows() const { return rows_; }
  Metric metric() const { return metric_; }
  const Codec& codec() const { return panels_->codec(); }
  bool rotated() const { return panels_->frame().rotated(); }
  std::int64_t memory_bytes() const { return panels_->bytes(); }
  std::int64_t n_panels() const { return panels_->n_panels(); }
  std::int64_t n_renewals() const { return n_renewals_; }
  ScanStatistics statistics() const;

 private:
  void build(int n_threads);
  double sampled_survivors(std::int64_t first_row, int n_threads);
  bool gather(ScanRun& run, std::int64_t n_queries, const std::uint64_t* allowed) const;
  void note(const ScanStatistics& statistics);

  Rows rows_;
  Metric metric_;
  CodecKind wanted_;
  double survivors_ = -1;         // of a sample, when the panels were last packed anew; -1: too few rows to tell
  std::int64_t n_rows_seen_ = 0;  // rows there were when survivors were last sampled
  std::int64_t n_renewals_ = 0;
  std::optional<Panels> panels_;
  std::atomic<std::int64_t> n_queries_{0}, n_candidates_{0}, n_exact_{0};
};

}  // namespace kneighbors
