// SPDX-License-Identifier: Apache-2.0
// AVX2 with AVX-VNNI: byte dot products in one instruction, on 256-bit registers.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::avx_vnni {

constexpr const char* isa_name = "avx_vnni";
constexpr int tile_accumulators = 12;
constexpr int tile_queries = 6;
constexpr int code_bits = 8;

struct Lane {
  using Vector = __m256;
  static constexpr int width = 8;
  static inline Vector load(const float* p) { return _mm256_loadu_ps(p); }
  static inline Vector broadcast(const float* p) { return _mm256_broadcast_ss(p); }
  static inline void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static inline std::uint32_t not_less(Vector a, Vector b) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_NLT_UQ)));
  }

  // One bit for each of eight doubles that is at most the limit; NaN is not.
  static inline std::uint32_t at_most(const double* values, double limit) {
    const __m256d most = _mm256_set1_pd(limit);
    const int low = _mm256_movemask_pd(_mm256_cmp_pd(_mm256_load_pd(values), most, _CMP_LE_OQ));
    const int high = _mm256_movemask_pd(_mm256_cmp_pd(_mm256_load_pd(values + 4), most, _CMP_LE_OQ));
    return static_cast<std::uint32_t>(low | high << 4);
  }

  using Integers = __m256i;
  static inline Vector multiply(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static inline Vector to_float(Integers v) { return _mm256_cvtepi32_ps(v); }
  static inline Integers load_words(const std::uint32_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }
  static inline Integers broadcast_integer(const std::int32_t* p) { return _mm256_set1_epi32(*p); }
  // Assembly, because GCC 12 spills the accumulators around the intrinsic.
  static inline void add_byte_products(Integers& sums, Integers rows, Integers queries) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(rows), "x"(queries));
  }
  static inline std::int32_t sum(Integers v) {
    const __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    const __m128i pair = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
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

}  // namespace kneighbors::avx_vnni

namespace kneighbors {
const KernelTable* avx_vnni_kernels() { return &avx_vnni::table; }
}  // namespace kneighbors
