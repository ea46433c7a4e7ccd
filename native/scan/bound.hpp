// SPDX-License-Identifier: Apache-2.0
// The bound: which rows can still be among the nearest, judged by a float32 score. docs/algorithms/exact-scan.md
// derives every line; the symbols are those of rows/panels.hpp, with u and u~ for the query, e_q = |u - u~|.
//
//   L2, cosine:     D = |u - r|, D~ = |u~ - r~|, |D - D~| <= e_q + e. With w = T + e_q, where T is the k-th distance
//                   known so far, D <= T is possible only if  u~.r~ - |r~|^2/2 + w e + e^2/2 >= (|u~|^2 - w^2)/2.
//                   The tile's arithmetic can lose gamma |u~||r~| more. error = e + eta |r~| times the larger of w
//                   and |u~| gamma/eta covers both.
//   inner product:  |u.r - u~.r~| <= |u~| e + e_q (|r~| + e), and again gamma |u~||r~|.
// The tile compares  score + weight * error  with the threshold; both sides are rounded outward, and rounding is
// monotonic, so a row that could belong never fails the comparison.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "rows/panels.hpp"

namespace kneighbors {

class QueryBound {
 public:
  // Encodes the widened query (for cosine divided by its norm; `has_direction` says whether it has one) into words
  // `stride` apart. `values` is overwritten.
  QueryBound(const Panels& panels, double* values, bool has_direction, std::uint32_t* words, std::int64_t stride)
      : metric_(panels.frame().metric()),
        gamma_(panels.gamma()),
        eta_(panels.eta()),
        double_error_(double_sum_error(panels.frame().n_columns())),
        underflow_(static_cast<double>(panels.frame().n_columns() + 8) * 0x1p-1070),
        exponent_(panels.frame().exponent()),
        slack_share_(2.2 * gamma_ + 0x1p-22 + 4 * double_error_),
        unscale_(std::ldexp(1.0, -exponent_)) {
    const Frame& frame = panels.frame();
    const double own_scale = metric_ == Metric::inner_product ? measure_inner_product(frame, values) : 1.0;
    frame.place_query(values, own_scale);
    const Encoding encoding = panels.codec().encode_query(values, frame.n_columns(), words, stride);
    scale_ = encoding.scale;
    start_ = encoding.offset;
    square_ = encoding.square;
    norm_ = std::sqrt(square_) * (1 + double_error_);
    error_ = std::sqrt(encoding.residual_square) * (1 + double_error_) +
             frame.placement_error(std::sqrt(encoding.wide_square));
    if (!has_direction) error_ = 1.5;
    screenable_ = norm_ < largest_screened_norm && error_ < largest_screened_norm && std::isfinite(gamma_) &&
                  std::isfinite(offset_) && std::isfinite(offset_error_);
    if (!screenable_) {
      panels.codec().clear(frame.n_columns(), words, stride);
      scale_ = 0;
      start_ = 0;
    }
  }

  float scale() const { return scale_; }
  std::int32_t start() const { return start_; }

