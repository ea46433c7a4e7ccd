// SPDX-License-Identifier: Apache-2.0
// What an instruction set offers to the metrics that are no dot product: plain functions over raw pointers.
//
// Tiles screen in float32, in bits or in bytes; exact distances are float64 in the documented summation order, and
// docs/algorithms/metric-scan.md defines each. Nothing here depends on the machine but the tiles' speed.
#pragma once

#include <cstdint>

namespace kneighbors {

// What a tile sums over the columns, for a query entry u and a row entry r.
enum class Term : int {
  absolute,      // |u - r|
  largest,       // the largest |u - r|
  square,        // |u - r|^2
  cube,          // |u - r|^3
  fourth,        // |u - r|^4
  power,         // |u - r|^p, through a float32 logarithm
  unequal,       // 1 where u != r
  canberra,      // |u - r| / (|u| + |r|), by an approximate reciprocal
  bray_curtis,   // |u - r|, and beside it |u + r|
  known_square,  // (u - r)^2 where neither is NaN, and beside it the number of such columns
  differing,     // bits: 1 where they differ, in the columns the query knows
  common,        // bits: 1 where both are set; held beside, the first sum is 0
  bytes,         // |u - r| of byte codes
};
constexpr int n_terms = 13;

// A tile takes up to this many queries; it is compiled for three counts, and missing queries are told to drop
// everything. largest_measure_tile is a bound over all instruction sets.
constexpr int largest_measure_tile = 12;

// A pair is dropped if  first > limit + weight * row_error + share * second,  where `first` and `second` are the
// tile's sums. A comparison with NaN is false: what is not a number survives.
struct MeasureTileArguments {
  const std::uint32_t* queries;  // [n_words][tile queries]; differing: values, then masks; bytes: two words an entry
  const std::uint32_t* panel;    // [n_words][panel_rows]; bytes: two words an entry
  const float* row_error;        // [panel_rows]
  const float* limit;            // per query
  const float* weight;
  const float* share;
  std::int64_t n_words;          // columns; 32-bit words of bits; groups of 8 bytes
  float power;                   // of Term::power
  const std::int64_t* row_start;      // bytes only: minus what the row's rounding can hide, in codes
  const std::int64_t* byte_limit;     // bytes only: a pair is dropped if row_start + sum > byte_limit
};

// Returns whether any pair survived; then masks[query] has one bit per row, and first[query * panel_rows + row] and
// `second` (where the term has two sums) are set wherever the bit is.
using MeasureTile = bool (*)(const MeasureTileArguments&, float* first, float* second, std::uint64_t* masks);

struct MeasureTileSet {
  int sizes[3];  // ascending numbers of queries
  MeasureTile tiles[3];
};

// Exact distances of one query to rows picked by id; out[i] belongs to ids[i].
struct ExactArguments {
  const double* query;
  const double* weights;  // minkowski only, or null
  double power;           // minkowski only
  const void* rows;       // row-major
  std::int64_t n_columns;
  const std::int64_t* ids;
  std::int64_t n_ids;
  double* out;
};
using ExactFunction = void (*)(const ExactArguments&);

enum class ExactKind : int { manhattan, chebyshev, minkowski, hamming, canberra, bray_curtis, nan_euclidean };
constexpr int n_exact_kinds = 7;

struct MeasureKernels {
  float reciprocal_error;  // relative, of the approximate reciprocal
  MeasureTileSet tiles[n_terms];
  ExactFunction exact_float32[n_exact_kinds];
  ExactFunction exact_float64[n_exact_kinds];
};

}  // namespace kneighbors
