// SPDX-License-Identifier: Apache-2.0
// Any other processor: one float at a time.
#include "kernels/kernel_table.hpp"

namespace kneighbors::scalar {

constexpr const char* isa_name = "scalar";
constexpr int tile_accumulators = 12;
constexpr int tile_queries = 6;

struct Lane {
  using Vector = float;
  static constexpr int width = 1;
  static inline Vector load(const float* p) { return *p; }
  static inline Vector broadcast(const float* p) { return *p; }
  static inline void store(float* p, Vector v) { *p = v; }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
  static inline std::uint32_t not_less(Vector a, Vector b) { return !(a < b); }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::scalar

namespace kneighbors {
const KernelTable* scalar_kernels() { return &scalar::table; }
}  // namespace kneighbors
