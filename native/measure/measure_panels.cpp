// SPDX-License-Identifier: Apache-2.0
#include "measure/measure_panels.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "measure/haversine.hpp"
#include "threads/pool.hpp"

namespace kneighbors {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t most_byte_columns = 65536;  // sums of codes stay exact as float32
constexpr std::int64_t most_sampled = 511;

std::int64_t divide_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Few columns leave most of the eight bytes of a group empty.
bool takes_bytes(std::int64_t n_columns) { return n_columns >= 4 && n_columns <= most_byte_columns; }

// Centring and one common scale keep the order of distances that depend on differences alone.
bool is_of_differences(Measure measure) {
  return measure == Measure::manhattan || measure == Measure::chebyshev || measure == Measure::minkowski ||
         measure == Measure::nan_euclidean;
}

Term term_of(const MeasureSpec& spec, ScreenKind screen) {
  switch (spec.measure) {
    case Measure::manhattan: return screen == ScreenKind::bytes ? Term::bytes : Term::absolute;
    case Measure::chebyshev: return Term::largest;
    case Measure::minkowski:
      if (spec.power == 1) return Term::absolute;
      if (spec.power == 2) return Term::square;
      if (spec.power == 3) return Term::cube;
      if (spec.power == 4) return Term::fourth;
      return Term::power;
    case Measure::hamming: return screen == ScreenKind::bits ? Term::differing : Term::unequal;
    case Measure::canberra: return Term::canberra;
    case Measure::bray_curtis: return Term::bray_curtis;
    case Measure::haversine: return Term::square;
    case Measure::nan_euclidean: return Term::known_square;
    default: return Term::common;
  }
}

float nearest_float(double value) {
  if (value > std::numeric_limits<float>::max()) return std::numeric_limits<float>::infinity();
  if (value < -std::numeric_limits<float>::max()) return -std::numeric_limits<float>::infinity();
  return static_cast<float>(value);
}

template <class T>
bool all_zero_or_one(const T* values, std::int64_t count) {
  bool whole = true;
  for (std::int64_t i = 0; i < count; ++i) whole &= values[i] == 0 || values[i] == 1;
  return whole;
}

}  // namespace

ScreenKind MeasurePanels::usual_screen(const Rows& rows, const MeasureSpec& spec) {
  if (spec.of_sets()) return ScreenKind::bits;
  if (spec.measure == Measure::manhattan && takes_bytes(rows.n_columns)) return ScreenKind::bytes;
  if (spec.measure == Measure::hamming) {
    for (std::int64_t row = 0; row < rows.n_rows; ++row) {
      const bool whole = rows.is_double ? all_zero_or_one(rows.doubles(row), rows.n_columns)
                                        : all_zero_or_one(rows.floats(row), rows.n_columns);
      if (!whole) return ScreenKind::floats;
    }
    return ScreenKind::bits;
  }
  return ScreenKind::floats;
}

MeasurePanels::MeasurePanels(const Rows& rows, const MeasureSpec& spec, ScreenKind wanted, int n_threads)
    : spec_(spec),
      screen_(wanted),
      term_(term_of(spec, wanted)),
      n_rows_(rows.n_rows),
      n_columns_(rows.n_columns),
      n_placed_(spec.measure == Measure::haversine ? 3 : rows.n_columns),
      n_words_(wanted == ScreenKind::bits    ? divide_up(n_placed_, 32)
               : wanted == ScreenKind::bytes ? divide_up(n_placed_, 8)
                                             : n_placed_),
      entry_words_(wanted == ScreenKind::bytes ? 2 : 1),
      n_panels_(divide_up(rows.n_rows, panel_rows)) {
  if (screen_ != ScreenKind::bits) choose_frame(rows);
  if (screen_ == ScreenKind::bytes) choose_code_size(rows);
  values_ = allocate_array<std::uint32_t>(n_panels_ * panel_rows * row_words());
  error_ = allocate_array<float>(n_panels_ * panel_rows);
  if (screen_ == ScreenKind::bytes) start_ = allocate_array<std::int64_t>(n_panels_ * panel_rows);
  constexpr std::int64_t panels_per_task = 16;
  run_tasks(divide_up(n_panels_, panels_per_task), n_threads, [&](std::int64_t task) {
    const std::int64_t last = std::min(n_panels_, (task + 1) * panels_per_task);
    for (std::int64_t panel = task * panels_per_task; panel < last; ++panel) pack_panel(rows, panel);
  });
  if (screen_ == ScreenKind::floats) cap_errors();
}

