// SPDX-License-Identifier: Apache-2.0
// Random signs: y = x R / sqrt(t), R in {-1, +1}^(d x t) (Achlioptas: "Database-friendly random projections",
// J. Comput. Syst. Sci. 66, 2003).
//
//   R[j][i] = -1 where bit j % 32 of word j / 32 of row i of Stream::sign_entries is set
#pragma once

#include <cstdint>
#include <vector>

#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

class SignProjection {
 public:
  SignProjection(std::uint64_t seed, std::int64_t input_dim, std::int64_t target_dim);

  std::int64_t input_dim() const { return input_dim_; }
  std::int64_t target_dim() const { return target_dim_; }
  std::int64_t memory_bytes() const { return static_cast<std::int64_t>(entries_.size() * 8); }

  // out: [n_rows][target_dim] of the rows' type. Returns false where somebody asked to stop; throws
  // ProjectionOverflow.
  template <class T>
  bool transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const;

 private:
  std::int64_t input_dim_, target_dim_;
  // [chunk of 32 columns][output]: a byte per group of four columns, their signs in its upper half, where they address
  // a table without a shift. Columns beyond input_dim count as +.
  std::vector<std::uint64_t> entries_;
};

}  // namespace kneighbors
