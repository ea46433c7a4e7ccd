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

#include <atomic>
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

// Arrays for so many panels. Those that are filled are never written again.
struct PanelMemory {
  PanelMemory(std::int64_t n_panels, std::int64_t n_words, bool with_scales);

  const std::int64_t capacity;
  std::atomic<std::int64_t> n_taken{0};  // panels that belong to somebody
  AlignedArray<std::uint32_t> values;
  AlignedArray<float> base, error, scale;
};

// The rows that fill no whole panel have one of their own: adding rows fills a new one, and those who search the old
// panels meanwhile are not disturbed.
class Panels {
 public:
  // Throws std::invalid_argument naming row and column when a value is NaN or infinite.
  Panels(const Rows& rows, Metric metric, Codec codec, int n_threads);

  // The panels of `earlier` and of the rows that `rows` has beyond its own, in the same frame and codec. Costs in
  // proportion to the rows added: memory is shared, and when it is full half as much again is taken.
  Panels(const Panels& earlier, const Rows& rows, int n_threads);

  std::int64_t n_panels() const { return n_panels_; }
  std::int64_t n_full_panels() const { return n_full_; }  // these lie one after the other
  std::int64_t n_rows() const { return n_rows_; }
  std::int64_t n_words() const { return n_words_; }
  std::int64_t panel_bytes() const { return panel_rows * n_words_ * 4; }
  const std::uint32_t* values(std::int64_t panel) const {
    return panel < n_full_ ? full_->values.get() + panel * panel_rows * n_words_ : last_->values.get();
  }
  const float* base(std::int64_t panel) const { return at(panel, &PanelMemory::base); }
  const float* error(std::int64_t panel) const { return at(panel, &PanelMemory::error); }
  const float* scale(std::int64_t panel) const {
    return codec_.kind() == CodecKind::int8 ? at(panel, &PanelMemory::scale) : nullptr;
  }
  float row_base(std::int64_t row) const { return base(row / panel_rows)[row % panel_rows]; }
  float row_error(std::int64_t row) const { return error(row / panel_rows)[row % panel_rows]; }

  const Frame& frame() const { return frame_; }
  const Codec& codec() const { return codec_; }
  double gamma() const { return gamma_; }
  double eta() const { return eta_; }

  static std::int64_t bytes(std::int64_t n_rows, std::int64_t n_columns, const Codec& codec);
  std::int64_t bytes() const;

 private:
  void choose_rotation_and_eta(const Rows& rows);
  void pack(const Rows& rows, std::int64_t first_row, int n_threads);
  void pack_panel(const Rows& rows, std::int64_t panel, int first_lane);
  std::shared_ptr<PanelMemory> new_memory(std::int64_t n_panels) const;

  float* at(std::int64_t panel, AlignedArray<float> PanelMemory::* array) const {
    return panel < n_full_ ? ((*full_).*array).get() + panel * panel_rows : ((*last_).*array).get();
  }

  Frame frame_;
  Codec codec_;
  std::int64_t n_rows_, n_words_, n_panels_, n_full_;
  double gamma_, eta_;
  std::shared_ptr<PanelMemory> full_, last_;  // last_: null where the rows fill their panels
};

}  // namespace kneighbors
