// SPDX-License-Identifier: Apache-2.0
// AArch64 with NEON (every 64-bit Arm): 24 accumulators of 4 floats of the 32 registers.
#include <arm_neon.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::neon {

constexpr const char* isa_name = "neon";
constexpr int tile_accumulators = 24;
constexpr int tile_queries = 6;
constexpr int code_bits = 7;

struct Lane {
  using Vector = float32x4_t;
  static constexpr int width = 4;
  static inline Vector load(const float* p) { return vld1q_f32(p); }
  static inline Vector broadcast(const float* p) { return vld1q_dup_f32(p); }
  static inline void store(float* p, Vector v) { vst1q_f32(p, v); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return vfmaq_f32(c, a, b); }
  static inline std::uint32_t not_less(Vector a, Vector b) {
    const uint32x4_t bits = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vmvnq_u32(vcltq_f32(a, b)), bits));
  }

  // One bit for each of eight doubles that is at most the limit; NaN is not.
  static inline std::uint32_t at_most(const double* values, double limit) {
    std::uint32_t mask = 0;
    for (int i = 0; i < 8; ++i) mask |= static_cast<std::uint32_t>(values[i] <= limit) << i;
    return mask;
  }

  using Integers = int32x4_t;
  static inline Vector multiply(Vector a, Vector b) { return vmulq_f32(a, b); }
  static inline Vector to_float(Integers v) { return vcvtq_f32_s32(v); }
  static inline Integers load_words(const std::uint32_t* p) { return vreinterpretq_s32_u32(vld1q_u32(p)); }
  static inline Integers broadcast_integer(const std::int32_t* p) { return vld1q_dup_s32(p); }
  // Row codes have 7 bits, so they are the same with a sign.
  static inline void add_byte_products(Integers& sums, Integers rows, Integers queries) {
    const int8x16_t row_bytes = vreinterpretq_s8_s32(rows), query_bytes = vreinterpretq_s8_s32(queries);
    const int16x8_t low = vmull_s8(vget_low_s8(row_bytes), vget_low_s8(query_bytes));
    const int16x8_t high = vmull_high_s8(row_bytes, query_bytes);
    sums = vaddq_s32(sums, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
  }
  static inline std::int32_t sum(Integers v) { return vaddvq_s32(v); }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/int8_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/encode_body.hpp"
#include "kernels/tree_body.hpp"
#include "kernels/graph_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::neon

namespace kneighbors {
const KernelTable* neon_kernels() { return &neon::table; }
}  // namespace kneighbors
