// SPDX-License-Identifier: Apache-2.0
// What an instruction set offers: plain functions over raw pointers, gathered in one table that is chosen once.
#pragma once

#include <cstdint>

#include "measure/measure_kernels.hpp"
#include "graph/graph_kernels.hpp"
#include "project/project_kernels.hpp"
#include "tree/tree_kernels.hpp"

namespace kneighbors {

// A panel holds this many rows, columns interleaved: panel[column * panel_rows + row]. The same for every
// instruction set, so that panels do not depend on the machine.
constexpr int panel_rows = 64;

// No register tile takes more queries than this, and no tile at all more than the next.
constexpr int max_tile_queries = 12;
constexpr int matrix_queries = 32;

// One register tile: up to max_tile_queries queries against the 64 rows of one panel.
//   float32   score = row_base + sum over columns of query * row              (one float32 accumulator per pair)
//   int8      score = row_base + query_scale * (row_scale * (query_start + sum of query code * row code))
//   a pair survives unless  query_weight * row_error + score < query_threshold
// A comparison with NaN is false, so a score that is not finite survives.
struct TileArguments {
  const std::uint32_t* queries;  // [n_words][tile queries]
  const std::uint32_t* panel;    // [n_words][panel_rows]
  const float* row_base;
  const float* row_error;
  const float* row_scale;  // int8 only
  const float* query_weight;
  const float* query_threshold;
  const float* query_scale;         // int8 only
  const std::int32_t* query_start;  // int8 only
  std::int64_t n_words;
  std::int64_t n_queries = 0;  // matrix tile only: the others are made for one number each
};

// Returns whether any pair survived; then masks[query] has one bit per row, and scores[query * panel_rows + row]
// is set wherever the bit is.
using TileFunction = bool (*)(const TileArguments&, float* scores, std::uint64_t* masks);

// Matrix registers multiply up to 32 queries with a panel's int8 codes, `matrix_step` words at a time. Their queries lie
// row by row, [a multiple of 16][matrix_words], zeros behind the last word. The rows are read for matrix_words too, so
// panels have room behind them.
constexpr std::int64_t matrix_words_at_once = 16;
constexpr std::int64_t matrix_step(std::int64_t n_words) {
  const std::int64_t steps = (n_words + matrix_words_at_once - 1) / matrix_words_at_once;
  return (n_words + steps - 1) / steps;
}
constexpr std::int64_t matrix_words(std::int64_t n_words) {
  return (n_words + matrix_step(n_words) - 1) / matrix_step(n_words) * matrix_step(n_words);
}
struct MatrixKernels {
  const char* name = nullptr;
  // A thread's tiles lie between `begin` and `end`, all of so many words.
  void (*begin)(std::int64_t n_words) = nullptr;
  void (*end)() = nullptr;
  TileFunction tile = nullptr;
};

// Exact float64 distances of one query to rows picked by id, in the documented summation order.
// rows: row-major with n_columns columns; out[i] belongs to ids[i].
template <class T>
using RowDistances = void (*)(const double* query, const T* rows, std::int64_t n_columns,
                              const std::int64_t* ids, std::int64_t n_ids, double* out);

// The two sums a cosine needs: dots[i] = q . x and squares[i] = x . x, both of scaled rows (see rerank_body.hpp).
template <class T>
using RowCosineSums = void (*)(const double* query, const T* rows, std::int64_t n_columns,
                               const std::int64_t* ids, std::int64_t n_ids, double* dots, double* squares);

// Eight-bit codes of one row or query: code = round(value / scale), held to +-largest_code; the byte stored is
// code + bias, four to a word. Missing columns of the last word hold the bias.
struct EncodeArguments {
  const double* values;
  std::int64_t n_columns;
  float scale;  // 0: every code is 0
  int largest_code, bias;
  std::uint32_t* out;  // words, `stride` apart
  std::int64_t stride;
};
struct EncodeSums {
  double residual_square, wide_square;  // of values - scale * codes, of values
  double code_square;                   // exact
  std::int64_t code_sum;
};
using EncodeFunction = void (*)(const EncodeArguments&, EncodeSums&);

struct KernelTable {
  const char* name;
  int tile_queries;                                // the most queries this set's tiles take
  int code_bits;                                   // of the row codes its int8 tile multiplies: 8 or 7
  TileFunction float_tile[max_tile_queries + 1];   // by number of queries; [0] is null
  TileFunction int8_tile[max_tile_queries + 1];    // row codes of at most code_bits
  TileFunction int8_plain_tile[max_tile_queries + 1];  // any row codes: for panels another set has packed
  RowDistances<float> squared_float32;
  RowDistances<double> squared_float64;
  RowDistances<float> dot_float32;
  RowDistances<double> dot_float64;
  RowCosineSums<float> cosine_float32;
  RowCosineSums<double> cosine_float64;
  EncodeFunction encode_bytes;
  ProjectKernels project;
  const TreeKernels<float>* tree_float32;
  const TreeKernels<double>* tree_float64;
  MeasureKernels measure;
  CodeEstimates code_estimates;
  MatrixKernels matrix{};  // of null pointers where there are no matrix registers
};

}  // namespace kneighbors
