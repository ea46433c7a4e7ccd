// SPDX-License-Identifier: Apache-2.0
// A borrowed row-major matrix of float32 or float64, and the metrics a dot product can serve.
#pragma once

#include <cstdint>

namespace kneighbors {

struct Rows {
  const void* data = nullptr;
  bool is_double = false;
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 0;

  const float* floats(std::int64_t row = 0) const { return static_cast<const float*>(data) + row * n_columns; }
  const double* doubles(std::int64_t row = 0) const { return static_cast<const double*>(data) + row * n_columns; }

  // Widens one row; exact.
  void widen(std::int64_t row, double* out) const {
    if (is_double) {
      const double* from = doubles(row);
      for (std::int64_t j = 0; j < n_columns; ++j) out[j] = from[j];
    } else {
      const float* from = floats(row);
      for (std::int64_t j = 0; j < n_columns; ++j) out[j] = from[j];
    }
  }
};

enum class Metric { squared_euclidean, inner_product, cosine };

}  // namespace kneighbors