std::int64_t MeasurePanels::usual_bytes(std::int64_t n_rows, std::int64_t n_columns, const MeasureSpec& spec) {
  const std::int64_t padded = divide_up(n_rows, panel_rows) * panel_rows;
  if (spec.of_sets()) return padded * (divide_up(n_columns, 32) * 4 + 4);
  if (spec.measure == Measure::manhattan && takes_bytes(n_columns)) return padded * (divide_up(n_columns, 8) * 8 + 12);
  return padded * ((spec.measure == Measure::haversine ? 3 : n_columns) * 4 + 4);
}

std::int64_t MeasurePanels::bytes() const {
  return n_panels_ * panel_rows * (row_words() * 4 + (start_ ? 12 : 4));
}

// Centre: column medians of a sample. Scale: the typical largest entry comes to [0.5, 1). Both may be anything.
void MeasurePanels::choose_frame(const Rows& rows) {
  center_.assign(static_cast<std::size_t>(n_columns_), 0.0);
  factor_.assign(static_cast<std::size_t>(n_columns_), 1.0);
  if (spec_.measure == Measure::haversine || spec_.measure == Measure::hamming) return;
  for (std::size_t j = 0; j < spec_.weights.size(); ++j) factor_[j] = std::pow(spec_.weights[j], 1.0 / spec_.power);
  const std::int64_t count = std::min(most_sampled, n_rows_);
  std::vector<double> sample(static_cast<std::size_t>(count * n_columns_)), column;
  for (std::int64_t i = 0; i < count; ++i) rows.widen(i * n_rows_ / count, sample.data() + i * n_columns_);
  if (is_of_differences(spec_.measure)) {
    for (std::int64_t j = 0; j < n_columns_; ++j) {
      column.clear();
      for (std::int64_t i = 0; i < count; ++i) {
        const double value = sample[static_cast<std::size_t>(i * n_columns_ + j)];
        if (!std::isnan(value)) column.push_back(value);
      }
      if (column.empty()) continue;
      const auto middle = column.begin() + static_cast<std::ptrdiff_t>(column.size() / 2);
      std::nth_element(column.begin(), middle, column.end());
      center_[static_cast<std::size_t>(j)] = *middle;
    }
  }
  std::vector<double> sizes;
  for (std::int64_t i = 0; i < count; ++i) {
    double largest = 0;
    for (std::int64_t j = 0; j < n_columns_; ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      const double value = (sample[static_cast<std::size_t>(i * n_columns_ + j)] - center_[at]) * factor_[at];
      if (std::fabs(value) > largest && std::isfinite(value)) largest = std::fabs(value);
    }
    if (largest > 0) sizes.push_back(largest);
  }
  if (sizes.empty()) return;
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  int exponent = 0;
  (void)std::frexp(*middle, &exponent);
  exponent_ = std::clamp(-exponent, -1000, 1000);
}

// One code is worth the same in every column: large enough that the sampled rows fit, but for a few entries.
void MeasurePanels::choose_code_size(const Rows& rows) {
  const std::int64_t count = std::min(most_sampled, n_rows_);
  std::vector<double> wide(static_cast<std::size_t>(n_columns_)), placed(wide.size()), sizes;
  for (std::int64_t i = 0; i < count; ++i) {
    rows.widen(i * n_rows_ / count, wide.data());
    place(wide.data(), placed.data());
    for (const double value : placed) sizes.push_back(std::fabs(value));
  }
  // What is cut off from one entry in a thousand costs less than coarser codes for all the others.
  const auto most = sizes.begin() + static_cast<std::ptrdiff_t>((sizes.size() - 1) * 999 / 1000);
  std::nth_element(sizes.begin(), most, sizes.end());
  code_size_ = *most > 1e-290 && std::isfinite(*most) ? *most / 126.5 : 1.0;
}

