// SPDX-License-Identifier: Apache-2.0
#include "scan/exact.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kneighbors {

void ExactDistance::set_query(const double* query) {
  query_ = query;
  if (metric_ != Metric::cosine) return;
  const std::int64_t self = 0;
  double dot = 0;
  kernels_.cosine_float64(query, query, rows_.n_columns, &self, 1, &dot, &query_square_);
}

void ExactDistance::operator()(const std::int64_t* ids, std::int64_t n_ids, double* distances) {
  if (!rows_.added) return measure(rows_.data, ids, n_ids, distances);
  for (const bool is_added : {false, true}) {
    part_ids_.clear();
    part_places_.clear();
    for (std::int64_t i = 0; i < n_ids; ++i) {
      if ((ids[i] >= rows_.n_first) != is_added) continue;
      part_ids_.push_back(is_added ? ids[i] - rows_.n_first : ids[i]);
      part_places_.push_back(i);
    }
    part_distances_.resize(part_ids_.size());
    measure(is_added ? rows_.added : rows_.data, part_ids_.data(), static_cast<std::int64_t>(part_ids_.size()),
            part_distances_.data());
    for (std::size_t i = 0; i < part_ids_.size(); ++i) distances[part_places_[i]] = part_distances_[i];
  }
}

void ExactDistance::measure(const void* rows, const std::int64_t* ids, std::int64_t n_ids, double* distances) {
  const auto* doubles = static_cast<const double*>(rows);
  const auto* floats = static_cast<const float*>(rows);
  switch (metric_) {
    case Metric::squared_euclidean:
      if (rows_.is_double) {
        kernels_.squared_float64(query_, doubles, rows_.n_columns, ids, n_ids, distances);
      } else {
        kernels_.squared_float32(query_, floats, rows_.n_columns, ids, n_ids, distances);
      }
      return;
    case Metric::inner_product:
      if (rows_.is_double) {
        kernels_.dot_float64(query_, doubles, rows_.n_columns, ids, n_ids, distances);
      } else {
        kernels_.dot_float32(query_, floats, rows_.n_columns, ids, n_ids, distances);
      }
      for (std::int64_t i = 0; i < n_ids; ++i) {  // inf - inf among overflowing products: farthest, by definition
        if (std::isnan(distances[i])) distances[i] = std::numeric_limits<double>::infinity();
      }
      return;
    case Metric::cosine:
      squares_.resize(static_cast<std::size_t>(n_ids));
      if (rows_.is_double) {
        kernels_.cosine_float64(query_, doubles, rows_.n_columns, ids, n_ids, distances, squares_.data());
      } else {
        kernels_.cosine_float32(query_, floats, rows_.n_columns, ids, n_ids, distances, squares_.data());
      }
      for (std::int64_t i = 0; i < n_ids; ++i) {
        // sqrt(a * a) is a: a row is at distance exactly 0 from itself. A zero vector is at 1 from everything.
        const double product = query_square_ * squares_[i];
        const double cosine = product > 0 ? distances[i] / std::sqrt(product) : 0.0;
        distances[i] = 1.0 - std::clamp(cosine, -1.0, 1.0);
      }
      return;
  }
}

}  // namespace kneighbors
