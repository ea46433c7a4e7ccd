// SPDX-License-Identifier: Apache-2.0
// The exact float64 distance of one query to chosen rows: what every answer is made of.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

class ExactDistance {
 public:
  ExactDistance(const Rows& rows, Metric metric, const KernelTable& kernels)
      : rows_(rows), metric_(metric), kernels_(kernels) {}

  // `query` must stay alive. For cosine it is scaled by its power of two first (rerank_body.hpp), by the caller.
  void set_query(const double* query);

  void operator()(const std::int64_t* ids, std::int64_t n_ids, double* distances);

 private:
  void measure(const void* rows, const std::int64_t* ids, std::int64_t n_ids, double* distances);

  Rows rows_;
  Metric metric_;
  const KernelTable& kernels_;
  const double* query_ = nullptr;
  double query_square_ = 0;
  std::vector<double> squares_, part_distances_;
  std::vector<std::int64_t> part_ids_, part_places_;
};

}  // namespace kneighbors