  // The tile's two numbers, such that every row whose exact distance is at most `distance` survives.
  void allow(double distance, float& weight, float& threshold) const {
    weight = 0;
    threshold = -std::numeric_limits<float>::infinity();  // everything survives
    if (!screenable_ || !(distance < std::numeric_limits<double>::infinity())) return;
    double heavy, limit;
    if (metric_ == Metric::inner_product) {
      heavy = weight_of_inner_product();
      const double placed = std::ldexp(distance, exponent_);
      limit = -placed - offset_ - offset_error_ - std::fabs(placed) * double_error_;
      limit -= (std::fabs(placed) + std::fabs(offset_)) * 1e-15;
    } else {
      const double reach = scaled_reach(distance) + error_;
      if (!(reach < largest_screened_norm)) return;
      heavy = std::max(reach, gamma_ / eta_ * norm_);
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
      const double least = value - weight_of_inner_product() * spread * (1 + 1e-12) - 4 * score_underflow;
      double most = -(least + offset_) + offset_error_;
      most += (std::fabs(least) + std::fabs(offset_)) * 1e-14;
      return std::ldexp(most + std::fabs(most) * double_error_, -exponent_) + underflow_;
    }
    // base = -|r~|^2/2 + e^2/2 + slack gives |r~|^2 <= error^2 - 2 base + 2 slack, slack a small share of |base|.
    const double slack = std::fabs(static_cast<double>(base)) * slack_share_ + 4 * score_underflow;
    const double row_square = at_least_zero(spread * spread - 2.0 * base + 2 * slack) * (1 + 2 * double_error_);
    double square = square_ * (1 + double_error_) + spread * spread - 2 * value;
    square += 2 * (gamma_ * norm_ * std::sqrt(row_square) + 2.2 * slack);
    square += (square_ + row_square) * (double_error_ + 1e-15);
    const double distance = std::sqrt(at_least_zero(square)) * (1 + 1e-14) + error_ + spread;
    if (metric_ == Metric::cosine) return distance * distance / 2 * (1 + 1e-14) + 2 * double_error_;
    const double unscaled = distance * unscale_;
    return unscaled * unscaled * (1 + double_error_) + underflow_;
  }

 private:
  static double at_least_zero(double value) { return value > 0 ? value : 0; }

  // How far apart, in the screen's space, a query and a row with this reported distance can be.
  double scaled_reach(double distance) const {
    if (metric_ == Metric::cosine) return std::sqrt(2 * at_least_zero(distance + 2 * double_error_)) * (1 + 1e-14);
    return std::ldexp(std::sqrt((distance + underflow_) * (1 + double_error_)) * (1 + 1e-14), exponent_);
  }

  // error = e + eta |r~| times this covers  |u~| e + e_q (|r~| + e) + gamma |u~||r~|.
  double weight_of_inner_product() const {
    return std::max(norm_ + error_, (error_ + gamma_ * norm_) / eta_) * (1 + 1e-12);
  }

  // q.x = q.center + q.(x - center): the first part, offset_, is the same for every row. The query gets a power of
  // two of its own, which no order depends on; products are compared as the frame scales them, so that neither
  // their parts nor the squares of the norms can leave float64's range unseen.
  double measure_inner_product(const Frame& frame, const double* query) {
    const double own = power_of_two_scale(query, frame.n_columns());
    const double center_scale = std::ldexp(1.0, exponent_);
    exponent_ += std::ilogb(own);
    double query_square = 0, center_square = 0;
    for (std::int64_t j = 0; j < frame.n_columns(); ++j) {
      const double value = query[j] * own, center = frame.center()[static_cast<std::size_t>(j)] * center_scale;
      offset_ += value * center;
      query_square += value * value;
      center_square += center * center;
    }
    const double query_norm = std::sqrt(query_square), center_norm = std::sqrt(center_square);
    // Rounding of this sum, and of the part of the exact float64 q.x that the centre causes.
    offset_error_ = 4 * double_error_ * query_norm * center_norm + std::ldexp(underflow_, exponent_) + 0x1p-1000;
    // Where a product could overflow, its float64 sum may be infinite or no number: nothing to bound.
    const double largest_product = query_norm * (center_norm + largest_screened_norm);
    if (!(std::ldexp(largest_product, -exponent_) < 0x1p1000)) offset_ = std::numeric_limits<double>::infinity();
    return own;
  }

  Metric metric_;
  double gamma_, eta_, double_error_, underflow_;
  int exponent_;
  double slack_share_, unscale_;  // constants of `upper`
  double square_ = 0, norm_ = 0, error_ = 0;
  double offset_ = 0, offset_error_ = 0;
  float scale_ = 1;
  std::int32_t start_ = 0;
  bool screenable_ = false;
};

}  // namespace kneighbors
