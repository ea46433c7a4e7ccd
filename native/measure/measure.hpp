// SPDX-License-Identifier: Apache-2.0
// The metrics that are no dot product, and what settles one of them. docs/algorithms/metric-scan.md defines each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kneighbors {

enum class Measure {
  manhattan,
  chebyshev,
  minkowski,
  hamming,
  canberra,
  bray_curtis,
  haversine,
  nan_euclidean,
  jaccard,
  dice,
  rogerstanimoto,
  russellrao,
  sokalsneath,
};

struct MeasureSpec {
  Measure measure = Measure::manhattan;
  double power = 0;             // minkowski: above 0 and finite
  std::vector<double> weights;  // minkowski: one per column, at least 0; or empty

  bool of_sets() const { return measure >= Measure::jaccard; }
};

// Throws std::invalid_argument for an unknown name, or for a power or weights that the metric cannot take.
MeasureSpec measure_named(const std::string& name, double power, std::vector<double> weights, std::int64_t n_columns);

// What a set metric needs of a pair: bits common to both, set in the query, set in the row, and columns in all.
double set_distance(Measure measure, std::int64_t common, std::int64_t query, std::int64_t row, std::int64_t columns);

}  // namespace kneighbors
