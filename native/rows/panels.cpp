// SPDX-License-Identifier: Apache-2.0
#include "rows/panels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <string>

#include "threads/pool.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace kneighbors {

double accumulation_error(std::int64_t n_columns) {
  const double units = (2.0 * static_cast<double>(n_columns) + 32.0) * 0x1p-24;
  return units < 0.25 ? units / (1.0 - units) : std::numeric_limits<double>::infinity();
}

double double_sum_error(std::int64_t n_columns) { return (static_cast<double>(n_columns) + 32.0) * 0x1p-52; }

float round_up(double value) {
  const float nearest = static_cast<float>(value);
  return std::nextafter(nearest, std::numeric_limits<float>::infinity());
}

float round_down(double value) {
  const float nearest = static_cast<float>(value);
  return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
}

double power_of_two_scale(const double* values, std::int64_t count) {
  double largest = 0;
  for (std::int64_t j = 0; j < count; ++j) largest = std::max(largest, std::fabs(values[j]));
  if (!(largest > 0) || !std::isfinite(largest)) return 1.0;
  int exponent = 0;
  (void)std::frexp(largest, &exponent);
  return std::ldexp(1.0, -std::max(exponent, -1022));
}

void AlignedDelete::operator()(float* memory) const { std::free(memory); }

AlignedFloats allocate_floats(std::int64_t count) {
  constexpr std::size_t huge_page = std::size_t{1} << 21;
  const std::size_t size = static_cast<std::size_t>(count) * sizeof(float);
  const std::size_t alignment = size >= huge_page ? huge_page : 64;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  float* memory = static_cast<float*>(std::aligned_alloc(alignment, std::max(rounded, alignment)));
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  if (size >= huge_page) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return AlignedFloats(memory);
}

std::int64_t Panels::bytes(std::int64_t n_rows, std::int64_t n_columns) {
  const std::int64_t padded = (n_rows + panel_rows - 1) / panel_rows * panel_rows;
  return padded * (n_columns + 2) * static_cast<std::int64_t>(sizeof(float));
}

Panels::Panels(const Rows& rows, Metric metric, int n_threads)
    : metric_(metric),
      n_rows_(rows.n_rows),
      n_columns_(rows.n_columns),
      n_panels_((rows.n_rows + panel_rows - 1) / panel_rows),
      center_(static_cast<std::size_t>(rows.n_columns), 0.0) {
  choose_frame(rows);
  values_ = allocate_floats(n_panels_ * panel_rows * n_columns_);
  base_ = allocate_floats(n_panels_ * panel_rows);
  error_ = allocate_floats(n_panels_ * panel_rows);
  constexpr std::int64_t panels_per_task = 16;
  run_tasks((n_panels_ + panels_per_task - 1) / panels_per_task, n_threads, [&](std::int64_t task) {
    const std::int64_t last = std::min(n_panels_, (task + 1) * panels_per_task);
    for (std::int64_t panel = task * panels_per_task; panel < last; ++panel) pack_panel(rows, panel);
  });
}

// The row before centring: widened, and for cosine divided by its norm.
void Panels::prepare_row(const Rows& rows, std::int64_t row, double* out, bool& is_zero) const {
  rows.widen(row, out);
  is_zero = false;
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    if (!std::isfinite(out[j])) {
      throw std::invalid_argument("row " + std::to_string(row) + ", column " + std::to_string(j) + " holds " +
                                  (std::isnan(out[j]) ? "NaN" : "an infinite value") +
                                  "; every value must be finite");
    }
  }
  if (metric_ != Metric::cosine) return;
  const double scale = power_of_two_scale(out, n_columns_);
  double square = 0;
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    out[j] *= scale;
    square += out[j] * out[j];
  }
  is_zero = square == 0;
  if (is_zero) return;
  const double norm = std::sqrt(square);
  for (std::int64_t j = 0; j < n_columns_; ++j) out[j] /= norm;
}

