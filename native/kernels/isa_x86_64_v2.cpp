// SPDX-License-Identifier: Apache-2.0
// x86-64-v2, the oldest processor served: SSE4.2, no fused multiply-add.
#include <immintrin.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::x86_64_v2 {

constexpr const char* isa_name = "x86-64-v2";
constexpr int tile_accumulators = 12;
constexpr int tile_queries = 6;

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
};

#include "kernels/float_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::x86_64_v2

namespace kneighbors {
const KernelTable* x86_64_v2_kernels() { return &x86_64_v2::table; }
}  // namespace kneighbors
