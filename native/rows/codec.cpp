// SPDX-License-Identifier: Apache-2.0
#include "rows/codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace kneighbors {
namespace {

// The scale that maps the largest |value| to the largest code; 0 when there is nothing to encode or no finite scale.
float code_scale(const double* values, std::int64_t n_columns, int largest_code) {
  double largest = 0;
  for (std::int64_t j = 0; j < n_columns; ++j) largest = std::max(largest, std::fabs(values[j]));
  const double scale = largest / largest_code;
  if (!(scale > 1e-30) || !(scale < 1e30)) return 0;
  return static_cast<float>(scale);
}

// Writes one byte per column, four to a word: code + bias. Returns the sum of the codes.
std::int64_t encode_bytes(const double* values, std::int64_t n_columns, int largest_code, int bias, Encoding& result,
                          std::uint32_t* out, std::int64_t stride) {
  const double scale = result.scale;
  const double inverse = scale > 0 ? 1.0 / scale : 0.0;
  const double limit = largest_code;
  // Adding and subtracting this rounds to the nearest integer, without a call.
  constexpr double round_magic = 0x1.8p52;
  std::int64_t sum = 0, square = 0;
  for (std::int64_t j = 0; j < n_columns; j += 4) {
    std::uint32_t word = 0;
    for (std::int64_t i = 0; i < 4; ++i) {
      int code = 0;
      if (j + i < n_columns) {
        const double value = values[j + i];
        const double rounded = (std::min(std::max(value * inverse, -limit), limit) + round_magic) - round_magic;
        code = static_cast<int>(rounded);
        const double residual = value - scale * rounded;
        result.residual_square += residual * residual;
        result.wide_square += value * value;
        sum += code;
        square += code * code;
      }
      word |= static_cast<std::uint32_t>((code + bias) & 0xff) << (8 * i);
    }
    out[(j / 4) * stride] = word;
  }
  result.square = scale * scale * static_cast<double>(square);
  return sum;
}

}  // namespace

Encoding Codec::encode_row(const double* values, std::int64_t n_columns, std::uint32_t* out,
                           std::int64_t stride) const {
  if (kind_ == CodecKind::float32) return encode_float32(values, n_columns, out, stride);
  Encoding result;
  const int bias = 1 << (bits_ - 1);
  result.scale = code_scale(values, n_columns, bias - 1);
  encode_bytes(values, n_columns, bias - 1, bias, result, out, stride);
  return result;
}

Encoding Codec::encode_query(const double* values, std::int64_t n_columns, std::uint32_t* out,
                             std::int64_t stride) const {
  if (kind_ == CodecKind::float32) return encode_float32(values, n_columns, out, stride);
  Encoding result;
  result.scale = code_scale(values, n_columns, 127);
  const std::int64_t sum = encode_bytes(values, n_columns, 127, 0, result, out, stride);
  // Rows hold code + bias in every column, padding columns meet a query code of zero.
  result.offset = static_cast<std::int32_t>(-sum * (1 << (bits_ - 1)));
  return result;
}

Encoding Codec::encode_float32(const double* values, std::int64_t n_columns, std::uint32_t* out,
                               std::int64_t stride) const {
  Encoding result;
  for (std::int64_t j = 0; j < n_columns; ++j) {
    const double wide = values[j];
    const float narrow = static_cast<float>(wide);
    const double residual = wide - narrow;
    result.square += static_cast<double>(narrow) * narrow;
    result.residual_square += residual * residual;
    result.wide_square += wide * wide;
    out[j * stride] = std::bit_cast<std::uint32_t>(narrow);
  }
  return result;
}

void Codec::clear(std::int64_t n_columns, std::uint32_t* out, std::int64_t stride) const {
  const std::int64_t count = words(n_columns);
  for (std::int64_t word = 0; word < count; ++word) out[word * stride] = 0;
}

double Codec::score_error(std::int64_t n_columns) const {
  // int8: the integer sum is exact; it is converted, multiplied twice and added, each within 2^-24.
  if (kind_ == CodecKind::int8) return 0x1p-20;
  // float32: n_columns products and sums, fused or not, in whatever order, with room for the float64 roundings
  // of the bound itself.
  const double units = (2.0 * static_cast<double>(n_columns) + 32.0) * 0x1p-24;
  return units < 0.25 ? units / (1.0 - units) : std::numeric_limits<double>::infinity();
}

}  // namespace kneighbors