// Any centre and any exponent keep answers exact; these keep the screen sharp. Both come from a fixed sample: the
// column medians, which one wild row cannot move, and the typical distance from there.
void Panels::choose_frame(const Rows& rows) {
  constexpr std::int64_t most = 511;
  const std::int64_t count = std::min(most, n_rows_);
  if (count == 0) return;
  std::vector<double> sample(static_cast<std::size_t>(count * n_columns_));
  bool is_zero = false;
  for (std::int64_t i = 0; i < count; ++i) prepare_row(rows, i * n_rows_ / count, &sample[i * n_columns_], is_zero);

  std::vector<double> column(static_cast<std::size_t>(count));
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    for (std::int64_t i = 0; i < count; ++i) column[i] = sample[i * n_columns_ + j];
    std::nth_element(column.begin(), column.begin() + count / 2, column.end());
    center_[j] = column[count / 2];
  }
  if (metric_ == Metric::cosine) return;  // unit rows need no scaling

  std::vector<double> norms;
  for (std::int64_t i = 0; i < count; ++i) {
    double largest = 0;  // first the largest entry, so that the squares cannot leave float64's range
    for (std::int64_t j = 0; j < n_columns_; ++j) {
      largest = std::max(largest, std::fabs(sample[i * n_columns_ + j] - center_[j]));
    }
    if (largest > 0 && std::isfinite(largest)) norms.push_back(largest);
  }
  if (norms.empty()) return;
  std::nth_element(norms.begin(), norms.begin() + norms.size() / 2, norms.end());
  (void)std::frexp(norms[norms.size() / 2], &exponent_);
  exponent_ = std::clamp(-exponent_, -1000, 1000);
}

void Panels::pack_panel(const Rows& rows, std::int64_t panel) {
  const double gamma = accumulation_error(n_columns_);
  const double double_error = double_sum_error(n_columns_);
  const double scale = std::ldexp(1.0, exponent_);
  float* values = values_.get() + panel * panel_rows * n_columns_;
  float* base = base_.get() + panel * panel_rows;
  float* error = error_.get() + panel * panel_rows;
  thread_local std::vector<double> row;
  row.resize(static_cast<std::size_t>(n_columns_));

  for (int lane = 0; lane < panel_rows; ++lane) {
    const std::int64_t id = panel * panel_rows + lane;
    if (id >= n_rows_) {  // padding: never reported, whatever it scores
      for (std::int64_t j = 0; j < n_columns_; ++j) values[j * panel_rows + lane] = 0;
      base[lane] = -std::numeric_limits<float>::infinity();
      error[lane] = 0;
      continue;
    }
    bool is_zero = false;
    prepare_row(rows, id, row.data(), is_zero);
    double square = 0, residual_square = 0, wide_square = 0;
    for (std::int64_t j = 0; j < n_columns_; ++j) {
      const double wide = (row[j] - center_[j]) * scale;
      const float narrow = static_cast<float>(wide);
      const double residual = wide - narrow;
      square += static_cast<double>(narrow) * narrow;
      residual_square += residual * residual;
      wide_square += wide * wide;
      values[j * panel_rows + lane] = narrow;
    }
    // The rounding of row - center, and for cosine that of the norm and the division.
    double residual = std::sqrt(residual_square) * (1 + double_error) + std::sqrt(wide_square) * 0x1p-51 + 1e-300;
    if (metric_ == Metric::cosine) residual += 2 * double_error;
    if (is_zero) residual = 1.5;  // by definition at distance 1 from everything: sqrt(2) among unit vectors
    const double norm = std::sqrt(square);
    const double slack_unit = static_cast<double>(n_columns_ + 2) * 0x1p-148;  // what denormal products can lose
    double value = 0;
    if (metric_ != Metric::inner_product) {
      value = (residual * residual - square) / 2;
      value += std::fabs(value) * 1.02 * gamma + square * double_error;
    }
    value += slack_unit;
    const double spread = residual + gamma * norm;
    // Written so that NaN fails the test.
    if (norm < largest_screened_norm && spread < largest_screened_norm) {
      base[lane] = round_up(value);
      error[lane] = round_up(spread * (1 + 1e-12));
    } else {
      for (std::int64_t j = 0; j < n_columns_; ++j) values[j * panel_rows + lane] = 0;
      base[lane] = std::numeric_limits<float>::infinity();
      error[lane] = 0;
    }
  }
}

}  // namespace kneighbors
