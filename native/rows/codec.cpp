// SPDX-License-Identifier: Apache-2.0
#include "rows/codec.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/dispatch.hpp"

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

Encoding encode_bytes(const double* values, std::int64_t n_columns, int largest_code, int bias, std::uint32_t* out,
                      std::int64_t stride, std::int64_t& code_sum) {
  Encoding result;
  result.scale = code_scale(values, n_columns, largest_code);
  const EncodeArguments arguments{values, n_columns, result.scale, largest_code, bias, out, stride};
  EncodeSums sums;
  kernels().encode_bytes(arguments, sums);
  const double scale = result.scale;
  result.square = scale * scale * sums.code_square;
  result.residual_square = sums.residual_square;
  result.wide_square = sums.wide_square;
  code_sum = sums.code_sum;
  return result;
}

}  // namespace

Encoding Codec::encode_row(const double* values, std::int64_t n_columns, std::uint32_t* out,
                           std::int64_t stride) const {
  if (kind_ == CodecKind::float32) return encode_float32(values, n_columns, out, stride);
  const int bias = 1 << (bits_ - 1);
  std::int64_t sum = 0;
  return encode_bytes(values, n_columns, bias - 1, bias, out, stride, sum);
}

Encoding Codec::encode_query(const double* values, std::int64_t n_columns, std::uint32_t* out,
                             std::int64_t stride) const {
  if (kind_ == CodecKind::float32) return encode_float32(values, n_columns, out, stride);
  std::int64_t sum = 0;
  Encoding result = encode_bytes(values, n_columns, 127, 0, out, stride, sum);
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
