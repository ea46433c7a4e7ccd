// SPDX-License-Identifier: Apache-2.0
#include "scan/flat_scan.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/dispatch.hpp"

namespace kneighbors {

namespace {

// Collected candidates of all queries at work stay below this.
constexpr std::int64_t collector_bytes = 64 << 20;

}  // namespace

FlatScan::FlatScan(const Rows& rows, Metric metric, CodecKind wanted, int n_threads)
    : rows_(rows), metric_(metric) {
  panels_.emplace(rows, metric, Codec(wanted, kernels().code_bits), n_threads);
  if (wanted == CodecKind::int8 && !codes_tell_rows_apart(n_threads)) {
    panels_.reset();
    panels_.emplace(rows, metric, Codec(CodecKind::float32), n_threads);
  }
}

CodecKind FlatScan::usual_codec(std::int64_t n_columns) {
  // Below 8 columns the comparison costs more than the products.
  return n_columns < 8 || n_columns > Codec::most_int8_columns ? CodecKind::float32 : CodecKind::int8;
}

// Asks a few rows for their neighbours: where codes leave too many to measure exactly, float32 panels serve better.
bool FlatScan::codes_tell_rows_apart(int n_threads) {
  constexpr std::int64_t most_queries = 16, k = 10;
  if (rows_.n_rows < 2048) return true;  // nothing to win or lose
  const std::size_t row_bytes = static_cast<std::size_t>(rows_.n_columns) * (rows_.is_double ? 8 : 4);
  std::vector<std::byte> sample(row_bytes * most_queries);
  std::vector<std::int64_t> exclude;
  for (std::int64_t i = 0; i < most_queries; ++i) {
    const std::int64_t row = (2 * i + 1) * rows_.n_rows / (2 * most_queries);
    std::memcpy(&sample[row_bytes * static_cast<std::size_t>(i)],
                static_cast<const std::byte*>(rows_.data) + static_cast<std::size_t>(row) * row_bytes, row_bytes);
    exclude.push_back(row);
  }
  const Rows queries{sample.data(), rows_.is_double, most_queries, rows_.n_columns};
  std::vector<double> distances(most_queries * k);
  std::vector<std::int64_t> ids(most_queries * k);
  Interrupt interrupt(nullptr);
  search(queries, k, n_threads, exclude.data(), distances.data(), ids.data(), interrupt);
  const ScanStatistics seen = statistics();
  // An exact distance costs about as much as screening twenty rows.
  return seen.n_exact < most_queries * std::max<std::int64_t>(200, rows_.n_rows / 100);
}

ScanStatistics FlatScan::statistics() const { return {n_queries_.load(), n_candidates_.load(), n_exact_.load()}; }

void FlatScan::note(const ScanStatistics& statistics) {
  n_queries_ += statistics.n_queries;
  n_candidates_ += statistics.n_candidates;
  n_exact_ += statistics.n_exact;
}

bool FlatScan::search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude,
                      double* distances, std::int64_t* ids, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  const std::int64_t per_query = (2 * k + 160) * static_cast<std::int64_t>(sizeof(Candidate)) + 12 * queries.n_columns;
  const std::int64_t chunk = std::clamp<std::int64_t>(collector_bytes / per_query, 48, 4096);
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    ScanRun run(rows_, *panels_, queries, first, count, k, Collector::infinity, exclude, n_threads, interrupt);
    if (!run.scan_panels()) return false;
    const bool whole = run.finish([&](std::int64_t query, const std::vector<Neighbor>& neighbors) {
      if (static_cast<std::int64_t>(neighbors.size()) != k) {
        throw std::logic_error("query " + std::to_string(first + query) + " has " +
                               std::to_string(neighbors.size()) + " answers instead of " + std::to_string(k));
      }
      for (std::int64_t i = 0; i < k; ++i) {
        distances[(first + query) * k + i] = neighbors[i].distance;
        ids[(first + query) * k + i] = neighbors[i].id;
      }
    });
    if (!whole) return false;
    note(run.statistics());
  }
  return true;
}

bool FlatScan::search_radius(const Rows& queries, double radius, int n_threads, const std::int64_t* exclude,
                             RadiusAnswer& answer, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  answer.offsets.assign(1, 0);
  answer.neighbors.clear();
  constexpr std::int64_t chunk = 256;
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    ScanRun run(rows_, *panels_, queries, first, count, 0, radius, exclude, n_threads, interrupt);
    if (!run.scan_panels()) return false;
    std::vector<std::vector<Neighbor>> found(static_cast<std::size_t>(count));
    const bool whole = run.finish(
        [&](std::int64_t query, std::vector<Neighbor>& neighbors) { found[query] = std::move(neighbors); });
    if (!whole) return false;
    note(run.statistics());
    for (const std::vector<Neighbor>& neighbors : found) {
      answer.neighbors.insert(answer.neighbors.end(), neighbors.begin(), neighbors.end());
      answer.offsets.push_back(static_cast<std::int64_t>(answer.neighbors.size()));
    }
  }
  return true;
}

}  // namespace kneighbors
