// SPDX-License-Identifier: Apache-2.0
// The screening copy of the rows: panels of 64 rows, encoded in a frame of their own.
//
// Symbols, here and in scan/bound.hpp (all in the frame; norms are Euclidean):
//   r   where a row should be there (real numbers);   r~  what its codes say
//   e   |r - r~|, rounded up, the rounding of every step included
//   gamma  what the tile's float32 arithmetic can lose, relative to |u~||r~| (Codec::score_error)
//   eta    a ratio that lets one product bound two: error = e + eta |r~|
// Per row the panels store
//   base   L2 and cosine: -|r~|^2/2 + e^2/2, inner product: 0; raised by what the tile can lose of it
//   error  e + eta |r~|
//   scale  int8 only: r~ = scale * codes
// A row that cannot be screened (not finite after centring, or far beyond the typical norm) has base = +inf: its
// score is never below a threshold, so it always survives to the exact re-rank.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "rows/codec.hpp"
#include "rows/frame.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

// Norms beyond this (in the frame) are left to the exact re-rank: their products could leave float32's range.
constexpr double largest_screened_norm = 0x1p40;

// What underflow can take from a score: products below float32's least, times factors up to the norm above.
constexpr double score_underflow = 0x1p-100;

// Strictly above (below) the argument, as float.
float round_up(double value);
float round_down(double value);

struct AlignedDelete {
  void operator()(void* memory) const;
};
template <class T>
using AlignedArray = std::unique_ptr<T[], AlignedDelete>;
void* allocate_aligned(std::int64_t bytes);
template <class T>
AlignedArray<T> allocate_array(std::int64_t count) {
  return AlignedArray<T>(static_cast<T*>(allocate_aligned(count * static_cast<std::int64_t>(sizeof(T)))));
}

class Panels {
 public:
  // Throws std::invalid_argument naming row and column when a value is NaN or infinite.
  Panels(const Rows& rows, Metric metric, Codec codec, int n_threads);

  std::int64_t n_panels() const { return n_panels_; }
  std::int64_t n_words() const { return n_words_; }
  std::int64_t panel_bytes() const { return panel_rows * n_words_ * 4; }
  const std::uint32_t* values(std::int64_t panel) const { return values_.get() + panel * panel_rows * n_words_; }
  const float* base(std::int64_t panel) const { return base_.get() + panel * panel_rows; }
  const float* error(std::int64_t panel) const { return error_.get() + panel * panel_rows; }
  const float* scale(std::int64_t panel) const { return scale_ ? scale_.get() + panel * panel_rows : nullptr; }
  float row_base(std::int64_t row) const { return base_[row]; }
  float row_error(std::int64_t row) const { return error_[row]; }

  const Frame& frame() const { return frame_; }
  const Codec& codec() const { return codec_; }
  double gamma() const { return gamma_; }
  double eta() const { return eta_; }

  static std::int64_t bytes(std::int64_t n_rows, std::int64_t n_columns, const Codec& codec);
  std::int64_t bytes() const { return bytes(n_rows_, frame_.n_columns(), codec_); }

 private:
  void choose_rotation_and_eta(const Rows& rows);
  void pack_panel(const Rows& rows, std::int64_t panel);

  Frame frame_;
  Codec codec_;
  std::int64_t n_rows_, n_words_, n_panels_;
  double gamma_, eta_;
  AlignedArray<std::uint32_t> values_;
  AlignedArray<float> base_, error_, scale_;
};

}  // namespace kneighbors
