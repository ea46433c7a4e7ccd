// SPDX-License-Identifier: Apache-2.0
// The bounds of the metric scan, pair by pair (docs/algorithms/metric-scan.md, sections 3 to 7). Each query's tile is
// told the tightest distance it may be told, that of the pair itself, and the row must survive; and the interval that
// its sums give must hold the distance. Prints, per metric, the number of pairs, of rows lost, of intervals that miss,
// and a digest of the distances.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "kernels/dispatch.hpp"
#include "measure/exact_measure.hpp"
#include "measure/measure_bound.hpp"
#include "measure/measure_panels.hpp"
#include "threads/float_environment.hpp"

namespace {

using namespace kneighbors;

struct Counts {
  std::int64_t pairs = 0, lost = 0, missed = 0;
  std::uint64_t digest = 14695981039346656037u;  // of every distance's bits
};

std::mt19937_64 generator(7);
// Without the library's functions, so that every machine draws the same.
double uniform() { return static_cast<double>(generator() >> 11) * 0x1p-53; }
double normal() { return uniform() + uniform() + uniform() + uniform() + uniform() + uniform() - 3; }
int below(int limit) { return static_cast<int>(generator() % static_cast<std::uint64_t>(limit)); }

// Entries of one kind of data; `near` is a row to lie close to, or null.
double entry(Measure measure, int kind, const double* near, std::int64_t j) {
  if (measure >= Measure::jaccard) return uniform() < 0.4;
  if (measure == Measure::hamming) return kind % 2 ? below(2) : below(4) * (kind == 2 ? 1 + 0x1p-40 : 1.0);
  if (measure == Measure::haversine) return (uniform() - 0.5) * (j ? 6.28 : 3.14) * (kind == 3 ? 1e-6 : 1.0);
  if (measure == Measure::nan_euclidean && uniform() < 0.25) return NAN;
  switch (kind) {
    case 0: return normal();
    case 1: return 1000 + normal();
    case 2: {  // a few units in the last place, or float32's, apart
      double value = near && std::isfinite(near[j]) ? near[j] : 3 + normal();
      return below(2) ? value : value * (1 + (below(9) - 4) * (below(2) ? 0x1p-52 : 0x1p-25));
    }
    case 3: return normal() * std::pow(2.0, below(60) - 30);
    case 4: return below(3) ? 0.0 : normal() * 1e-310;
    default: return std::round(normal() * 4) * 1e200 * (below(50) ? 1 : 1e50);
  }
}

void check(const MeasureSpec& spec, std::optional<ScreenKind> forced, int kind, std::int64_t n_columns, Counts& counts) {
  const std::int64_t n_rows = 128, n_queries = 12;
  std::vector<double> values(static_cast<std::size_t>(n_rows * n_columns)), asked(static_cast<std::size_t>(n_queries * n_columns));
  for (std::int64_t i = 0; i < n_rows * n_columns; ++i) {
    values[static_cast<std::size_t>(i)] = entry(spec.measure, kind, i < n_columns ? nullptr : values.data(), i % n_columns);
  }
  for (std::int64_t i = 0; i < n_queries * n_columns; ++i) {
    asked[static_cast<std::size_t>(i)] = entry(spec.measure, kind, values.data(), i % n_columns);
  }
  const Rows rows{values.data(), true, n_rows, n_columns};
  const MeasurePanels panels(rows, spec, forced ? *forced : MeasurePanels::usual_screen(rows, spec), 1);
  ExactMeasure exact(rows, spec, kernels());
  std::vector<std::int64_t> ids(n_rows);
  std::iota(ids.begin(), ids.end(), 0);
  std::vector<double> distances(n_rows);
  const MeasureTileSet& set = kernels().measure.tiles[static_cast<int>(panels.term())];
  for (std::int64_t query = 0; query < n_queries; ++query) {
    const double* wide = asked.data() + query * n_columns;
    exact.set_query(wide);
    exact(ids.data(), n_rows, distances.data());
    std::vector<std::uint32_t> packed(static_cast<std::size_t>(panels.query_words()));
    const Placed placed = panels.place_query(wide, packed.data(), 1);
    const MeasureBound bound(panels, placed, kernels().measure.reciprocal_error);
    for (std::int64_t row = 0; row < n_rows; ++row) {
      const double distance = distances[static_cast<std::size_t>(row)];
      counts.digest = (counts.digest ^ std::bit_cast<std::uint64_t>(distance)) * 1099511628211u;
      const MeasureLimits limits = bound.allow(distance);
      MeasureTileArguments tile{};
      tile.queries = packed.data();
      tile.panel = panels.values(row / panel_rows);
      tile.row_error = panels.error(row / panel_rows);
      tile.row_start = panels.start(row / panel_rows);
      tile.limit = &limits.limit, tile.weight = &limits.weight, tile.share = &limits.share;
      tile.byte_limit = &limits.byte_limit;
      tile.n_words = panels.n_words();
      tile.power = static_cast<float>(spec.power);
      alignas(64) float first[panel_rows] = {}, second[panel_rows] = {};
      std::uint64_t mask = 0;
      const bool any = set.tiles[0](tile, first, second, &mask);
      const int lane = static_cast<int>(row % panel_rows);
      ++counts.pairs;
      if (!any || !(mask >> lane & 1)) {
        ++counts.lost;
        continue;
      }
      const Interval interval = bound.interval(first[lane], second[lane], panels.row_error(row));
      if (!(interval.lower <= distance && distance <= interval.upper)) ++counts.missed;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const FloatEnvironment environment;
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 3;
  const char* names[] = {"manhattan", "chebyshev", "minkowski", "hamming", "canberra", "braycurtis", "haversine",
                         "nan_euclidean", "jaccard", "dice", "rogerstanimoto", "russellrao", "sokalsneath"};
  const double powers[] = {0.3, 0.5, 1, 1.5, 2, 2.7, 3, 4, 5, 9.25, 60};
  for (const char* name : names) {
    Counts counts;
    for (int round = 0; round < rounds; ++round) {
      for (const double power : powers) {
        const bool has_power = std::string(name) == "minkowski";
        if (!has_power && power != 3) continue;
        for (int kind = 0; kind < 6; ++kind) {
          const std::int64_t n_columns = std::string(name) == "haversine" ? 2 : 1 + below(40);
          std::vector<double> weights;
          if (has_power && below(3) == 0) {
            for (std::int64_t j = 0; j < n_columns; ++j) weights.push_back(below(4) ? uniform() * 5 : 0.0);
          }
          const MeasureSpec spec = measure_named(name, power, weights, n_columns);
          check(spec, std::nullopt, kind, n_columns, counts);
          if (!spec.of_sets()) check(spec, ScreenKind::floats, kind, n_columns, counts);
        }
      }
    }
    std::printf("%s %lld %lld %lld %016llx\n", name, static_cast<long long>(counts.pairs),
                static_cast<long long>(counts.lost), static_cast<long long>(counts.missed),
                static_cast<unsigned long long>(counts.digest));
  }
}
