// SPDX-License-Identifier: Apache-2.0
// x86-64-v2, the oldest processor served: SSE4.2, no fused multiply-add.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::x86_64_v2 {

constexpr const char* isa_name = "x86-64-v2";
constexpr int tile_accumulators = 12;
constexpr int tile_queries = 6;
constexpr int code_bits = 7;

struct Lane {
  using Vector = __m128;
  static constexpr int width = 4;
  static inline Vector load(const float* p) { return _mm_loadu_ps(p); }
  static inline Vector broadcast(const float* p) { return _mm_set1_ps(*p); }
  static inline void store(float* p, Vector v) { _mm_storeu_ps(p, v); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm_add_ps(_mm_mul_ps(a, b), c); }
  static inline std::uint32_t not_less(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm_movemask_ps(_mm_cmpnlt_ps(a, b)));
  }

  // One bit for each of eight doubles that is at most the limit; NaN is not.
  static inline std::uint32_t at_most(const double* values, double limit) {
    int mask = 0;
    for (int i = 0; i < 8; i += 2) {
      mask |= _mm_movemask_pd(_mm_cmple_pd(_mm_load_pd(values + i), _mm_set1_pd(limit))) << i;
    }
    return static_cast<std::uint32_t>(mask);
  }

  using Integers = __m128i;
  static inline Vector multiply(Vector a, Vector b) { return _mm_mul_ps(a, b); }
  static inline Vector to_float(Integers v) { return _mm_cvtepi32_ps(v); }
  static inline Integers load_words(const std::uint32_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }
  static inline Integers broadcast_integer(const std::int32_t* p) { return _mm_set1_epi32(*p); }
  // Row codes have 7 bits: two products of at most 127 * 127 fit 16 bits.
  static inline void add_byte_products(Integers& sums, Integers rows, Integers queries) {
    const Integers pairs = _mm_maddubs_epi16(rows, queries);
    sums = _mm_add_epi32(sums, _mm_madd_epi16(pairs, _mm_set1_epi16(1)));
  }
  static inline std::int32_t sum(Integers v) {
    const __m128i pair = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(pair, _mm_shuffle_epi32(pair, 0xb1)));
  }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/int8_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/encode_body.hpp"
#include "kernels/tree_body.hpp"
#include "kernels/graph_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::x86_64_v2

namespace kneighbors {
const KernelTable* x86_64_v2_kernels() { return &x86_64_v2::table; }
}  // namespace kneighbors
