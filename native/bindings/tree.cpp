// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "bindings/bindings.hpp"
#include "tree/box_tree.hpp"

namespace nb = nanobind;

namespace kneighbors {
namespace {

TreeFormula formula_named(const std::string& name) {
  if (name == "sqeuclidean") return TreeFormula::squared;
  if (name == "manhattan") return TreeFormula::absolute;
  if (name == "chebyshev") return TreeFormula::maximum;
  throw std::invalid_argument("metric '" + name + "' is not known here; it may be sqeuclidean, manhattan, chebyshev");
}

using ByteVector =
    nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

// A tree over float32 or float64 rows. It copies them; the caller shows the rows again where places are looked up.
class BoundBoxTree {
  template <class Body>
  auto visit(const Body& body) const {
    if (const auto* tree = std::get_if<BoxTree<float>>(&tree_)) return body(*tree, float{});
    return body(std::get<BoxTree<double>>(tree_), double{});
  }

 public:
  BoundBoxTree(const AnyMatrix& rows, int n_threads) {
    const Rows view = as_rows(rows);
    check_threads(n_threads);
    const nb::gil_scoped_release unlocked;
    if (view.is_double) {
      tree_.emplace<BoxTree<double>>(static_cast<const double*>(view.data), view.n_rows, view.n_columns, n_threads);
    } else {
      tree_.emplace<BoxTree<float>>(static_cast<const float*>(view.data), view.n_rows, view.n_columns, n_threads);
    }
  }

  nb::tuple search(const AnyMatrix& rows, const AnyMatrix& queries, std::int64_t k, const std::string& metric,
                   int n_threads, const std::optional<IdVector>& exclude,
                   const std::optional<ByteVector>& allowed) const {
    const Rows held = check_rows(rows), asked = check_queries(queries, n_threads, exclude);
    const TreeFormula formula = formula_named(metric);
    const std::uint8_t* bytes = check_allowed(allowed);
    if (k < 1 || k > n_rows() - (exclude ? 1 : 0)) {
      throw std::invalid_argument("k = " + std::to_string(k) + " neighbours were asked of " +
                                  std::to_string(n_rows()) + " rows");
    }
    double* values = nullptr;
    std::int64_t* places = nullptr;
    const std::size_t n_queries = static_cast<std::size_t>(asked.n_rows), width = static_cast<std::size_t>(k);
    auto value_array = new_array<double>({n_queries, width}, values);
    auto place_array = new_array<std::int64_t>({n_queries, width}, places);
    const std::int64_t* excluded = exclude ? exclude->data() : nullptr;
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = visit([&](const auto& tree, auto type) {
        using T = decltype(type);
        return tree.search(static_cast<const T*>(held.data), asked, k, formula, n_threads, excluded, bytes, values, places,
                           interrupt);
      });
    }
    if (!whole) throw nb::python_error();
    return nb::make_tuple(value_array, place_array);
  }

  nb::tuple search_radius(const AnyMatrix& queries, double limit, const std::string& metric, int n_threads,
                          const std::optional<IdVector>& exclude, const std::optional<ByteVector>& allowed) const {
    const Rows asked = check_queries(queries, n_threads, exclude);
    const TreeFormula formula = formula_named(metric);
    const std::uint8_t* bytes = check_allowed(allowed);
    const std::int64_t* excluded = exclude ? exclude->data() : nullptr;
    std::vector<std::vector<TreeNeighbor>> answers;
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = visit([&](const auto& tree, auto) {
        return tree.search_radius(asked, limit, formula, n_threads, excluded, bytes, answers, interrupt);
      });
    }
    if (!whole) throw nb::python_error();
    std::size_t total = 0;
    for (const auto& answer : answers) total += answer.size();
    std::int64_t *offsets = nullptr, *places = nullptr;
    double* values = nullptr;
    auto offset_array = new_array<std::int64_t>({answers.size() + 1}, offsets);
    auto value_array = new_array<double>({total}, values);
    auto place_array = new_array<std::int64_t>({total}, places);
    *offsets = 0;
    for (const auto& answer : answers) {
      offsets[1] = offsets[0] + static_cast<std::int64_t>(answer.size());
      ++offsets;
      for (const TreeNeighbor& neighbor : answer) *values++ = neighbor.value, *places++ = neighbor.place;
    }
    return nb::make_tuple(offset_array, value_array, place_array);
  }

  std::vector<std::int32_t> trace(const AnyMatrix& query, std::int64_t k, const std::string& metric,
                                  const std::optional<ByteVector>& allowed) const {
    const Rows asked = check_queries(query, 1, std::nullopt);
    if (asked.n_rows != 1 || k < 1 || k > n_rows()) throw std::invalid_argument("one query and 1 <= k <= rows");
    std::vector<double> wide(static_cast<std::size_t>(asked.n_columns));
    asked.widen(0, wide.data());
    const TreeFormula formula = formula_named(metric);
    const std::uint8_t* bytes = check_allowed(allowed);
    return visit([&](const auto& tree, auto) { return tree.trace(wide.data(), k, formula, bytes); });
  }

