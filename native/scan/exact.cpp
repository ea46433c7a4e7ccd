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
  switch (metric_) {
    case Metric::squared_euclidean:
      if (rows_.is_double) {
        kernels_.squared_float64(query_, rows_.doubles(), rows_.n_columns, ids, n_ids, distances);
      } else {
        kernels_.squared_float32(query_, rows_.floats(), rows_.n_columns, ids, n_ids, distances);
      }
      return;
    case Metric::inner_product:
      if (rows_.is_double) {
        kernels_.dot_float64(query_, rows_.doubles(), rows_.n_columns, ids, n_ids, distances);
      } else {
        kernels_.dot_float32(query_, rows_.floats(), rows_.n_columns, ids, n_ids, distances);
      }
      for (std::int64_t i = 0; i < n_ids; ++i) {  // inf - inf among overflowing products: farthest, by definition
        if (std::isnan(distances[i])) distances[i] = std::numeric_limits<double>::infinity();
      }
      return;
    case Metric::cosine:
      squares_.resize(static_cast<std::size_t>(n_ids));
      if (rows_.is_double) {
        kernels_.cosine_float64(query_, rows_.doubles(), rows_.n_columns, ids, n_ids, distances, squares_.data());
      } else {
        kernels_.cosine_float32(query_, rows_.floats(), rows_.n_columns, ids, n_ids, distances, squares_.data());
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
