// SPDX-License-Identifier: Apache-2.0
// AArch64 with NEON (every 64-bit Arm): 24 accumulators of 4 floats of the 32 registers.
#include <arm_neon.h>

#include "kernels/kernel_table.hpp"

namespace kneighbors::neon {

constexpr const char* isa_name = "neon";
constexpr int tile_accumulators = 24;
constexpr int tile_queries = 6;

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
};

#include "kernels/float_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::neon

namespace kneighbors {
const KernelTable* neon_kernels() { return &neon::table; }
}  // namespace kneighbors
