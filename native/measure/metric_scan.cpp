// SPDX-License-Identifier: Apache-2.0
#include "measure/metric_scan.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/dispatch.hpp"

namespace kneighbors {
namespace {

// Collected candidates of all queries at work stay below this.
constexpr std::int64_t collector_bytes = 64 << 20;

// sine_cosine() takes angles up to here; larger ones are to be reduced by whole turns first.
constexpr double largest_angle = 0x1p20;

constexpr double everything = std::numeric_limits<double>::infinity();

template <class T>
void check_row(const T* row, std::int64_t n_columns, std::int64_t index, bool nan_is_welcome, double most,
               const char* what) {
  for (std::int64_t j = 0; j < n_columns; ++j) {
    const double value = row[j];
    if (std::fabs(value) <= most || (nan_is_welcome && std::isnan(value))) continue;
    throw std::invalid_argument(std::string(what) + " " + std::to_string(index) + ", column " + std::to_string(j) +
                                " holds " + std::to_string(value) + ", which this metric cannot take");
  }
}

}  // namespace

void check_values(const Rows& rows, const MeasureSpec& spec, const char* what) {
  const bool nan_is_welcome = spec.measure == Measure::nan_euclidean;
  const double most = spec.measure == Measure::haversine ? largest_angle : std::numeric_limits<double>::max();
  for (std::int64_t row = 0; row < rows.n_rows; ++row) {
    if (rows.is_double) {
      check_row(rows.doubles(row), rows.n_columns, row, nan_is_welcome, most, what);
    } else {
      check_row(rows.floats(row), rows.n_columns, row, nan_is_welcome, most, what);
    }
  }
}

MetricScan::MetricScan(const Rows& rows, const MeasureSpec& spec, std::optional<ScreenKind> forced, int n_threads)
    : rows_(rows), spec_(spec) {
  check_values(rows, spec, "row");
  const ScreenKind wanted = forced ? *forced : MeasurePanels::usual_screen(rows, spec);
  panels_.emplace(rows_, spec_, wanted, n_threads);
  if (!forced && wanted == ScreenKind::bytes && !screen_tells_rows_apart(n_threads)) {
    panels_.reset();
    panels_.emplace(rows_, spec_, ScreenKind::floats, n_threads);
  }
}

// Asks a few rows for their neighbours: where codes leave too many to measure exactly, float32 panels serve better.
bool MetricScan::screen_tells_rows_apart(int n_threads) {
  constexpr std::int64_t most_queries = 16, k = 10;
  if (rows_.n_rows < 2048) return true;  // nothing to win or lose
  const std::size_t row_bytes = static_cast<std::size_t>(rows_.n_columns) * (rows_.is_double ? 8 : 4);
  std::vector<std::byte> sample(row_bytes * most_queries);
  std::vector<std::int64_t> exclude;
  for (std::int64_t i = 0; i < most_queries; ++i) {
    const std::int64_t row = (2 * i + 1) * rows_.n_rows / (2 * most_queries);
    const void* from = rows_.is_double ? static_cast<const void*>(rows_.doubles(row)) : rows_.floats(row);
    std::memcpy(&sample[row_bytes * static_cast<std::size_t>(i)], from, row_bytes);
    exclude.push_back(row);
  }
  const Rows queries{sample.data(), rows_.is_double, most_queries, rows_.n_columns};
  std::vector<double> distances(most_queries * k);
  std::vector<std::int64_t> ids(most_queries * k);
  Interrupt interrupt(nullptr);
  search(queries, k, n_threads, exclude.data(), nullptr, distances.data(), ids.data(), interrupt);
  return counts().n_exact < most_queries * std::max<std::int64_t>(200, rows_.n_rows / 100);
}

void MetricScan::note(const MeasureCounts& counts) {
  n_queries_ += counts.n_queries;
  n_candidates_ += counts.n_candidates;
  n_exact_ += counts.n_exact;
}

bool MetricScan::search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude,
                        const std::uint64_t* allowed, double* distances, std::int64_t* ids, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  check_values(queries, spec_, "query row");
  const std::int64_t per_query = (2 * k + 160) * static_cast<std::int64_t>(sizeof(IntervalCandidate)) + 12 * queries.n_columns;
  const std::int64_t chunk = std::clamp<std::int64_t>(collector_bytes / per_query, 48, 4096);
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    MeasureRun run(rows_, *panels_, queries, first, count, k, everything, exclude, allowed, n_threads, interrupt);
    const bool whole = run.run([&](std::int64_t query, const std::vector<Neighbor>& neighbors) {
      if (static_cast<std::int64_t>(neighbors.size()) != k) {
        throw std::logic_error("query " + std::to_string(first + query) + " has " +
                               std::to_string(neighbors.size()) + " answers instead of " + std::to_string(k));
      }
      for (std::int64_t i = 0; i < k; ++i) {
        distances[(first + query) * k + i] = reported(spec_.measure, neighbors[static_cast<std::size_t>(i)].distance);
        ids[(first + query) * k + i] = neighbors[static_cast<std::size_t>(i)].id;
      }
    });
    if (!whole) return false;
    note(run.counts());
  }
  return true;
}

bool MetricScan::search_radius(const Rows& queries, double radius, int n_threads, const std::int64_t* exclude,
                               const std::uint64_t* allowed, MeasureRadiusAnswer& answer, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  check_values(queries, spec_, "query row");
  answer.offsets.assign(1, 0);
  answer.neighbors.clear();
  // No radius reaches a distance that is not a number, which is infinite here (exact_measure.hpp).
  if (spec_.measure == Measure::nan_euclidean) radius = std::min(radius, std::numeric_limits<double>::max());
  constexpr std::int64_t chunk = 256;
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    MeasureRun run(rows_, *panels_, queries, first, count, 0, radius, exclude, allowed, n_threads, interrupt);
    std::vector<std::vector<Neighbor>> found(static_cast<std::size_t>(count));
    const bool whole = run.run([&](std::int64_t query, std::vector<Neighbor>& neighbors) {
      found[static_cast<std::size_t>(query)] = std::move(neighbors);
    });
    if (!whole) return false;
    note(run.counts());
    for (const std::vector<Neighbor>& neighbors : found) {
      for (const Neighbor& neighbor : neighbors) {
        answer.neighbors.push_back({reported(spec_.measure, neighbor.distance), neighbor.id});
      }
      answer.offsets.push_back(static_cast<std::int64_t>(answer.neighbors.size()));
    }
  }
  return true;
}

bool measure_rows(const Rows& queries, const Rows& rows, const MeasureSpec& spec, int n_threads, double* out,
                  Interrupt& interrupt) {
  check_values(rows, spec, "row");
  check_values(queries, spec, "query row");
  std::vector<std::int64_t> ids(static_cast<std::size_t>(rows.n_rows));
  std::iota(ids.begin(), ids.end(), 0);
  run_tasks(queries.n_rows, n_threads, [&](std::int64_t query) {
    if (interrupt.poll()) return;
    std::vector<double> wide(static_cast<std::size_t>(queries.n_columns));
    queries.widen(query, wide.data());
    ExactMeasure exact(rows, spec, kernels());
    exact.set_query(wide.data());
    double* line = out + query * rows.n_rows;
    exact(ids.data(), rows.n_rows, line);
    for (std::int64_t row = 0; row < rows.n_rows; ++row) line[row] = reported(spec.measure, line[row]);
  });
  return !interrupt.stopped();
}

}  // namespace kneighbors
