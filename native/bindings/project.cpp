// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "bindings/bindings.hpp"
#include "project/hadamard_projection.hpp"
#include "project/linear_projection.hpp"
#include "project/random_words.hpp"
#include "project/sign_projection.hpp"

namespace nb = nanobind;

namespace kneighbors {
namespace {

using DoubleVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using AnyArray = nb::ndarray<nb::numpy>;
using DoubleMatrix = nb::ndarray<const double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;

// A matrix of NumPy's that owns its memory, uninitialised. Large ones ask for huge pages: first touching 4 KiB pages
// takes as long as a fast projection itself.
template <class T>
AnyArray new_matrix(std::int64_t n_rows, std::int64_t n_columns, T*& data) {
  constexpr std::size_t huge_page = std::size_t{1} << 21;
  if (n_rows > (std::int64_t{1} << 58) / n_columns) throw std::bad_alloc();
  const std::size_t size = static_cast<std::size_t>(n_rows * n_columns) * sizeof(T);
  const std::size_t alignment = size >= 2 * huge_page ? huge_page : 64;
  data = static_cast<T*>(std::aligned_alloc(alignment, std::max(alignment, (size + alignment - 1) / alignment * alignment)));
  if (!data) throw std::bad_alloc();
#if defined(__linux__)
  if (alignment == huge_page) madvise(data, size, MADV_HUGEPAGE);
#endif
  nb::capsule owner(data, [](void* pointer) noexcept { std::free(pointer); });
  return AnyArray(data, {static_cast<std::size_t>(n_rows), static_cast<std::size_t>(n_columns)}, owner, {},
                  nb::dtype<T>());
}

template <class T, class Projection>
AnyArray transform_as(const Projection& projection, const Rows& rows, int n_threads) {
  T* out = nullptr;
  auto result = new_matrix(rows.n_rows, projection.target_dim(), out);
  Interrupt interrupt(signal_pending);
  bool whole;
  {
    const nb::gil_scoped_release unlocked;
    whole = projection.transform(rows, n_threads, out, interrupt);
  }
  if (!whole) throw nb::python_error();
  return result;
}

template <class Projection>
AnyArray transform(const Projection& projection, const AnyMatrix& matrix, int n_threads) {
  if (n_threads < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
  const Rows rows = as_rows(matrix);
  if (rows.n_columns != projection.input_dim()) {
    throw std::invalid_argument("rows have " + std::to_string(rows.n_columns) + " columns, the projection takes " +
                                std::to_string(projection.input_dim()));
  }
  return rows.is_double ? transform_as<double>(projection, rows, n_threads)
                        : transform_as<float>(projection, rows, n_threads);
}

template <class Projection>
void bind_common(nb::class_<Projection>& bound) {
  bound.def("transform", &transform<Projection>, nb::arg("rows").noconvert(), nb::arg("n_threads") = 1)
      .def_prop_ro("input_dim", &Projection::input_dim)
      .def_prop_ro("target_dim", &Projection::target_dim)
      .def_prop_ro("memory_bytes", &Projection::memory_bytes);
}

LinearProjection make_linear(const DoubleVector& mean, const DoubleMatrix& components) {
  if (mean.shape(0) != components.shape(1)) {
    throw std::invalid_argument("the mean has " + std::to_string(mean.shape(0)) + " values, the components have " +
                                std::to_string(components.shape(1)) + " columns");
  }
  return LinearProjection(mean.data(), components.data(), static_cast<std::int64_t>(components.shape(0)),
                          static_cast<std::int64_t>(components.shape(1)));
}

}  // namespace

void bind_project(nb::module_& module) {
  nb::class_<SignProjection> sign(module, "SignProjection");
  sign.def(nb::init<std::uint64_t, std::int64_t, std::int64_t>(), nb::arg("seed"), nb::arg("input_dim"),
           nb::arg("target_dim"));
  bind_common(sign);

  nb::class_<HadamardProjection> hadamard(module, "HadamardProjection");
  hadamard.def(nb::init<std::uint64_t, std::int64_t, std::int64_t>(), nb::arg("seed"), nb::arg("input_dim"),
               nb::arg("target_dim"));
  hadamard.def_prop_ro("padded_dim", &HadamardProjection::padded_dim);
  hadamard.def_prop_ro("sampled", [](const HadamardProjection& self) {
    std::int64_t* out = nullptr;
    auto result = new_array<std::int64_t>({self.sampled().size()}, out);
    std::copy(self.sampled().begin(), self.sampled().end(), out);
    return result;
  }, nb::rv_policy::automatic);
  bind_common(hadamard);

  nb::class_<LinearProjection> linear(module, "LinearProjection");
  linear.def("__init__", [](LinearProjection* self, const DoubleVector& mean, const DoubleMatrix& components) {
    new (self) LinearProjection(make_linear(mean, components));
  }, nb::arg("mean").noconvert(), nb::arg("components").noconvert());
  bind_common(linear);

  module.def("random_words", [](std::uint64_t seed, std::uint32_t stream, std::uint32_t row, std::uint64_t first,
                                std::uint64_t count) {
    if (count > std::uint64_t{1} << 32 || first > std::uint64_t{1} << 33) {
      throw std::invalid_argument("positions of random words stay below 2^34");
    }
    std::uint32_t* out = nullptr;
    auto result = new_array<std::uint32_t>({count}, out);
    random_words(seed, static_cast<Stream>(stream), row, first, count, out);
    return result;
  }, nb::arg("seed"), nb::arg("stream"), nb::arg("row"), nb::arg("first"), nb::arg("count"));
}

}  // namespace kneighbors
