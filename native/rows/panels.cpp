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
#include <unistd.h>
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

PanelMemory::PanelMemory(std::int64_t n_panels, std::int64_t n_words, bool with_scales)
    : capacity(n_panels),
      // Matrix registers read some words more than the last panel has.
      values(allocate_array<std::uint32_t>((n_panels * n_words + matrix_words_at_once) * panel_rows)),
      base(allocate_array<float>(n_panels * panel_rows)),
      error(allocate_array<float>(n_panels * panel_rows)) {
  if (with_scales) scale = allocate_array<float>(n_panels * panel_rows);
}

namespace {

// The first `count` panels, to place `to` of other memory.
void copy_panels(const PanelMemory& source, PanelMemory& target, std::int64_t to, std::int64_t count,
                 std::int64_t n_words) {
  const std::int64_t n_values = count * panel_rows;
  std::copy_n(source.values.get(), n_values * n_words, target.values.get() + to * panel_rows * n_words);
  std::copy_n(source.base.get(), n_values, target.base.get() + to * panel_rows);
  std::copy_n(source.error.get(), n_values, target.error.get() + to * panel_rows);
  if (source.scale) std::copy_n(source.scale.get(), n_values, target.scale.get() + to * panel_rows);
}

// Lets go of the pages of mapped rows that have been read: a file larger than memory is packed in little of it. The
// mapping is read-only, so what is let go is what the file holds.
void release_rows([[maybe_unused]] const Rows& rows, [[maybe_unused]] std::int64_t begin,
                  [[maybe_unused]] std::int64_t end) {
#if defined(__linux__)
  const std::int64_t row_bytes = rows.n_columns * (rows.is_double ? 8 : 4);
  const std::uintptr_t page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(rows.data);
  const std::int64_t last_row = std::min({end, rows.n_rows, rows.n_first});
  const std::uintptr_t from = (first + static_cast<std::uintptr_t>(begin * row_bytes)) / page * page;
  const std::uintptr_t to = (first + static_cast<std::uintptr_t>(last_row * row_bytes)) / page * page;
  if (from < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
#endif
}

}  // namespace

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
      n_full_(rows.n_rows / panel_rows),
      gamma_(codec.score_error(rows.n_columns)),
      eta_(gamma_) {
  frame_.choose(rows);
  if (codec_.kind() == CodecKind::int8) choose_rotation_and_eta(rows);
  full_ = new_memory(n_full_);
  full_->n_taken = n_full_;
  if (n_panels_ > n_full_) last_ = new_memory(1);
  pack(rows, 0, n_threads);
}

Panels::Panels(const Panels& earlier, const Rows& rows, int n_threads)
    : frame_(earlier.frame_),
      codec_(earlier.codec_),
      n_rows_(rows.n_rows),
      n_words_(earlier.n_words_),
      n_panels_((rows.n_rows + panel_rows - 1) / panel_rows),
      n_full_(rows.n_rows / panel_rows),
      gamma_(earlier.gamma_),
      eta_(earlier.eta_),
      full_(earlier.full_) {
  if (n_full_ > earlier.n_full_) {
    // The panels behind those of `earlier` are free unless somebody else has grown from it too.
    std::int64_t expected = earlier.n_full_;
    if (n_full_ > full_->capacity || !full_->n_taken.compare_exchange_strong(expected, n_full_)) {
      full_ = new_memory(std::max(n_full_, earlier.n_full_ + earlier.n_full_ / 2));
      full_->n_taken = n_full_;
      if (earlier.n_full_ > 0) copy_panels(*earlier.full_, *full_, 0, earlier.n_full_, n_words_);
    }
  }
  if (n_panels_ > n_full_) last_ = new_memory(1);
  if (earlier.last_) {
    const bool is_full_now = earlier.n_full_ < n_full_;
    copy_panels(*earlier.last_, is_full_now ? *full_ : *last_, is_full_now ? earlier.n_full_ : 0, 1, n_words_);
  }
  pack(rows, earlier.n_rows_, n_threads);
}

std::shared_ptr<PanelMemory> Panels::new_memory(std::int64_t n_panels) const {
  return std::make_shared<PanelMemory>(n_panels, n_words_, codec_.kind() == CodecKind::int8);
}

std::int64_t Panels::bytes() const {
  return bytes((full_->capacity + (last_ ? 1 : 0)) * panel_rows, frame_.n_columns(), codec_);
}

void Panels::pack(const Rows& rows, std::int64_t first_row, int n_threads) {
  constexpr std::int64_t panels_per_task = 16;
  const std::int64_t first_panel = first_row / panel_rows;
  run_tasks((n_panels_ - first_panel + panels_per_task - 1) / panels_per_task, n_threads, [&](std::int64_t task) {
    const std::int64_t begin = first_panel + task * panels_per_task;
    const std::int64_t end = std::min(n_panels_, begin + panels_per_task);
    for (std::int64_t panel = begin; panel < end; ++panel) {
      pack_panel(rows, panel, panel == first_panel ? static_cast<int>(first_row % panel_rows) : 0);
    }
    if (rows.is_mapped) release_rows(rows, begin * panel_rows, end * panel_rows);
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

// Rows before `first_lane` are there already.
void Panels::pack_panel(const Rows& rows, std::int64_t panel, int first_lane) {
  const std::int64_t n_columns = frame_.n_columns();
  const double double_error = double_sum_error(n_columns);
  std::uint32_t* values =
      panel < n_full_ ? full_->values.get() + panel * panel_rows * n_words_ : last_->values.get();
  float* base = at(panel, &PanelMemory::base);
  float* error = at(panel, &PanelMemory::error);
  float* scale = codec_.kind() == CodecKind::int8 ? at(panel, &PanelMemory::scale) : nullptr;
  thread_local std::vector<double> row;
  row.resize(static_cast<std::size_t>(n_columns));

  for (int lane = first_lane; lane < panel_rows; ++lane) {
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
