// SPDX-License-Identifier: Apache-2.0
#include "measure/exact_measure.hpp"

#include <cmath>
#include <limits>

namespace kneighbors {
namespace {

int exact_kind(Measure measure) {
  switch (measure) {
    case Measure::manhattan: return static_cast<int>(ExactKind::manhattan);
    case Measure::chebyshev: return static_cast<int>(ExactKind::chebyshev);
    case Measure::minkowski: return static_cast<int>(ExactKind::minkowski);
    case Measure::hamming: return static_cast<int>(ExactKind::hamming);
    case Measure::canberra: return static_cast<int>(ExactKind::canberra);
    case Measure::bray_curtis: return static_cast<int>(ExactKind::bray_curtis);
    case Measure::nan_euclidean: return static_cast<int>(ExactKind::nan_euclidean);
    default: return -1;
  }
}

struct Bits {
  std::int64_t common = 0, row = 0;
};

template <class T>
Bits count_bits(const double* query, const T* row, std::int64_t n_columns) {
  Bits bits;
  for (std::int64_t j = 0; j < n_columns; ++j) {
    const bool set = row[j] != 0;
    bits.row += set;
    bits.common += set & (query[j] != 0);
  }
  return bits;
}

}  // namespace

ExactMeasure::ExactMeasure(const Rows& rows, const MeasureSpec& spec, const KernelTable& kernels)
    : rows_(rows), spec_(spec) {
  const int kind = exact_kind(spec.measure);
  if (kind >= 0) function_ = rows.is_double ? kernels.measure.exact_float64[kind] : kernels.measure.exact_float32[kind];
}

void ExactMeasure::set_query(const double* query) {
  query_ = query;
  if (spec_.measure == Measure::haversine) query_point_ = sphere_point(query[0], query[1]);
  if (spec_.of_sets()) {
    query_size_ = 0;
    for (std::int64_t j = 0; j < rows_.n_columns; ++j) query_size_ += query[j] != 0;
  }
}

void ExactMeasure::operator()(const std::int64_t* ids, std::int64_t n_ids, double* distances) {
  if (function_) {
    // Each call takes ids of one part of the rows; those of the second count from its beginning.
    for (std::int64_t begin = 0; begin < n_ids;) {
      const bool is_added = ids[begin] >= rows_.n_first;
      std::int64_t end = begin;
      while (end < n_ids && (ids[end] >= rows_.n_first) == is_added) ++end;
      const std::int64_t* own = ids + begin;
      if (is_added) {
        shifted_.assign(own, ids + end);
        for (std::int64_t& id : shifted_) id -= rows_.n_first;
        own = shifted_.data();
      }
      const ExactArguments arguments{query_,       spec_.weights.empty() ? nullptr : spec_.weights.data(),
                                     spec_.power,  is_added ? rows_.added : rows_.data,
                                     rows_.n_columns, own, end - begin, distances + begin};
      function_(arguments);
      begin = end;
    }
    for (std::int64_t i = 0; i < n_ids; ++i) {  // what overflowed beyond meaning is farthest
      if (std::isnan(distances[i])) distances[i] = std::numeric_limits<double>::infinity();
    }
    return;
  }
  for (std::int64_t i = 0; i < n_ids; ++i) {
    if (spec_.measure == Measure::haversine) {
      double point[2];
      rows_.widen(ids[i], point);
      distances[i] = haversine_angle(query_point_, sphere_point(point[0], point[1]));
    } else {
      const Bits bits = rows_.is_double ? count_bits(query_, rows_.doubles(ids[i]), rows_.n_columns)
                                        : count_bits(query_, rows_.floats(ids[i]), rows_.n_columns);
      distances[i] = set_distance(spec_.measure, bits.common, query_size_, bits.row, rows_.n_columns);
    }
  }
}

double reported(Measure measure, double distance) {
  if (measure != Measure::nan_euclidean) return distance;
  if (std::isinf(distance)) return std::numeric_limits<double>::quiet_NaN();
  return distance == std::numeric_limits<double>::max() ? std::numeric_limits<double>::infinity() : distance;
}

}  // namespace kneighbors