void MeasurePanels::place(const double* wide, double* placed) const {
  if (spec_.measure == Measure::haversine) {
    const SineCosine latitude = sine_cosine(wide[0]), longitude = sine_cosine(wide[1]);
    placed[0] = latitude.cosine * longitude.cosine;
    placed[1] = latitude.cosine * longitude.sine;
    placed[2] = latitude.sine;
    return;
  }
  if (spec_.measure == Measure::hamming) {
    std::copy(wide, wide + n_columns_, placed);
    return;
  }
  const double scale = std::ldexp(1.0, exponent_);
  for (std::int64_t j = 0; j < n_columns_; ++j) {
    placed[j] = (wide[j] - center_[static_cast<std::size_t>(j)]) * factor_[static_cast<std::size_t>(j)] * scale;
  }
}

Placed MeasurePanels::encode_floats(const double* placed, float* out, std::int64_t stride) const {
  Placed result;
  double sum = 0, squares = 0, largest = 0;
  const bool small_power = term_ == Term::power && spec_.power < 1;
  for (std::int64_t j = 0; j < n_placed_; ++j) {
    const double value = placed[j];
    float code = nearest_float(value);
    switch (spec_.measure) {
      case Measure::hamming:
        if (static_cast<double>(code) != value) sum += 1;
        break;
      case Measure::canberra: {
        const double size = std::fabs(value);
        if (value != 0 && !(size > 0x1p-100 && size < 0x1p60)) code = 0, sum += 2;
        break;
      }
      default:
        if (std::isnan(value) && spec_.measure == Measure::nan_euclidean) break;
        if (!(std::fabs(value) < 0x1p40)) {
          result.screenable = false;
          code = 0;
          break;
        }
        // 2^-50 covers the roundings of place(), 1e-300 what underflows there, 4e-16 a sine times a cosine.
        const double loss = std::fabs(value - static_cast<double>(code)) + std::fabs(value) * 0x1p-50 +
                            (spec_.measure == Measure::haversine ? 2e-15 : 1e-300);
        sum += small_power ? std::pow(loss, spec_.power) * (1 + 1e-12) : loss;
        squares += loss * loss;
        largest = std::max(largest, loss);
    }
    out[j * stride] = code;
  }
  const double slack = 1 + static_cast<double>(n_placed_ + 32) * 0x1p-50;
  if (term_ == Term::largest) {
    result.error = largest;
  } else if (spec_.measure == Measure::haversine || spec_.measure == Measure::nan_euclidean ||
             (spec_.measure == Measure::minkowski && spec_.power >= 2)) {
    result.error = (std::sqrt(squares) + 1e-160) * slack;  // no smaller than the norm of a larger power
  } else {
    result.error = sum * slack;
  }
  if (!result.screenable) {
    for (std::int64_t j = 0; j < n_placed_; ++j) out[j * stride] = 0;
  }
  return result;
}

Placed MeasurePanels::encode_bits(const double* wide, std::uint32_t* out, std::int64_t stride,
                                  std::uint32_t* masks) const {
  Placed result;
  const bool sets = spec_.of_sets();
  for (std::int64_t word = 0; word < n_words_; ++word) {
    std::uint32_t bits = 0, mask = 0;
    for (std::int64_t j = word * 32; j < std::min(n_columns_, word * 32 + 32); ++j) {
      const std::uint32_t bit = std::uint32_t{1} << (j - word * 32);
      if (sets ? wide[j] != 0 : wide[j] == 1) bits |= bit;
      if (sets || wide[j] == 0 || wide[j] == 1) {
        mask |= bit;
      } else {
        ++result.unknown;
      }
    }
    out[word * stride] = bits;
    if (masks) masks[word * stride] = mask;
    result.size += std::popcount(bits);
  }
  return result;
}

Placed MeasurePanels::encode_bytes(const double* placed, std::uint64_t* out, std::int64_t stride) const {
  Placed result;
  double sum = 0;
  const double inverse = 1.0 / code_size_;
  for (std::int64_t word = 0; word < n_words_; ++word) {
    std::uint64_t packed = 0;
    for (std::int64_t j = word * 8; j < std::min(n_columns_, word * 8 + 8); ++j) {
      const double value = placed[j];
      const double code = std::clamp(std::nearbyint(value * inverse), -127.0, 127.0);
      if (!(std::fabs(value) < 0x1p40)) result.screenable = false;
      const int byte = result.screenable ? static_cast<int>(code) + 128 : 128;
      sum += std::fabs(value - code * code_size_) + std::fabs(value) * 0x1p-50 + 1e-300;
      packed |= static_cast<std::uint64_t>(byte) << (8 * (j - word * 8));
    }
    out[word * stride] = packed;
  }
  result.error = sum * (1 + static_cast<double>(n_columns_ + 32) * 0x1p-50);
  return result;
}

