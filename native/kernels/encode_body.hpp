// SPDX-License-Identifier: Apache-2.0
// Values to byte codes, and what the encoding loses. Included after rerank_body.hpp, whose eight lanes it shares.

static inline __attribute__((always_inline)) std::uint64_t encode_eight(Lanes8 values, double scale, double inverse,
                                                                        double limit, int bias, Lanes8& residuals,
                                                                        Lanes8& wides, Lanes8& codes,
                                                                        Lanes8& squares) {
  typedef int Integers8 __attribute__((vector_size(32)));
  typedef unsigned char Bytes8 __attribute__((vector_size(8)));
  constexpr double round_magic = 0x1.8p52;  // adding and subtracting it rounds to the nearest integer
  Lanes8 scaled = values * inverse;
  scaled = scaled > limit ? limit - Lanes8{} : scaled;
  scaled = scaled < -limit ? -limit - Lanes8{} : scaled;
  const Lanes8 rounded = (scaled + round_magic) - round_magic;
  const Lanes8 residual = values - rounded * scale;
  residuals += residual * residual;
  wides += values * values;
  codes += rounded;
  squares += rounded * rounded;
  const Integers8 integers = __builtin_convertvector(rounded, Integers8) + bias;
  const Bytes8 bytes = __builtin_convertvector(integers, Bytes8);
  std::uint64_t packed;
  __builtin_memcpy(&packed, &bytes, 8);
  return packed;
}

static void encode_bytes(const EncodeArguments& arguments, EncodeSums& sums) {
  const double scale = arguments.scale;
  const double inverse = scale > 0 ? 1.0 / scale : 0.0;
  const double limit = arguments.largest_code;
  const std::int64_t n_columns = arguments.n_columns, whole = n_columns / 8 * 8;
  Lanes8 residuals{}, wides{}, codes{}, squares{};
  std::uint32_t* out = arguments.out;
  for (std::int64_t j = 0; j < whole; j += 8) {
    const std::uint64_t packed = encode_eight(load_lanes(arguments.values + j), scale, inverse, limit,
                                              arguments.bias, residuals, wides, codes, squares);
    out[0] = static_cast<std::uint32_t>(packed);
    out[arguments.stride] = static_cast<std::uint32_t>(packed >> 32);
    out += 2 * arguments.stride;
  }
  if (whole < n_columns) {
    const std::int64_t left = n_columns - whole;
    const std::uint64_t packed = encode_eight(load_tail(arguments.values + whole, left), scale, inverse, limit,
                                              arguments.bias, residuals, wides, codes, squares);
    out[0] = static_cast<std::uint32_t>(packed);
    if (left > 4) out[arguments.stride] = static_cast<std::uint32_t>(packed >> 32);
  }
  sums.residual_square = sum_lanes(residuals);
  sums.wide_square = sum_lanes(wides);
  sums.code_square = sum_lanes(squares);
  sums.code_sum = static_cast<std::int64_t>(sum_lanes(codes));
}
