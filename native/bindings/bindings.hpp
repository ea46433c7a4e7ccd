// SPDX-License-Identifier: Apache-2.0
// What the binding files share: arrays in and out, and Ctrl-C.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>

#include "rows/rows.hpp"
#include "threads/pool.hpp"

namespace kneighbors {

void bind_flat(nanobind::module_& module);
void bind_measure(nanobind::module_& module);
void bind_graph(nanobind::module_& module);
void bind_project(nanobind::module_& module);
void bind_tree(nanobind::module_& module);

inline Metric metric_named(const std::string& name) {
  if (name == "sqeuclidean") return Metric::squared_euclidean;
  if (name == "inner_product") return Metric::inner_product;
  if (name == "cosine") return Metric::cosine;
  throw std::invalid_argument("metric '" + name + "' is not known here; it may be sqeuclidean, inner_product, cosine");
}

// A C-contiguous matrix in host memory, possibly read-only.
using AnyMatrix = nanobind::ndarray<nanobind::ro, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;
using IdVector =
    nanobind::ndarray<const std::int64_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
using WordVector =
    nanobind::ndarray<const std::uint64_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;

inline Rows as_rows(const AnyMatrix& matrix) {
  Rows rows;
  if (matrix.dtype() == nanobind::dtype<double>()) {
    rows.is_double = true;
  } else if (matrix.dtype() != nanobind::dtype<float>()) {
    throw nanobind::type_error("rows must be float32 or float64");
  }
  rows.data = matrix.data();
  rows.n_rows = static_cast<std::int64_t>(matrix.shape(0));
  rows.n_columns = static_cast<std::int64_t>(matrix.shape(1));
  if (rows.n_columns < 1) throw nanobind::value_error("rows must have at least one column");
  return rows;
}

// A NumPy array that owns its memory, uninitialised.
template <class T>
nanobind::ndarray<nanobind::numpy, T> new_array(std::initializer_list<std::size_t> shape, T*& data) {
  std::size_t size = 1;
  for (const std::size_t extent : shape) {
    if (extent != 0 && size > (std::size_t{1} << 62) / sizeof(T) / extent) throw std::bad_alloc();
    size *= extent;
  }
  std::unique_ptr<T[]> memory(new T[size ? size : 1]);
  data = memory.get();
  nanobind::capsule owner(data, [](void* pointer) noexcept { delete[] static_cast<T*>(pointer); });
  memory.release();
  return nanobind::ndarray<nanobind::numpy, T>(data, shape, owner);
}

// Asks Python for pending signals; to be used with the interpreter lock released.
inline bool signal_pending() {
  const nanobind::gil_scoped_acquire lock;
  return PyErr_CheckSignals() != 0;
}

}  // namespace kneighbors
