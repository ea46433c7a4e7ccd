// SPDX-License-Identifier: Apache-2.0
#include "rows/frame.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>
#include <string>

#include "kernels/dispatch.hpp"

namespace kneighbors {
namespace {

constexpr std::int64_t largest_block = 512;

// Positions 0, 1, 2, ...: the rotation keeps every output of a transform.
const std::uint32_t* all_positions() {
  static const std::vector<std::uint32_t> positions = [] {
    std::vector<std::uint32_t> counted(largest_block);
    std::iota(counted.begin(), counted.end(), 0u);
    return counted;
  }();
  return positions.data();
}

}  // namespace

double power_of_two_scale(const double* values, std::int64_t count) {
  double largest = 0;
  for (std::int64_t j = 0; j < count; ++j) largest = std::max(largest, std::fabs(values[j]));
  if (!(largest > 0) || !std::isfinite(largest)) return 1.0;
  int exponent = 0;
  (void)std::frexp(largest, &exponent);
  return std::ldexp(1.0, -std::max(exponent, -1022));
}

double double_sum_error(std::int64_t n_columns) { return (static_cast<double>(n_columns) + 32.0) * 0x1p-52; }

void require_finite(const double* values, std::int64_t n_columns, const char* what, std::int64_t row) {
  double poison = 0;  // 0 * x is NaN exactly when x is not finite: one test for the whole row
  for (std::int64_t j = 0; j < n_columns; ++j) poison += 0.0 * values[j];
  if (poison == 0) [[likely]] return;
  for (std::int64_t j = 0; j < n_columns; ++j) {
    if (std::isfinite(values[j])) continue;
    throw std::invalid_argument(std::string(what) + " " + std::to_string(row) + ", column " + std::to_string(j) +
                                " holds " + (std::isnan(values[j]) ? "NaN" : "an infinite value") +
                                "; every value must be finite");
  }
}

Frame::Frame(Metric metric, std::int64_t n_columns)
    : metric_(metric), n_columns_(n_columns), center_(static_cast<std::size_t>(n_columns), 0.0) {
  flips_.resize(center_.size() + hadamard_block);
  std::uint64_t state = 0x9e3779b97f4a7c15u;
  for (std::int64_t j = 0; j < n_columns; ++j) {  // a fixed sequence: the frame depends on the data alone
    state = state * 6364136223846793005u + 1442695040888963407u;
    flips_[j] = state & (std::uint64_t{1} << 63);
  }
}

bool Frame::widen(const Rows& rows, std::int64_t row, double* out, const char* what) const {
  rows.widen(row, out);
  require_finite(out, n_columns_, what, row);
  if (metric_ != Metric::cosine) return true;
  const double scale = power_of_two_scale(out, n_columns_);
  double square = 0;
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    out[j] *= scale;
    square += out[j] * out[j];
  }
  if (square == 0) return false;
  const double norm = std::sqrt(square);
  for (std::int64_t j = 0; j < n_columns_; ++j) out[j] /= norm;
  return true;
}

void Frame::choose(const Rows& rows) {
  constexpr std::int64_t most = 511;
  const std::int64_t count = std::min(most, rows.n_rows);
  if (count == 0) return;
  std::vector<double> sample(static_cast<std::size_t>(count * n_columns_));
  for (std::int64_t i = 0; i < count; ++i) {
    widen(rows, i * rows.n_rows / count, &sample[static_cast<std::size_t>(i * n_columns_)], "row");
  }
  std::vector<double> column(static_cast<std::size_t>(count));
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    for (std::int64_t i = 0; i < count; ++i) column[i] = sample[i * n_columns_ + j];
    std::nth_element(column.begin(), column.begin() + count / 2, column.end());
    center_[j] = column[count / 2];
  }
  if (metric_ == Metric::cosine) return;  // unit rows need no scaling

  std::vector<double> reaches;  // the largest entry, not the norm: squares could leave float64's range
  for (std::int64_t i = 0; i < count; ++i) {
    double largest = 0;
    for (std::int64_t j = 0; j < n_columns_; ++j) {
      largest = std::max(largest, std::fabs(sample[i * n_columns_ + j] - center_[j]));
    }
    if (largest > 0 && std::isfinite(largest)) reaches.push_back(largest);
  }
  if (reaches.empty()) return;
  const auto middle = reaches.begin() + static_cast<std::ptrdiff_t>(reaches.size() / 2);
  std::nth_element(reaches.begin(), middle, reaches.end());
  (void)std::frexp(*middle, &exponent_);
  exponent_ = std::clamp(-exponent_, -1000, 1000);
  scale_ = std::ldexp(1.0, exponent_);
}

void Frame::restore(std::vector<double> center, int exponent) {
  center_ = std::move(center);
  exponent_ = exponent;
  scale_ = std::ldexp(1.0, exponent_);
}

void Frame::place(double* values, bool centred, double scale) const {
  if (centred) {
    for (std::int64_t j = 0; j < n_columns_; ++j) values[j] = (values[j] - center_[j]) * scale;
  } else {
    for (std::int64_t j = 0; j < n_columns_; ++j) values[j] *= scale;
  }
  if (!rotated_) return;
  alignas(64) double workspace[hadamard_workspace_values(largest_block)];
  for (std::int64_t first = 0; first < n_columns_;) {  // 784 is 512 + 256 + 16: no padding
    const auto left = static_cast<std::uint64_t>(std::min(largest_block, n_columns_ - first));
    const auto block = static_cast<std::int64_t>(std::bit_floor(left));
    double* part = values + first;
    kernels().project.hadamard_float64({part, 1, block, block, flips_.data() + first, all_positions(), block,
                                        1.0 / std::sqrt(static_cast<double>(block)), workspace, part});
    first += block;
  }
}

double Frame::placement_error(double norm) const {
  // Centring rounds once (2^-53), the rotation at most eleven times, and its factor is 1/sqrt(block) to 2^-53.
  double error = norm * (rotated_ ? 0x1p-48 : 0x1p-51) + 1e-300;
  if (metric_ == Metric::cosine) error += 2 * double_sum_error(n_columns_);
  return error;
}

}  // namespace kneighbors
