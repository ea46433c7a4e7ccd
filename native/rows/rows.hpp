// SPDX-License-Identifier: Apache-2.0
// A borrowed row-major matrix of float32 or float64, in one part or two, and the metrics a dot product can serve.
#pragma once

#include <cstdint>
#include <limits>

namespace kneighbors {

struct Rows {
  const void* data = nullptr;
  bool is_double = false;
  std::int64_t n_rows = 0;
  std::int64_t n_columns = 0;

  // Rows added later lie elsewhere, so that adding some never copies those there are: row n_first is the first.
  const void* added = nullptr;
  std::int64_t n_first = std::numeric_limits<std::int64_t>::max();

  // The first part is a read-only mapping of a file: its pages may be let go once they are read.
  bool is_mapped = false;

  const float* floats(std::int64_t row) const { return at<float>(row); }
  const double* doubles(std::int64_t row) const { return at<double>(row); }

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

 private:
  template <class T>
  const T* at(std::int64_t row) const {
    return row < n_first ? static_cast<const T*>(data) + row * n_columns
                         : static_cast<const T*>(added) + (row - n_first) * n_columns;
  }
};

enum class Metric { squared_euclidean, inner_product, cosine };

}  // namespace kneighbors
