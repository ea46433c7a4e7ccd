// SPDX-License-Identifier: Apache-2.0
// The screening copy for metrics that are no dot product: panels of 64 rows of float32, of bits or of byte codes.
//
// Symbols, here and in measure_bound.hpp: r is where a row should be after centring, weighting and scaling (real
// numbers), r~ what the panel says, e a bound on their distance that is stored as the row's error; u, u~ and e_q
// are the query's. What "distance" means there is the metric's own: a sum, the largest, or a number of columns.
// docs/algorithms/metric-scan.md derives every bound.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "measure/measure.hpp"
#include "rows/panels.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

enum class ScreenKind { floats, bits, bytes };

// One row or query as the panels see it.
struct Placed {
  double error = 0;        // e, or e_q
  bool screenable = true;  // false: some entry is beyond what the panels hold
  std::int64_t size = 0;   // bits: how many are set
  std::int64_t unknown = 0;  // bits of a hamming query: columns that hold neither 0 nor 1
};

class MeasurePanels {
 public:
  // Bytes need manhattan; bits are what sets have, and hamming where every entry is 0 or 1.
  MeasurePanels(const Rows& rows, const MeasureSpec& spec, ScreenKind wanted, int n_threads);

  static ScreenKind usual_screen(const Rows& rows, const MeasureSpec& spec);

  // What panels of such rows will hold, as far as the width alone tells (hamming: float32).
  static std::int64_t usual_bytes(std::int64_t n_rows, std::int64_t n_columns, const MeasureSpec& spec);

  // Writes one query into `words`; its entries are `stride` queries apart. bits of hamming: masks follow values.
  Placed place_query(const double* wide, std::uint32_t* words, std::int64_t stride) const;

  const MeasureSpec& spec() const { return spec_; }
  ScreenKind screen() const { return screen_; }
  Term term() const { return term_; }
  std::int64_t n_columns() const { return n_columns_; }
  std::int64_t n_panels() const { return n_panels_; }
  std::int64_t n_words() const { return n_words_; }                     // entries per row
  std::int64_t row_words() const { return n_words_ * entry_words_; }    // 32-bit words per row
  std::int64_t query_words() const { return row_words() * (term_ == Term::differing ? 2 : 1); }
  std::int64_t panel_bytes() const { return panel_rows * row_words() * 4; }
  const std::uint32_t* values(std::int64_t panel) const { return values_.get() + panel * panel_rows * row_words(); }
  const float* error(std::int64_t panel) const { return error_.get() + panel * panel_rows; }
  const std::int64_t* start(std::int64_t panel) const { return start_ ? start_.get() + panel * panel_rows : nullptr; }
  float row_error(std::int64_t row) const { return error_[row]; }

  int exponent() const { return exponent_; }           // lengths in the panels are 2^exponent true ones
  double largest_error() const { return largest_error_; }  // over the rows that can be screened
  double code_size() const { return code_size_; }      // bytes: what one code is worth
  std::int64_t bytes() const;

  // Bits that a row has in common with a query packed by place_query with stride 1.
  std::int64_t common_bits(std::int64_t row, const std::uint32_t* query) const;

 private:
  void choose_frame(const Rows& rows);
  void choose_code_size(const Rows& rows);
  void place(const double* wide, double* placed) const;
  Placed encode_floats(const double* placed, float* out, std::int64_t stride) const;
  Placed encode_bits(const double* wide, std::uint32_t* out, std::int64_t stride, std::uint32_t* masks) const;
  Placed encode_bytes(const double* placed, std::uint64_t* out, std::int64_t stride) const;
  void pack_panel(const Rows& rows, std::int64_t panel);
  void cap_errors();

  MeasureSpec spec_;
  ScreenKind screen_;
  Term term_;
  std::int64_t n_rows_, n_columns_, n_placed_, n_words_, entry_words_, n_panels_;
  std::vector<double> center_, factor_;
  int exponent_ = 0;
  double code_size_ = 0, largest_error_ = 0;
  AlignedArray<std::uint32_t> values_;
  AlignedArray<float> error_;
  AlignedArray<std::int64_t> start_;
};

}  // namespace kneighbors
