// SPDX-License-Identifier: Apache-2.0
// Exact search over all rows by a metric that is no dot product: screen in panels, then measure what survives.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "measure/measure.hpp"
#include "measure/measure_panels.hpp"
#include "measure/measure_run.hpp"
#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

struct MeasureRadiusAnswer {
  std::vector<std::int64_t> offsets;
  std::vector<Neighbor> neighbors;
};

class MetricScan {
 public:
  // Keeps pointers into the rows. Throws std::invalid_argument when a value is not finite (nan_euclidean: infinite).
  // Byte codes that cannot tell the rows apart give way to float32, unless `forced` names a screen.
  MetricScan(const Rows& rows, const MeasureSpec& spec, std::optional<ScreenKind> forced, int n_threads);

  // distances and ids: [n_queries][k], nearest first; NaN last. exclude: one id per query (-1: none), or null.
  // allowed: bit id % 64 of word id / 64 says whether a row may answer, or null; at least k rows must be allowed to.
  // Returns false if interrupted; the outputs are then unspecified.
  bool search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude,
              const std::uint64_t* allowed, double* distances, std::int64_t* ids, Interrupt& interrupt);

  bool search_radius(const Rows& queries, double radius, int n_threads, const std::int64_t* exclude,
                     const std::uint64_t* allowed, MeasureRadiusAnswer& answer, Interrupt& interrupt);

  const Rows& rows() const { return rows_; }
  const MeasurePanels& panels() const { return *panels_; }
  MeasureCounts counts() const { return {n_queries_.load(), n_candidates_.load(), n_exact_.load()}; }

 private:
  bool screen_tells_rows_apart(int n_threads);
  void note(const MeasureCounts& counts);

  Rows rows_;
  MeasureSpec spec_;
  std::optional<MeasurePanels> panels_;
  std::atomic<std::int64_t> n_queries_{0}, n_candidates_{0}, n_exact_{0};
};

// All distances [n_queries][n_rows] as users know them; false if interrupted.
bool measure_rows(const Rows& queries, const Rows& rows, const MeasureSpec& spec, int n_threads, double* out,
                  Interrupt& interrupt);

// Throws std::invalid_argument naming row and column of a value that the metric cannot take.
void check_values(const Rows& rows, const MeasureSpec& spec, const char* what);

}  // namespace kneighbors
