// SPDX-License-Identifier: Apache-2.0
// The fast Johnson-Lindenstrauss transform y = S H D x / sqrt(t) (Ailon, Chazelle: "The fast Johnson-Lindenstrauss
// transform and approximate nearest neighbors", SIAM J. Comput. 39, 2009), with the uniform sampling of Tropp:
// "Improved analysis of the subsampled randomized Hadamard transform", Adv. Adapt. Data Anal. 3, 2011.
//
//   D   random signs: column j is negated where bit j % 32 of word j / 32 of row 0 of Stream::hadamard_flips is set
//   H   the Walsh-Hadamard matrix of +-1 over the next power of two; x is padded with zeros
//   S   t positions of it without replacement: those with the smallest keys, ascending; the key of position p is
//       word 2p (high half) and word 2p + 1 (low half) of row 0 of Stream::hadamard_samples, ties by position
//   1 / sqrt(t) is the usual sqrt(padded / t) of the sampling times the 1 / sqrt(padded) that makes H orthogonal
#pragma once

#include <cstdint>
#include <vector>

#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

class HadamardProjection {
 public:
  // Throws std::invalid_argument where target_dim exceeds input_dim.
  HadamardProjection(std::uint64_t seed, std::int64_t input_dim, std::int64_t target_dim);

  std::int64_t input_dim() const { return input_dim_; }
  std::int64_t target_dim() const { return static_cast<std::int64_t>(sampled_.size()); }
  std::int64_t padded_dim() const { return padded_; }
  const std::vector<std::uint32_t>& sampled() const { return sampled_; }
  std::int64_t memory_bytes() const;

  // out: [n_rows][target_dim] of the rows' type. Returns false where somebody asked to stop; throws
  // ProjectionOverflow.
  template <class T>
  bool transform(const Rows& rows, int n_threads, T* out, Interrupt& interrupt) const;

 private:
  std::int64_t input_dim_, padded_ = 1;
  std::vector<std::uint32_t> flips_;         // the sign bit of a float32, or 0; hadamard_block to spare
  std::vector<std::uint64_t> double_flips_;  // the same for float64
  std::vector<std::uint32_t> sampled_;
};

}  // namespace kneighbors