void MeasurePanels::pack_panel(const Rows& rows, std::int64_t panel) {
  std::vector<double> wide(static_cast<std::size_t>(n_columns_)), placed(static_cast<std::size_t>(n_placed_));
  std::uint32_t* values = values_.get() + panel * panel_rows * row_words();
  std::memset(values, 0, static_cast<std::size_t>(panel_bytes()));
  for (int lane = 0; lane < panel_rows; ++lane) {
    const std::int64_t row = panel * panel_rows + lane;
    float& error = error_[row];
    if (row >= n_rows_) {  // dropped by the comparison where it can tell, and by number in any case
      error = screen_ == ScreenKind::bits ? std::numeric_limits<float>::infinity()
                                          : -std::numeric_limits<float>::infinity();
      if (start_) start_[row] = std::int64_t{1} << 52;
      continue;
    }
    rows.widen(row, wide.data());
    if (screen_ == ScreenKind::bits) {
      error = static_cast<float>(encode_bits(wide.data(), values + lane, panel_rows, nullptr).size);
      continue;
    }
    place(wide.data(), placed.data());
    if (screen_ == ScreenKind::bytes) {
      std::uint64_t* out = reinterpret_cast<std::uint64_t*>(values) + lane;
      const Placed result = encode_bytes(placed.data(), out, panel_rows);
      const double codes = result.error / code_size_ * (1 + 1e-12) + 2;
      const bool screenable = result.screenable && codes < 0x1p40;
      error = screenable ? round_up(result.error) : std::numeric_limits<float>::infinity();
      start_[row] = screenable ? -static_cast<std::int64_t>(codes) : -(std::int64_t{1} << 52);
      continue;
    }
    const Placed result = encode_floats(placed.data(), reinterpret_cast<float*>(values) + lane, panel_rows);
    error = result.screenable ? round_up(result.error) : std::numeric_limits<float>::infinity();
  }
}

// A query's weight grows with the largest error of any row. A few rows far worse than the rest are left to the exact
// distance instead: their error is set to infinity.
void MeasurePanels::cap_errors() {
  std::vector<float> errors;
  for (std::int64_t row = 0; row < n_rows_; ++row) {
    if (std::isfinite(error_[row])) errors.push_back(error_[row]);
  }
  if (errors.empty()) return;
  const auto most = errors.begin() + static_cast<std::ptrdiff_t>((errors.size() - 1) * 999 / 1000);
  std::nth_element(errors.begin(), most, errors.end());
  const float cap = 64 * *most;
  for (std::int64_t row = 0; row < n_rows_; ++row) {
    if (error_[row] > cap) {
      error_[row] = std::numeric_limits<float>::infinity();
    } else {
      largest_error_ = std::max(largest_error_, static_cast<double>(error_[row]));
    }
  }
}

Placed MeasurePanels::place_query(const double* wide, std::uint32_t* words, std::int64_t stride) const {
  if (screen_ == ScreenKind::bits) {
    if (term_ != Term::differing) return encode_bits(wide, words, stride, nullptr);
    return encode_bits(wide, words, 2 * stride, words + stride);
  }
  std::vector<double> placed(static_cast<std::size_t>(n_placed_));
  place(wide, placed.data());
  if (screen_ == ScreenKind::bytes) {
    return encode_bytes(placed.data(), reinterpret_cast<std::uint64_t*>(words), stride);
  }
  return encode_floats(placed.data(), reinterpret_cast<float*>(words), stride);
}

std::int64_t MeasurePanels::common_bits(std::int64_t row, const std::uint32_t* query) const {
  const std::uint32_t* bits = values(row / panel_rows) + row % panel_rows;
  std::int64_t common = 0;
  for (std::int64_t word = 0; word < n_words_; ++word) common += std::popcount(bits[word * panel_rows] & query[word]);
  return common;
}

}  // namespace kneighbors
