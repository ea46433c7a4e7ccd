// SPDX-License-Identifier: Apache-2.0
// Any other processor: one float at a time.
#include "kernels/kernel_table.hpp"

namespace kneighbors::scalar {

constexpr const char* isa_name = "scalar";
constexpr int tile_accumulators = 12;
constexpr int tile_queries = 6;
constexpr int code_bits = 7;

struct Lane {
  using Vector = float;
  static constexpr int width = 1;
  static inline Vector load(const float* p) { return *p; }
  static inline Vector broadcast(const float* p) { return *p; }
  static inline void store(float* p, Vector v) { *p = v; }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
  static inline std::uint32_t not_less(Vector a, Vector b) { return !(a < b); }

  // One bit for each of eight doubles that is at most the limit; NaN is not.
  static inline std::uint32_t at_most(const double* values, double limit) {
    std::uint32_t mask = 0;
    for (int i = 0; i < 8; ++i) mask |= static_cast<std::uint32_t>(values[i] <= limit) << i;
    return mask;
  }

  using Integers = std::int32_t;
  static inline Vector multiply(Vector a, Vector b) { return a * b; }
  static inline Vector to_float(Integers v) { return static_cast<float>(v); }
  static inline Integers load_words(const std::uint32_t* p) { return static_cast<std::int32_t>(*p); }
  static inline Integers broadcast_integer(const std::int32_t* p) { return *p; }
  static inline void add_byte_products(Integers& sums, Integers rows, Integers queries) {
    for (int byte = 0; byte < 32; byte += 8) {
      sums += ((rows >> byte) & 0xff) * static_cast<std::int32_t>(static_cast<std::int8_t>(queries >> byte));
    }
  }
  static inline std::int32_t sum(Integers v) { return v; }
};

#include "kernels/float_tile_body.hpp"
#include "kernels/int8_tile_body.hpp"
#include "kernels/rerank_body.hpp"
#include "kernels/encode_body.hpp"
#include "kernels/tree_body.hpp"
#include "kernels/graph_body.hpp"
#include "kernels/table_body.hpp"

}  // namespace kneighbors::scalar

namespace kneighbors {
const KernelTable* scalar_kernels() { return &scalar::table; }
}  // namespace kneighbors
