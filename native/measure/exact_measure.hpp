// SPDX-License-Identifier: Apache-2.0
// The exact float64 distance of one query to chosen rows, by a metric that is no dot product.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/kernel_table.hpp"
#include "measure/haversine.hpp"
#include "measure/measure.hpp"
#include "rows/rows.hpp"

namespace kneighbors {

class ExactMeasure {
 public:
  // Both must outlive this.
  ExactMeasure(const Rows& rows, const MeasureSpec& spec, const KernelTable& kernels);

  void set_query(const double* query);

  // Never NaN: rows that share no known column with the query are at infinity.
  void operator()(const std::int64_t* ids, std::int64_t n_ids, double* distances);

 private:
  const Rows& rows_;
  const MeasureSpec& spec_;
  ExactFunction function_ = nullptr;
  const double* query_ = nullptr;
  std::int64_t query_size_ = 0;
  SpherePoint query_point_{};
  std::vector<std::int64_t> shifted_;
};

// nan_euclidean's distances as users know them: NaN where no column is shared, infinity where the sum overflowed.
double reported(Measure measure, double distance);

}  // namespace kneighbors
