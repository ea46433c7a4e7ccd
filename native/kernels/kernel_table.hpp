// SPDX-License-Identifier: Apache-2.0
// What an instruction set offers: plain functions over raw pointers, gathered in one table that is chosen once.
#pragma once

#include <cstdint>

namespace kneighbors {

// A panel holds this many rows, columns interleaved: panel[column * panel_rows + row]. The same for every
// instruction set, so that panels do not depend on the machine.
constexpr int panel_rows = 64;

// No tile takes more queries than this.
constexpr int max_tile_queries = 12;

// One register tile: up to max_tile_queries queries against the 64 rows of one panel.
//   score = row_base + sum over columns of query * row           (float32, one accumulator per pair)
//   a pair survives unless  query_weight * row_error + score < query_threshold
// A comparison with NaN is false, so a score that is not finite survives.
struct TileArguments {
  const float* queries;  // [n_columns][tile queries]
  const float* panel;    // [n_columns][panel_rows]
  const float* row_base;
  const float* row_error;
  const float* query_weight;
  const float* query_threshold;
  std::int64_t n_columns;
};

// Returns whether any pair survived; then masks[query] has one bit per row, and scores[query * panel_rows + row]
// is set wherever the bit is.
using TileFunction = bool (*)(const TileArguments&, float* scores, std::uint64_t* masks);

// Exact float64 distances of one query to rows picked by id, in the documented summation order.
// rows: row-major with n_columns columns; out[i] belongs to ids[i].
template <class T>
using RowDistances = void (*)(const double* query, const T* rows, std::int64_t n_columns,
                              const std::int64_t* ids, std::int64_t n_ids, double* out);

// The two sums a cosine needs: dots[i] = q . x and squares[i] = x . x, both of scaled rows (see rerank_body.hpp).
template <class T>
using RowCosineSums = void (*)(const double* query, const T* rows, std::int64_t n_columns,
                               const std::int64_t* ids, std::int64_t n_ids, double* dots, double* squares);

struct KernelTable {
  const char* name;
  int tile_queries;                              // the most queries this set's tile takes
  TileFunction float_tile[max_tile_queries + 1];  // by number of queries; [0] is null
  RowDistances<float> squared_float32;
  RowDistances<double> squared_float64;
  RowDistances<float> dot_float32;
  RowDistances<double> dot_float64;
  RowCosineSums<float> cosine_float32;
  RowCosineSums<double> cosine_float64;
};

}  // namespace kneighbors
