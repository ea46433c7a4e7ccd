// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "graph/graph.hpp"

namespace nb = nanobind;

namespace kneighbors {
namespace {

using ByteVector = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using NodeVector = nb::ndarray<const std::int32_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using DoubleVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

template <class T>
nb::ndarray<nb::numpy, T> copied(const std::vector<T>& values) {
  T* data = nullptr;
  auto array = new_array<T>({values.size()}, data);
  std::copy(values.begin(), values.end(), data);
  return array;
}

template <class T, class Vector>
std::vector<T> taken(const Vector& array) {
  return std::vector<T>(array.data(), array.data() + array.shape(0));
}

// The graph of rows that the caller keeps and shows again whenever distances are needed.
class BoundGraph {
 public:
  BoundGraph(const std::string& metric, std::int64_t n_columns, std::int64_t degree, std::int64_t build_width,
             double slack)
      : name_(metric), graph_(metric_named(metric), n_columns, {degree, build_width, slack}) {}

  void add(const AnyMatrix& rows, const IdVector& places, int n_threads, const std::optional<AnyMatrix>& added) {
    const Rows view = joined(rows, added);
    check_threads(n_threads);
    std::vector<std::int64_t> joining = taken<std::int64_t>(places);
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = graph_.add(view, std::move(joining), n_threads, interrupt);
    }
    if (!whole) throw nb::python_error();
  }

  void remove(const IdVector& places, int n_threads) {
    check_threads(n_threads);
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = graph_.remove(places.data(), static_cast<std::int64_t>(places.shape(0)), n_threads, interrupt);
    }
    if (!whole) throw nb::python_error();
  }

  nb::tuple search(const AnyMatrix& rows, const AnyMatrix& queries, std::int64_t k, std::int64_t width, int n_threads,
                   const std::optional<IdVector>& exclude, const std::optional<WordVector>& allowed,
                   const std::optional<AnyMatrix>& added) const {
    const Rows held = joined(rows, added), asked = checked(queries, "queries");
    check_threads(n_threads);
    if (k < 1 || width < 1) throw std::invalid_argument("k and width must be at least 1");
    if (exclude && static_cast<std::int64_t>(exclude->shape(0)) != asked.n_rows) {
      throw std::invalid_argument("exclude must hold one place per query");
    }
    if (allowed && 64 * static_cast<std::int64_t>(allowed->shape(0)) < held.n_rows) {
      throw std::invalid_argument("allowed must hold one bit per row");
    }
    double* values = nullptr;
    std::int64_t* places = nullptr;
    const std::size_t n_queries = static_cast<std::size_t>(asked.n_rows), count = static_cast<std::size_t>(k);
    auto value_array = new_array<double>({n_queries, count}, values);
    auto place_array = new_array<std::int64_t>({n_queries, count}, places);
    GraphStatistics statistics;
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = graph_.search(held, asked, k, width, n_threads, exclude ? exclude->data() : nullptr,
                            allowed ? allowed->data() : nullptr, values, places, statistics, interrupt);
    }
    if (!whole) throw nb::python_error();
    nb::dict counts;
    counts["expanded"] = statistics.n_expanded;
    counts["estimated"] = statistics.n_estimated;
    counts["exact"] = statistics.n_exact;
    return nb::make_tuple(value_array, place_array, counts);
  }

  std::vector<std::int64_t> trace(const AnyMatrix& query, std::int64_t width) const {
    const Rows asked = checked(query, "the query");
    if (asked.n_rows != 1 || width < 1) throw std::invalid_argument("one query, and a width of at least 1");
    const nb::gil_scoped_release unlocked;  // whoever changes the graph may need the interpreter to go on
    return graph_.trace(asked, width);
  }

  // What a file keeps, by name.
  nb::dict state() const {
    GraphState state;
    {
      const nb::gil_scoped_release unlocked;
      state = graph_.state();
    }
    nb::dict result;
    result["codes"] = copied(state.codes);
    result["links"] = copied(state.links);
    result["places"] = copied(state.places);
    result["starts"] = copied(state.starts);
    result["dead"] = copied(state.dead);
    result["layers"] = copied(state.layers);
    result["layer_sizes"] = copied(state.layer_sizes);
    result["center"] = copied(state.center);
    result["exponent"] = state.exponent;
    result["largest_norm"] = state.largest_norm;
    return result;
  }

  std::int64_t n_unreachable() const {
    const nb::gil_scoped_release unlocked;
    return graph_.n_unreachable();
  }

  std::int64_t bytes() const {
    const nb::gil_scoped_release unlocked;
    return graph_.bytes();
  }

  void restore(const ByteVector& codes, const NodeVector& links, const IdVector& places, const NodeVector& starts,
               const ByteVector& dead, const NodeVector& layers, const IdVector& layer_sizes,
               const DoubleVector& center, int exponent, double largest_norm) {
    GraphState state{taken<unsigned char>(codes),    taken<std::int32_t>(links),
                     taken<std::int64_t>(places),    taken<std::int32_t>(starts),
                     taken<std::uint8_t>(dead),      taken<std::int32_t>(layers),
                     taken<std::int64_t>(layer_sizes), taken<double>(center),
                     exponent,                       largest_norm};
    const nb::gil_scoped_release unlocked;
    graph_.restore(std::move(state));
  }

  const Graph& graph() const { return graph_; }
  const std::string& name() const { return name_; }

 private:
  static void check_threads(int n_threads) {
    if (n_threads < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
  }

  // Rows in two parts, as an index that grew holds them.
  Rows joined(const AnyMatrix& rows, const std::optional<AnyMatrix>& added) const {
    Rows view = checked(rows, "rows");
    if (added) {
      const Rows more = checked(*added, "rows");
      if (more.is_double != view.is_double) throw std::invalid_argument("added rows must have the dtype of the rows");
      view.n_first = view.n_rows;
      view.added = more.data;
      view.n_rows += more.n_rows;
    }
    return view;
  }

  Rows checked(const AnyMatrix& matrix, const char* what) const {
    const Rows view = as_rows(matrix);
    if (view.n_columns != graph_.n_columns()) {
      throw std::invalid_argument(std::string(what) + " have " + std::to_string(view.n_columns) +
                                  " columns, the graph has " + std::to_string(graph_.n_columns()));
    }
    return view;
  }

  std::string name_;
  Graph graph_;
};

}  // namespace

