// SPDX-License-Identifier: Apache-2.0
// What an instruction set offers to the projections: plain functions over raw pointers.
//
// What each computes, with every rounding, is said in docs/algorithms/projections.md; the order of additions is part
// of the definition, so that all sets give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace kneighbors {

// The sign projection works on this many columns at a time, in eight groups of four.
constexpr std::int64_t sign_chunk = 32;

// Rows that a sign kernel projects together, at most, in bytes of one value of each: two registers.
constexpr std::int64_t sign_entry_bytes = 128;

template <class T>
struct SignArguments {
  const T* rows;  // row-major
  std::int64_t n_rows, n_columns, n_outputs;
  const std::uint64_t* entries;  // [chunk][output]; bit 8 * group + 4 + b: column b of that group is subtracted
  T scale;
  void* workspace;  // sign_workspace_bytes(n_outputs), aligned to 64
  T* out;           // [n_rows][n_outputs]
};

// Eight tables of 16 entries, a copy of a ragged chunk, and one entry per output.
constexpr std::int64_t sign_workspace_bytes(std::int64_t n_outputs) {
  return sign_entry_bytes * (8 * 16 + sign_chunk + n_outputs);
}

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

template <class T>
struct HadamardArguments {
  const T* rows;  // row-major
  std::int64_t n_rows, n_columns;
  std::int64_t padded;         // the power of two, at least n_columns
  const BitsOf<T>* flips;      // [n_columns rounded up to hadamard_block]: the sign bit where the column is negated
  const std::uint32_t* sampled;  // positions below padded
  std::int64_t n_sampled;
  T scale;
  T* workspace;  // hadamard_workspace_values(padded), aligned to 64
  T* out;        // [n_rows][n_sampled]
};

// No set takes more values than this in one stretch of registers.
constexpr std::int64_t hadamard_block = 128;

// A row, a copy of its last stretch, and a mask for that.
constexpr std::int64_t hadamard_workspace_values(std::int64_t padded) { return padded + 2 * hadamard_block; }

// out[row][output] = sum over columns of (row - mean) * component, in float64, in the summation order of the re-rank.
template <class T>
struct LinearArguments {
  const T* rows;  // row-major
  std::int64_t n_rows, n_columns, n_outputs;
  std::int64_t padded;       // n_columns rounded up to a multiple of 8
  const double* mean;        // [padded], zeros at the end
  const double* components;  // [n_outputs][padded], zeros at the end
  double* workspace;         // [linear_rows][padded], aligned to 64
  T* out;                    // [n_rows][n_outputs]
};

// Rows that a linear kernel centres before it multiplies them.
constexpr std::int64_t linear_rows = 16;

struct ProjectKernels {
  void (*sign_float32)(const SignArguments<float>&);
  void (*sign_float64)(const SignArguments<double>&);
  void (*hadamard_float32)(const HadamardArguments<float>&);
  void (*hadamard_float64)(const HadamardArguments<double>&);
  void (*linear_float32)(const LinearArguments<float>&);
  void (*linear_float64)(const LinearArguments<double>&);
};

}  // namespace kneighbors
