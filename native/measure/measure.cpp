// SPDX-License-Identifier: Apache-2.0
#include "measure/measure.hpp"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace kneighbors {
namespace {

constexpr std::pair<const char*, Measure> names[] = {
    {"manhattan", Measure::manhattan},         {"chebyshev", Measure::chebyshev},
    {"minkowski", Measure::minkowski},         {"hamming", Measure::hamming},
    {"canberra", Measure::canberra},           {"braycurtis", Measure::bray_curtis},
    {"haversine", Measure::haversine},         {"nan_euclidean", Measure::nan_euclidean},
    {"jaccard", Measure::jaccard},             {"dice", Measure::dice},
    {"rogerstanimoto", Measure::rogerstanimoto}, {"russellrao", Measure::russellrao},
    {"sokalsneath", Measure::sokalsneath},
};

}  // namespace

MeasureSpec measure_named(const std::string& name, double power, std::vector<double> weights, std::int64_t n_columns) {
  MeasureSpec spec;
  bool known = false;
  for (const auto& [own, measure] : names) {
    if (name == own) spec.measure = measure, known = true;
  }
  if (!known) throw std::invalid_argument("metric '" + name + "' has no tile");
  if (spec.measure == Measure::minkowski) {
    if (!(power > 0) || !std::isfinite(power)) {
      throw std::invalid_argument("minkowski needs a finite power above 0, got " + std::to_string(power));
    }
    for (const double weight : weights) {
      if (!(weight >= 0) || !std::isfinite(weight)) throw std::invalid_argument("weights must be finite and at least 0");
    }
    if (!weights.empty() && static_cast<std::int64_t>(weights.size()) != n_columns) {
      throw std::invalid_argument(std::to_string(weights.size()) + " weights were given for " +
                                  std::to_string(n_columns) + " columns");
    }
    spec.power = power;
    spec.weights = std::move(weights);
  } else if (!weights.empty()) {
    throw std::invalid_argument("metric '" + name + "' takes no weights here");
  }
  if (spec.measure == Measure::haversine && n_columns != 2) {
    throw std::invalid_argument("haversine needs two columns, got " + std::to_string(n_columns));
  }
  return spec;
}

double set_distance(Measure measure, std::int64_t common, std::int64_t query, std::int64_t row, std::int64_t columns) {
  const double c = static_cast<double>(common), n = static_cast<double>(columns);
  const double differing = static_cast<double>(query + row - 2 * common);
  const auto ratio = [](double numerator, double denominator) {  // two empty sets are the same
    return denominator > 0 ? numerator / denominator : 0.0;
  };
  switch (measure) {
    case Measure::jaccard: return ratio(differing, differing + c);
    case Measure::dice: return ratio(differing, 2 * c + differing);
    case Measure::rogerstanimoto: return ratio(2 * differing, n + differing);
    case Measure::russellrao: return ratio(n - c, n);
    case Measure::sokalsneath: return ratio(2 * differing, c + 2 * differing);
    default: return NAN;
  }
}

}  // namespace kneighbors
