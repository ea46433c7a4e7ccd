// SPDX-License-Identifier: Apache-2.0
// The screening copy of the rows: panels of 64, centred, scaled by a power of two, narrowed to float32.
//
// Symbols, here and in scan/bound.hpp (all in the screen's scaled space; norms are Euclidean):
//   r   what a row should be there (real numbers): (row - center) * 2^exponent, or for cosine row/|row| - center
//   r~  what the panel holds
//   e   |r - r~|, rounded up, the rounding of every step included
//   gamma  the relative error of a float32 sum of n_columns products, however it is accumulated
// Per row the panel stores
//   base   L2 and cosine: -|r~|^2/2 + e^2/2, inner product: 0; raised by what accumulating from it can lose
//   error  e + gamma |r~|
// A row that cannot be screened (not finite after centring, or far beyond the typical norm) has base = +inf:
// its score is never below a threshold, so it always survives to the exact re-rank.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

// Norms beyond this (in the scaled space) are left to the exact re-rank: their products could leave float32's range.
constexpr double largest_screened_norm = 0x1p60;

// Relative error of a float32 dot product of n terms, each possibly a rounded multiply and a rounded add, with room
// for the float64 roundings of the bound itself.
double accumulation_error(std::int64_t n_columns);

// Relative error of the float64 sums (norms here, distances in the re-rank).
double double_sum_error(std::int64_t n_columns);

// Rounded towards +inf (or -inf) by at least one unit: the result as float is never below (above) the argument.
float round_up(double value);
float round_down(double value);

// The factor 2^-k that brings the largest |value| into [0.5, 1), as the re-rank of cosine defines it; 1 for zeros.
double power_of_two_scale(const double* values, std::int64_t count);

struct AlignedDelete {
  void operator()(float* memory) const;
};
using AlignedFloats = std::unique_ptr<float[], AlignedDelete>;
AlignedFloats allocate_floats(std::int64_t count);

class Panels {
 public:
  // Throws std::invalid_argument naming row and column when a value is NaN or infinite.
  Panels(const Rows& rows, Metric metric, int n_threads);

  std::int64_t n_panels() const { return n_panels_; }
  std::int64_t n_columns() const { return n_columns_; }
  const float* values(std::int64_t panel) const { return values_.get() + panel * panel_rows * n_columns_; }
  const float* base(std::int64_t panel) const { return base_.get() + panel * panel_rows; }
  const float* error(std::int64_t panel) const { return error_.get() + panel * panel_rows; }
  float row_base(std::int64_t row) const { return base_[row]; }
  float row_error(std::int64_t row) const { return error_[row]; }

  const std::vector<double>& center() const { return center_; }
  int exponent() const { return exponent_; }
  Metric metric() const { return metric_; }

  static std::int64_t bytes(std::int64_t n_rows, std::int64_t n_columns);

 private:
  void choose_frame(const Rows& rows);
  void pack_panel(const Rows& rows, std::int64_t panel);
  void prepare_row(const Rows& rows, std::int64_t row, double* out, bool& is_zero) const;

  Metric metric_;
  std::int64_t n_rows_, n_columns_, n_panels_;
  std::vector<double> center_;
  int exponent_ = 0;
  AlignedFloats values_, base_, error_;
};

}  // namespace kneighbors
