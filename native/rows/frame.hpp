// SPDX-License-Identifier: Apache-2.0
// The space the screen works in: rows centred, scaled by a power of two, perhaps rotated. Distances keep their
// order there; any centre, exponent and rotation keep answers exact, these keep the screen sharp.
#pragma once

#include <cstdint>
#include <vector>

#include "rows/rows.hpp"

namespace kneighbors {

// The factor 2^-k that brings the largest |value| into [0.5, 1), as the re-rank of cosine defines it; 1 for zeros.
double power_of_two_scale(const double* values, std::int64_t count);

// Relative error of the float64 sums: norms in the screen, distances in the re-rank.
double double_sum_error(std::int64_t n_columns);

// Throws std::invalid_argument naming row and column of the first value that is NaN or infinite.
void require_finite(const double* values, std::int64_t n_columns, const char* what, std::int64_t row);

class Frame {
 public:
  Frame(Metric metric, std::int64_t n_columns);

  // Centre and exponent from a fixed sample of the rows: the column medians, which one wild row cannot move, and
  // the typical distance from there.
  void choose(const Rows& rows);
  // Or what a file kept of them.
  void restore(std::vector<double> center, int exponent);

  // Random signs, then Hadamard transforms in blocks: spreads what sits in few columns over all of a block, so that
  // one scale per row serves every column.
  void rotate() { rotated_ = true; }
  bool rotated() const { return rotated_; }

  // The row before centring: widened, for cosine divided by its norm. Returns false for a zero row under cosine.
  bool widen(const Rows& rows, std::int64_t row, double* out, const char* what) const;

  // From there into the frame, in place. A query under inner product is not centred: q.x = q.center + q.(x - center).
  void place_row(double* values) const { place(values, true, scale_); }
  void place_query(double* values, double own_scale) const {
    place(values, metric_ != Metric::inner_product, metric_ == Metric::inner_product ? own_scale : scale_);
  }

  // Absolute error of a placed vector of this norm: the roundings of the steps above.
  double placement_error(double norm) const;

  Metric metric() const { return metric_; }
  int exponent() const { return exponent_; }
  std::int64_t n_columns() const { return n_columns_; }
  const std::vector<double>& center() const { return center_; }

 private:
  void place(double* values, bool centred, double scale) const;

  Metric metric_;
  std::int64_t n_columns_;
  std::vector<double> center_;
  std::vector<std::uint64_t> flips_;  // sign bits of the rotation
  int exponent_ = 0;
  double scale_ = 1;
  bool rotated_ = false;
};

}  // namespace kneighbors
