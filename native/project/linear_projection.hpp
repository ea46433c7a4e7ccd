// SPDX-License-Identifier: Apache-2.0
// Stored components: y = (x - mean) C^T in float64, in the summation order of the re-rank, rounded once to the
// rows' type. What PCA leaves behind after its fit.
#pragma once

#include <cstdint>
#include <vector>

#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

class LinearProjection {
 public:
  // components: [n_outputs][n_columns]; both are copied.
  LinearProjection(const double* mean, const double* components, std::int64_t n_outputs, std::int64_t n_columns);

  std::int64_t input_dim() const { return n_columns_; }
  std::int64_t target_dim() const { return n_outputs_; }
  std::int64_t memory_bytes() const { return static_cast<std::int64_t>((mean_.size() + components_.size()) * 8); }

  // out: [n_rows][n_outputs] of the rows' type. Returns false where somebody asked to stop; throws
  // ProjectionOverflow.
  template <class T>
  bool transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const;

 private:
  std::int64_t n_columns_, n_outputs_, padded_;
  std::vector<double> mean_, components_;  // padded with zeros to eight columns
};

}  // namespace kneighbors
