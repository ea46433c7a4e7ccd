// SPDX-License-Identifier: Apache-2.0
// The bound: which rows can still be among the nearest, judged by a float32 score. docs/algorithms/exact-scan.md
// derives every line; the symbols are those of rows/panels.hpp, with u and u~ for the query, e_q = |u - u~|.
//
//   L2, cosine:     D = |u - r|, D~ = |u~ - r~|, |D - D~| <= e_q + e. With w = T + e_q, where T is the k-th distance
//                   known so far, D <= T is possible only if  u~.r~ - |r~|^2/2 + w e + e^2/2 >= (|u~|^2 - w^2)/2.
//   inner product:  |u.r - u~.r~| <= |u~| e + e_q (|r~| + e), and the float32 sum adds gamma |u~||r~|.
// The tile compares  score + weight * error  with the threshold; both sides are rounded outward, and rounding is
// monotonic, so a row that could belong never fails the comparison.
#pragma once

#include <cmath>
#include <limits>

#include "rows/panels.hpp"

namespace kneighbors {

class QueryBound {
 public:
  // Narrows the widened query into `narrow` (n_columns values, `stride` apart). For cosine the query comes divided
  // by its norm; `is_zero` says that it has none.
  QueryBound(const Panels& panels, const double* query, bool is_zero, float* narrow, std::int64_t stride)
      : metric_(panels.metric()),
        gamma_(accumulation_error(panels.n_columns())),
        double_error_(double_sum_error(panels.n_columns())),
        underflow_(static_cast<double>(panels.n_columns() + 8) * 0x1p-1070),
        exponent_(panels.exponent()) {
    const std::int64_t n_columns = panels.n_columns();
    const double* center = panels.center().data();
    double scale = std::ldexp(1.0, exponent_);
    if (metric_ == Metric::inner_product) measure_inner_product(query, center, n_columns, scale);
    double square = 0, residual_square = 0, wide_square = 0;
    for (std::int64_t j = 0; j < n_columns; ++j) {
      const double shifted = metric_ == Metric::inner_product ? query[j] : query[j] - center[j];
      const double wide = shifted * scale;
      const float value = static_cast<float>(wide);
      const double residual = wide - value;
      square += static_cast<double>(value) * value;
      residual_square += residual * residual;
      wide_square += wide * wide;
      narrow[j * stride] = value;
    }
    square_ = square;
    norm_ = std::sqrt(square) * (1 + double_error_);
    error_ = std::sqrt(residual_square) * (1 + double_error_) + std::sqrt(wide_square) * 0x1p-51 + 1e-300;
    if (metric_ == Metric::cosine) error_ += 2 * double_error_;
    if (is_zero) error_ = 1.5;
    screenable_ = norm_ < largest_screened_norm && error_ < largest_screened_norm && std::isfinite(gamma_) &&
                  std::isfinite(offset_) && std::isfinite(offset_error_);
    if (!screenable_) {
      for (std::int64_t j = 0; j < n_columns; ++j) narrow[j * stride] = 0;
    }
  }

  // The tile's two numbers, such that every row whose exact distance is at most `distance` survives.
  void allow(double distance, float& weight, float& threshold) const {
    weight = 0;
    threshold = -std::numeric_limits<float>::infinity();  // everything survives
    if (!screenable_ || !(distance < std::numeric_limits<double>::infinity())) return;
    double heavy, limit;
    if (metric_ == Metric::inner_product) {
      heavy = norm_ + error_ + error_ / gamma_;
      limit = std::ldexp(-distance - offset_ - offset_error_ - std::fabs(distance) * double_error_, exponent_);
      limit -= std::fabs(limit) * 1e-14;
    } else {
      const double reach = scaled_reach(distance) + error_;
      if (!(reach < largest_screened_norm)) return;
      heavy = reach > norm_ ? reach : norm_;
      limit = (square_ * (1 - double_error_) - reach * reach * (1 + 1e-14)) / 2;
      limit -= (square_ + reach * reach) * 1e-15;
    }
    if (!(std::fabs(limit) < 0x1p124) || !(heavy < 0x1p62)) return;
    weight = round_up(heavy * (1 + 0x1p-22));  // 2^-22: where there is no fused multiply-add
    threshold = round_down(limit);
  }

  // No row with this score lies farther than this; +inf where the screen cannot tell.
  double upper(float score, float base, float row_error) const {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (!screenable_ || !(base < infinity) || !std::isfinite(score)) return infinity;
    const double value = score, spread = row_error;
    if (metric_ == Metric::inner_product) {
      const double least = value - (norm_ + error_ + error_ / gamma_) * spread * (1 + 1e-12);
      const double dot = std::ldexp(least, -exponent_);
      const double distance = -(dot + offset_) + offset_error_;
      return distance + std::fabs(distance) * 1e-14 + std::fabs(dot) * 1e-14;
    }
    // base = -|r~|^2/2 + e^2/2 + slack gives |r~|^2 <= error^2 - 2 base + 2 slack, slack a small share of |base|.
    const double slack = std::fabs(static_cast<double>(base)) * (2.2 * gamma_ + 0x1p-22 + 4 * double_error_) + 1e-38;
    const double row_square = std::fmax(0.0, spread * spread - 2.0 * base + 2 * slack) * (1 + 2 * double_error_);
    const double row_norm = std::sqrt(row_square);
    double square = square_ * (1 + double_error_) + spread * spread - 2 * value;
    square += 2 * (gamma_ * norm_ * row_norm + 2.2 * slack) + (square_ + row_square) * (double_error_ + 1e-15);
    const double distance = std::sqrt(std::fmax(0.0, square)) * (1 + 1e-14) + error_ + spread;
    if (metric_ == Metric::cosine) return distance * distance / 2 * (1 + 1e-14) + 2 * double_error_;
    const double unscaled = std::ldexp(distance, -exponent_);
    return unscaled * unscaled * (1 + double_error_) + underflow_;
  }

 private:
  // How far apart, in the screen's space, a query and a row with this reported distance can be.
  double scaled_reach(double distance) const {
    if (metric_ == Metric::cosine) return std::sqrt(2 * std::fmax(0.0, distance + 2 * double_error_)) * (1 + 1e-14);
    return std::ldexp(std::sqrt((distance + underflow_) * (1 + double_error_)) * (1 + 1e-14), exponent_);
  }

  // q.x = q.center + q.(x - center): the first part is the same for every row. The query gets a power of two of
  // its own, which no order depends on.
  void measure_inner_product(const double* query, const double* center, std::int64_t n_columns, double& scale) {
    const double own = power_of_two_scale(query, n_columns);
    int own_exponent = 0;
    (void)std::frexp(own, &own_exponent);
    exponent_ += own_exponent - 1;
    scale = own;
    double query_square = 0, center_square = 0;
    for (std::int64_t j = 0; j < n_columns; ++j) {
      offset_ += query[j] * center[j];
      query_square += query[j] * query[j];
      center_square += center[j] * center[j];
    }
    // Rounding of this sum, and of the part of the exact float64 q.x that the centre causes.
    offset_error_ = 4 * double_error_ * std::sqrt(query_square) * std::sqrt(center_square) + underflow_;
  }

  Metric metric_;
  double gamma_, double_error_, underflow_;
  int exponent_;
  double square_ = 0, norm_ = 0, error_ = 0;
  double offset_ = 0, offset_error_ = 0;
  bool screenable_ = false;
};

}  // namespace kneighbors