void bind_graph(nb::module_& module) {
  nb::class_<BoundGraph>(module, "Graph")
      .def(nb::init<const std::string&, std::int64_t, std::int64_t, std::int64_t, double>(), nb::arg("metric"),
           nb::arg("n_columns"), nb::arg("degree") = 32, nb::arg("build_width") = 80, nb::arg("slack") = 1.2)
      .def("add", &BoundGraph::add, nb::arg("rows").noconvert(), nb::arg("places"), nb::arg("n_threads") = 1,
           nb::arg("added") = nb::none())
      .def("remove", &BoundGraph::remove, nb::arg("places"), nb::arg("n_threads") = 1)
      .def("search", &BoundGraph::search, nb::arg("rows").noconvert(), nb::arg("queries").noconvert(), nb::arg("k"),
           nb::arg("width"), nb::arg("n_threads") = 1, nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none(),
           nb::arg("added") = nb::none())
      .def("trace", &BoundGraph::trace, nb::arg("query").noconvert(), nb::arg("width"))
      .def("state", &BoundGraph::state)
      .def("restore", &BoundGraph::restore, nb::arg("codes"), nb::arg("links"), nb::arg("places"), nb::arg("starts"),
           nb::arg("dead"), nb::arg("layers"), nb::arg("layer_sizes"), nb::arg("center"), nb::arg("exponent"), nb::arg("largest_norm"))
      .def("n_unreachable", &BoundGraph::n_unreachable)
      .def_prop_ro("n_nodes", [](const BoundGraph& self) { return self.graph().n_nodes(); })
      .def_prop_ro("n_columns", [](const BoundGraph& self) { return self.graph().n_columns(); })
      .def_prop_ro("metric", [](const BoundGraph& self) { return self.name(); })
      .def_prop_ro("degree", [](const BoundGraph& self) { return self.graph().settings().degree; })
      .def_prop_ro("memory_bytes", &BoundGraph::bytes);
}

}  // namespace kneighbors
