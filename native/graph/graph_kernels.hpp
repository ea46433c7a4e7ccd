// SPDX-License-Identifier: Apache-2.0
// Codes of single rows, row after row, for those who visit rows one by one.
#pragma once

#include <cstdint>

namespace kneighbors {

// What stands before a row's codes.
struct CodeHeader {
  float scale;        // the row is scale * (codes - 64)
  float half_square;  // half its squared norm; 0 under inner product
  float tail;         // inner product: the column that gives all rows one norm
  float unused;
};

// A row's codes are padded to whole blocks of so many words, so that every instruction set reads whole registers.
constexpr std::int64_t code_block_words = 16;

// out[i] = half_square - query_scale * (scale * (query_start + sum of query code * row code)), row nodes[i].
struct CodeArguments {
  const unsigned char* records;  // headers, each with its codes, `stride` bytes apart
  std::int64_t stride;
  const std::int32_t* nodes;
  std::int64_t n_nodes;
  const std::uint32_t* query;  // n_words, a whole number of blocks
  std::int64_t n_words;
  float query_scale;
  std::int32_t query_start;
};

using CodeEstimates = void (*)(const CodeArguments&, float* out);

}  // namespace kneighbors
