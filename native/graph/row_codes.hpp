// SPDX-License-Identifier: Apache-2.0
// Rows as seven-bit codes, one record after the other: what a walk over a graph looks at.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/graph_kernels.hpp"
#include "rows/frame.hpp"
#include "rows/panels.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

// A query, or a row that asks, as codes; a record of its own memory.
struct CodeQuery {
  std::vector<std::uint32_t> words;
  float scale = 0, half_square = 0, tail = 0;
  std::int32_t start = 0;
};

class RowCodes {
 public:
  RowCodes(Metric metric, std::int64_t n_columns);

  // Learns the frame from the rows and encodes them; places[i] is the row of record i.
  void encode(const Rows& rows, const std::vector<std::int64_t>& places, int n_threads);
  // Encodes more records in the same frame.
  void append(const Rows& rows, const std::vector<std::int64_t>& places, int n_threads);

  void ask(const Rows& queries, std::int64_t query, CodeQuery& out) const;
  void ask_record(std::int64_t node, CodeQuery& out) const;

  // Estimates of what the order is by, for a query: half the squared distance less a constant, or minus the product.
  void estimate(const CodeQuery& query, const std::int32_t* nodes, std::int64_t n_nodes, float* out) const;
  // Squared distances, estimated, from a record to others; under inner product, with the column that gives all rows
  // one norm: there the nearest rows of a query are those of its largest product.
  void distances(const CodeQuery& record, const std::int32_t* nodes, std::int64_t n_nodes, float* out) const;

  std::int64_t n_records() const { return n_records_; }
  std::int64_t stride() const { return stride_; }
  std::int64_t bytes() const { return static_cast<std::int64_t>(records_.size()); }
  const std::vector<unsigned char>& records() const { return records_; }
  const Frame& frame() const { return frame_; }
  double largest_norm() const { return largest_norm_; }
  // What a file kept.
  void restore(const Frame& frame, double largest_norm, std::vector<unsigned char> records);

 private:
  void encode_one(const Rows& rows, std::int64_t place, std::int64_t node);
  CodeArguments arguments(const CodeQuery& query, const std::int32_t* nodes, std::int64_t n_nodes) const;

  Frame frame_;
  Codec codec_;
  std::int64_t n_words_, stride_, n_records_ = 0;
  double largest_norm_ = 0;  // inner product: of the rows as they came
  std::vector<unsigned char> records_;
};

}  // namespace kneighbors