  nb::tuple boxes(int most_depth, std::int64_t most) const {
    std::vector<double> lows, highs;
    const std::vector<TreeBox> found =
        visit([&](const auto& tree, auto) { return tree.boxes(most_depth, most, lows, highs); });
    std::int64_t* facts = nullptr;
    double *low = nullptr, *high = nullptr;
    const std::size_t width = static_cast<std::size_t>(n_columns());
    auto fact_array = new_array<std::int64_t>({found.size(), 3}, facts);
    auto low_array = new_array<double>({found.size(), width}, low);
    auto high_array = new_array<double>({found.size(), width}, high);
    for (const TreeBox& box : found) *facts++ = box.node, *facts++ = box.depth, *facts++ = box.n_rows;
    std::copy(lows.begin(), lows.end(), low);
    std::copy(highs.begin(), highs.end(), high);
    return nb::make_tuple(fact_array, low_array, high_array);
  }

  std::int64_t n_columns() const { return visit([](const auto& tree, auto) { return tree.n_columns(); }); }
  std::int64_t n_rows() const { return visit([](const auto& tree, auto) { return tree.n_rows(); }); }
  std::int64_t n_nodes() const { return visit([](const auto& tree, auto) { return tree.n_nodes(); }); }
  std::int64_t n_leaves() const { return visit([](const auto& tree, auto) { return tree.n_leaves(); }); }
  std::int64_t bytes() const { return visit([](const auto& tree, auto) { return tree.bytes(); }); }

 private:
  static void check_threads(int n_threads) {
    if (n_threads < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
  }

  Rows check_rows(const AnyMatrix& rows) const {
    const Rows view = as_rows(rows);
    check_width(view, "rows");
    if (view.is_double != std::holds_alternative<BoxTree<double>>(tree_)) {
      throw std::invalid_argument("rows must have the dtype of the tree");
    }
    return view;
  }

  Rows check_queries(const AnyMatrix& queries, int n_threads, const std::optional<IdVector>& exclude) const {
    check_threads(n_threads);
    const Rows view = as_rows(queries);
    check_width(view, "queries");
    if (exclude && static_cast<std::int64_t>(exclude->shape(0)) != view.n_rows) {
      throw std::invalid_argument("exclude holds " + std::to_string(exclude->shape(0)) + " places for " +
                                  std::to_string(view.n_rows) + " queries");
    }
    return view;
  }

  const std::uint8_t* check_allowed(const std::optional<ByteVector>& allowed) const {
    if (!allowed) return nullptr;
    const std::int64_t n_places = visit([](const auto& tree, auto) { return tree.n_rows(); });
    if (static_cast<std::int64_t>(allowed->shape(0)) != n_places) {
      throw std::invalid_argument("allowed holds " + std::to_string(allowed->shape(0)) + " bytes for " +
                                  std::to_string(n_places) + " rows");
    }
    return allowed->data();
  }

  void check_width(const Rows& view, const char* what) const {
    if (view.n_columns != n_columns()) {
      throw std::invalid_argument(std::string(what) + " have " + std::to_string(view.n_columns) +
                                  " columns, the tree has " + std::to_string(n_columns()));
    }
  }

  std::variant<std::monostate, BoxTree<float>, BoxTree<double>> tree_;
};

}  // namespace

void bind_tree(nb::module_& module) {
  nb::class_<BoundBoxTree>(module, "BoxTree")
      .def(nb::init<const AnyMatrix&, int>(), nb::arg("rows").noconvert(), nb::arg("n_threads") = 1)
      .def("search", &BoundBoxTree::search, nb::arg("rows").noconvert(), nb::arg("queries").noconvert(), nb::arg("k"),
           nb::arg("metric"), nb::arg("n_threads") = 1, nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("search_radius", &BoundBoxTree::search_radius, nb::arg("queries").noconvert(), nb::arg("limit"),
           nb::arg("metric"), nb::arg("n_threads") = 1, nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("trace", &BoundBoxTree::trace, nb::arg("query").noconvert(), nb::arg("k"), nb::arg("metric"),
           nb::arg("allowed") = nb::none())
      .def("boxes", &BoundBoxTree::boxes, nb::arg("most_depth"), nb::arg("most"))
      .def_prop_ro("n_columns", &BoundBoxTree::n_columns)
      .def_prop_ro("n_rows", &BoundBoxTree::n_rows)
      .def_prop_ro("n_nodes", &BoundBoxTree::n_nodes)
      .def_prop_ro("n_leaves", &BoundBoxTree::n_leaves)
      .def_prop_ro("memory_bytes", &BoundBoxTree::bytes);
}

}  // namespace kneighbors
