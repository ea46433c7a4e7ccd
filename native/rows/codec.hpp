// SPDX-License-Identifier: Apache-2.0
// What a panel holds for a row, and what the tile is given for a query: float32 values, or 8-bit codes with a scale.
#pragma once

#include <cstdint>

namespace kneighbors {

enum class CodecKind { float32, int8 };

// Facts about an encoding v~ of values v, for the bound. Sums of squares, in float64.
struct Encoding {
  double square = 0;           // |v~|^2
  double residual_square = 0;  // |v - v~|^2
  double wide_square = 0;      // |v|^2
  float scale = 1;             // int8: v~ = scale * codes
  std::int32_t offset = 0;     // int8 queries: what the tile's sums start from, to undo the rows' bias
};

class Codec {
 public:
  // bits: of an int8 row code, 8 or 7. Seven let two products share 16 bits where there is no byte dot product.
  explicit Codec(CodecKind kind, int bits = 8) : kind_(kind), bits_(bits) {}

  CodecKind kind() const { return kind_; }
  int bits() const { return bits_; }
  const char* name() const { return kind_ == CodecKind::float32 ? "float32" : "int8"; }

  // 32-bit words a row takes.
  std::int64_t words(std::int64_t n_columns) const {
    return kind_ == CodecKind::float32 ? n_columns : (n_columns + 3) / 4;
  }

  // Each writes words(n_columns) words, `stride` words apart.
  Encoding encode_row(const double* values, std::int64_t n_columns, std::uint32_t* out, std::int64_t stride) const;
  Encoding encode_query(const double* values, std::int64_t n_columns, std::uint32_t* out, std::int64_t stride) const;
  void clear(std::int64_t n_columns, std::uint32_t* out, std::int64_t stride) const;

  // Relative error of the tile's score against |u~||r~|: what its float32 arithmetic can lose.
  double score_error(std::int64_t n_columns) const;

  // Integer sums stay within 32 bits up to this many columns.
  static constexpr std::int64_t most_int8_columns = 65000;

 private:
  Encoding encode_float32(const double* values, std::int64_t n_columns, std::uint32_t* out, std::int64_t stride) const;

  CodecKind kind_;
  int bits_;
};

}  // namespace kneighbors
