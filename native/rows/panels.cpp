// SPDX-License-Identifier: Apache-2.0
#include "rows/panels.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <new>

#include "threads/pool.hpp"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace kneighbors {

float round_up(double value) {
  return std::nextafter(static_cast<float>(value), std::numeric_limits<float>::infinity());
}

float round_down(double value) {
  return std::nextafter(static_cast<float>(value), -std::numeric_limits<float>::infinity());
}

void AlignedDelete::operator()(void* memory) const { std::free(memory); }

void* allocate_aligned(std::int64_t bytes) {
  constexpr std::size_t huge_page = std::size_t{1} << 21;
  const std::size_t size = static_cast<std::size_t>(bytes);
  const std::size_t alignment = size >= huge_page ? huge_page : 64;
  const std::size_t rounded = std::max((size + alignment - 1) / alignment * alignment, alignment);
  void* memory = std::aligned_alloc(alignment, rounded);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  if (size >= huge_page) madvise(memory, rounded, MADV_HUGEPAGE);
#endif
  return memory;
}

std::int64_t Panels::bytes(std::int64_t n_rows, std::int64_t n_columns, const Codec& codec) {
  const std::int64_t padded = (n_rows + panel_rows - 1) / panel_rows * panel_rows;
  return padded * (codec.words(n_columns) + (codec.kind() == CodecKind::int8 ? 3 : 2)) * 4;
}

Panels::Panels(const Rows& rows, Metric metric, Codec codec, int n_threads)
    : frame_(metric, rows.n_columns),
      codec_(codec),
      n_rows_(rows.n_rows),
      n_words_(codec.words(rows.n_columns)),
      n_panels_((rows.n_rows + panel_rows - 1) / panel_rows),
      gamma_(codec.score_error(rows.n_columns)),
      eta_(gamma_) {
  frame_.choose(rows);
  if (codec_.kind() == CodecKind::int8) choose_rotation_and_eta(rows);
  values_ = allocate_array<std::uint32_t>(n_panels_ * panel_rows * n_words_);
  base_ = allocate_array<float>(n_panels_ * panel_rows);
  error_ = allocate_array<float>(n_panels_ * panel_rows);
  if (codec_.kind() == CodecKind::int8) scale_ = allocate_array<float>(n_panels_ * panel_rows);
  constexpr std::int64_t panels_per_task = 16;
  run_tasks((n_panels_ + panels_per_task - 1) / panels_per_task, n_threads, [&](std::int64_t task) {
    const std::int64_t last = std::min(n_panels_, (task + 1) * panels_per_task);
    for (std::int64_t panel = task * panels_per_task; panel < last; ++panel) pack_panel(rows, panel);
  });
}

// Encodes a sample both ways and keeps the sharper: rotation helps where few columns hold much of a row, and hurts
// where the codes are exact as they are (counts, one-hot columns).
void Panels::choose_rotation_and_eta(const Rows& rows) {
  constexpr std::int64_t most = 64;
  const std::int64_t count = std::min(most, n_rows_), n_columns = frame_.n_columns();
  std::vector<double> row(static_cast<std::size_t>(n_columns));
  std::vector<std::uint32_t> words(static_cast<std::size_t>(n_words_));
  const auto typical_error = [&](const Frame& frame) {
    std::vector<double> ratios;
    for (std::int64_t i = 0; i < count; ++i) {
      if (!frame.widen(rows, i * n_rows_ / count, row.data(), "row")) continue;
      frame.place_row(row.data());
      const Encoding encoding = codec_.encode_row(row.data(), n_columns, words.data(), 1);
      if (encoding.wide_square > 0) ratios.push_back(std::sqrt(encoding.residual_square / encoding.wide_square));
    }
    if (ratios.empty()) return 0.0;
    const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
    std::nth_element(ratios.begin(), middle, ratios.end());
    return *middle;
  };
  double error = typical_error(frame_);
  Frame turned = frame_;
  turned.rotate();
  const double turned_error = typical_error(turned);
  if (turned_error < 0.8 * error) {  // less would not pay for the transform
    frame_ = turned;
    error = turned_error;
  }
  eta_ = 64 * gamma_;
  if (frame_.metric() == Metric::inner_product && std::isfinite(error)) eta_ = std::max(eta_, error);
}

void Panels::pack_panel(const Rows& rows, std::int64_t panel) {
  const std::int64_t n_columns = frame_.n_columns();
  const double double_error = double_sum_error(n_columns);
  std::uint32_t* values = values_.get() + panel * panel_rows * n_words_;
  float* base = base_.get() + panel * panel_rows;
  float* error = error_.get() + panel * panel_rows;
  float* scale = scale_ ? scale_.get() + panel * panel_rows : nullptr;
  thread_local std::vector<double> row;
  row.resize(static_cast<std::size_t>(n_columns));

  for (int lane = 0; lane < panel_rows; ++lane) {
    const std::int64_t id = panel * panel_rows + lane;
    if (scale) scale[lane] = 0;
    error[lane] = 0;
    if (id >= n_rows_) {  // padding: never reported, whatever it scores
      codec_.clear(n_columns, values + lane, panel_rows);
      base[lane] = -std::numeric_limits<float>::infinity();
      continue;
    }
    const bool has_direction = frame_.widen(rows, id, row.data(), "row");
    frame_.place_row(row.data());
    const Encoding encoding = codec_.encode_row(row.data(), n_columns, values + lane, panel_rows);
    double residual = std::sqrt(encoding.residual_square) * (1 + double_error) +
                      frame_.placement_error(std::sqrt(encoding.wide_square));
    // A zero vector is by definition at cosine distance 1 from everything: at sqrt(2) among unit vectors.
    if (!has_direction) residual = 1.5;
    const double square = encoding.square, norm = std::sqrt(square);
    double value = 0;
    if (frame_.metric() != Metric::inner_product) {
      value = (residual * residual - square) / 2;
      value += std::fabs(value) * 1.02 * gamma_ + square * double_error;
    }
    value += score_underflow;
    const double spread = (residual + eta_ * norm) * (1 + 1e-12);
    if (norm < largest_screened_norm && spread < largest_screened_norm) {  // false for NaN
      base[lane] = round_up(value);
      error[lane] = round_up(spread);
      if (scale) scale[lane] = encoding.scale;
    } else {
      codec_.clear(n_columns, values + lane, panel_rows);
      base[lane] = std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace kneighbors
