// SPDX-License-Identifier: Apache-2.0
#include "scan/flat_scan.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <string>

#include "kernels/dispatch.hpp"

namespace kneighbors {

namespace {

// Collected candidates of all queries at work stay below this.
constexpr std::int64_t collector_bytes = 64 << 20;

// With fewer rows than this a sample says nothing, and less than so many survivors are not worth counting.
constexpr std::int64_t fewest_to_sample = 2048;
constexpr double fewest_to_count = 32;

}  // namespace

FlatScan::FlatScan(const Rows& rows, Metric metric, CodecKind wanted, int n_threads)
    : rows_(rows), metric_(metric), wanted_(wanted) {
  build(n_threads);
}

FlatScan::FlatScan(const FlatScan& earlier, const Rows& rows, int n_threads)
    : rows_(rows),
      metric_(earlier.metric_),
      wanted_(earlier.wanted_),
      survivors_(earlier.survivors_),
      n_rows_seen_(earlier.n_rows_seen_),
      n_renewals_(earlier.n_renewals_) {
  const bool is_small = survivors_ < 0 && rows.n_rows < fewest_to_sample;
  if (!is_small && survivors_ < 0) {  // the frame was chosen from a handful of rows
    ++n_renewals_;
    build(n_threads);
    return;
  }
  panels_.emplace(*earlier.panels_, rows, n_threads);
  // Once in an eighth more rows, so that looking costs a fixed share of packing.
  if (is_small || rows.n_rows - n_rows_seen_ < n_rows_seen_ / 8) return;
  const double now = std::max(sampled_survivors(0, n_threads), sampled_survivors(n_rows_seen_, n_threads));
  n_rows_seen_ = rows.n_rows;
  if (now <= 2 * std::max(survivors_, fewest_to_count)) return;
  ++n_renewals_;
  build(n_threads);
}

// Chooses frame, scales and codec from the rows there are now.
void FlatScan::build(int n_threads) {
  n_rows_seen_ = rows_.n_rows;
  panels_.emplace(rows_, metric_, Codec(wanted_, kernels().code_bits), n_threads);
  if (rows_.n_rows < fewest_to_sample) return;  // nothing to win or lose
  survivors_ = sampled_survivors(0, n_threads);
  // An exact distance costs about as much as screening twenty rows: where codes leave too many to measure, float32
  // panels serve better.
  const double most = static_cast<double>(std::max<std::int64_t>(200, rows_.n_rows / 100));
  if (wanted_ == CodecKind::int8 && survivors_ >= most) {
    panels_.reset();
    panels_.emplace(rows_, metric_, Codec(CodecKind::float32), n_threads);
    survivors_ = sampled_survivors(0, n_threads);
  }
}

CodecKind FlatScan::usual_codec(std::int64_t n_columns) {
  // Below 8 columns the comparison costs more than the products.
  return n_columns < 8 || n_columns > Codec::most_int8_columns ? CodecKind::float32 : CodecKind::int8;
}

// Asks a few of the rows from `first_row` on for their neighbours: how many rows had to be measured for each.
double FlatScan::sampled_survivors(std::int64_t first_row, int n_threads) {
  constexpr std::int64_t most_queries = 16, k = 10;
  const std::size_t row_bytes = static_cast<std::size_t>(rows_.n_columns) * (rows_.is_double ? 8 : 4);
  std::vector<std::byte> sample(row_bytes * most_queries);
  std::vector<std::int64_t> exclude;
  for (std::int64_t i = 0; i < most_queries; ++i) {
    const std::int64_t row = first_row + (2 * i + 1) * (rows_.n_rows - first_row) / (2 * most_queries);
    const void* from = rows_.is_double ? static_cast<const void*>(rows_.doubles(row)) : rows_.floats(row);
    std::memcpy(&sample[row_bytes * static_cast<std::size_t>(i)], from, row_bytes);
    exclude.push_back(row);
  }
  const Rows queries{sample.data(), rows_.is_double, most_queries, rows_.n_columns};
  std::vector<double> distances(most_queries * k);
  std::vector<std::int64_t> ids(most_queries * k);
  Interrupt interrupt(nullptr);
  search(queries, k, n_threads, exclude.data(), nullptr, distances.data(), ids.data(), interrupt);
  return static_cast<double>(n_exact_.load()) / most_queries;
}

// Screens, or measures the allowed rows at once where they are few for the panels they lie in.
bool FlatScan::gather(ScanRun& run, std::int64_t n_queries, const std::uint64_t* allowed) const {
  if (!allowed) return run.scan_panels();
  std::int64_t n_allowed = 0, n_open = 0;
  for (std::int64_t panel = 0; panel < n_panels(); ++panel) {
    n_allowed += std::popcount(allowed[panel]);
    n_open += allowed[panel] != 0;
  }
  // One exact distance costs as much as screening twenty rows for one query, or many more for each of a batch.
  const std::int64_t ratio = 20 * std::min<std::int64_t>(n_queries, 8);
  if (n_allowed > 256 && n_allowed * ratio > n_open * panel_rows) return run.scan_panels();
  std::vector<std::int64_t> chosen;
  chosen.reserve(static_cast<std::size_t>(n_allowed));
  for (std::int64_t panel = 0; panel < n_panels(); ++panel) {
    for (std::uint64_t word = allowed[panel]; word; word &= word - 1) {
      const std::int64_t row = panel * panel_rows + std::countr_zero(word);
      if (row < rows_.n_rows) chosen.push_back(row);
    }
  }
  return run.measure(chosen);
}

ScanStatistics FlatScan::statistics() const { return {n_queries_.load(), n_candidates_.load(), n_exact_.load()}; }

void FlatScan::note(const ScanStatistics& statistics) {
  n_queries_ += statistics.n_queries;
  n_candidates_ += statistics.n_candidates;
  n_exact_ += statistics.n_exact;
}

bool FlatScan::search(const Rows& queries, std::int64_t k, int n_threads, const std::int64_t* exclude,
                      const std::uint64_t* allowed, double* distances, std::int64_t* ids, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  const std::int64_t per_query = (2 * k + 160) * static_cast<std::int64_t>(sizeof(Candidate)) + 12 * queries.n_columns;
  const std::int64_t chunk = std::clamp<std::int64_t>(collector_bytes / per_query, 48, 4096);
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    ScanRun run(rows_, *panels_, queries, first, count, k, Collector::infinity, exclude, allowed, n_threads, interrupt);
    if (!gather(run, count, allowed)) return false;
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
                             const std::uint64_t* allowed, RadiusAnswer& answer, Interrupt& interrupt) {
  n_queries_ = 0, n_candidates_ = 0, n_exact_ = 0;
  answer.offsets.assign(1, 0);
  answer.neighbors.clear();
  constexpr std::int64_t chunk = 256;
  for (std::int64_t first = 0; first < queries.n_rows; first += chunk) {
    const std::int64_t count = std::min(chunk, queries.n_rows - first);
    ScanRun run(rows_, *panels_, queries, first, count, 0, radius, exclude, allowed, n_threads, interrupt);
    if (!gather(run, count, allowed)) return false;
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
