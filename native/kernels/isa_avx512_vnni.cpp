// SPDX-License-Identifier: Apache-2.0
// AVX-512 with VNNI: byte dot products, four to a lane, in one instruction.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::avx512_vnni {

constexpr const char* isa_name = "avx512_vnni";
constexpr int tile_accumulators = 24;
constexpr int tile_queries = 12;
constexpr int code_bits = 8;

struct Lane {
  using Vector = __m512;
  static constexpr int width = 16;
  static inline Vector load(const float* p) { return _mm512_loadu_ps(p); }
  static inline Vector broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static inline void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static inline std::uint32_t not_less(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }

  // One bit for each of eight doubles that is at most the limit; NaN is not.
  static inline std::uint32_t at_most(const double* values, double limit) {
    return _mm512_cmp_pd_mask(_mm512_load_pd(values), _mm512_set1_pd(limit), _CMP_LE_OQ);
  }

  using Integers = __m512i;
  static inline Vector multiply(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static inline Vector to_float(Integers v) { return _mm512_maskz_cvtepi32_ps(0xffff, v); }
  static inline Integers load_words(const std::uint32_t* p) { return _mm512_loadu_si512(p); }
  static inline Integers broadcast_integer(const std::int32_t* p) { return _mm512_set1_epi32(*p); }
  // Assembly, because GCC 12 spills the accumulators around the intrinsic.
  static inline void add_byte_products(Integers& sums, Integers rows, Integers queries) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(rows), "v"(queries));
  }
  static inline std::int32_t sum(Integers v) { return _mm512_reduce_add_epi32(v); }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/int8_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/encode_body.hpp"
#include "kernels/tree_body.hpp"
#include "kernels/graph_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::avx512_vnni

namespace kneighbors {
const KernelTable* avx512_vnni_kernels() { return &avx512_vnni::table; }
}  // namespace kneighbors
