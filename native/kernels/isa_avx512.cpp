// SPDX-License-Identifier: Apache-2.0
// AVX-512 (F, DQ, BW, VL): 24 accumulators of 16 floats, 4 loads and a broadcast of the 32 registers.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::avx512 {

constexpr const char* isa_name = "avx512";
constexpr int tile_accumulators = 24;
constexpr int tile_queries = 12;

struct Lane {
  using Vector = __m512;
  static constexpr int width = 16;
  static inline Vector load(const float* p) { return _mm512_loadu_ps(p); }
  static inline Vector broadcast(const float* p) { return _mm512_set1_ps(*p); }
  static inline void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static inline std::uint32_t not_less(Vector a, Vector b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::avx512

namespace kneighbors {
const KernelTable* avx512_kernels() { return &avx512::table; }
}  // namespace kneighbors
