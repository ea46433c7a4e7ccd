// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "kernels/dispatch.hpp"
#include "scan/exact.hpp"
#include "scan/flat_scan.hpp"

namespace nb = nanobind;

namespace kneighbors {
namespace {

CodecKind codec_named(const std::string& name) {
  if (name == "float32") return CodecKind::float32;
  if (name == "int8") return CodecKind::int8;
  throw std::invalid_argument("codec '" + name + "' is not known here; it may be int8, float32");
}

void check_threads(int n_threads) {
  if (n_threads < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
}

// A scan, and the Python arrays whose memory it reads.
class BoundFlatScan {
 public:
  BoundFlatScan(AnyMatrix rows, const std::string& metric, int n_threads, const std::optional<std::string>& codec,
                std::optional<AnyMatrix> added, bool is_mapped)
      : rows_(std::move(rows)), added_(std::move(added)), is_mapped_(is_mapped), name_(metric) {
    check_threads(n_threads);
    const Rows view = all_rows();
    const Metric chosen = metric_named(metric);
    const CodecKind wanted = codec ? codec_named(*codec) : FlatScan::usual_codec(view.n_columns);
    if (wanted == CodecKind::int8 && view.n_columns > Codec::most_int8_columns) {
      throw std::invalid_argument("int8 codes serve at most " + std::to_string(Codec::most_int8_columns) +
                                  " columns; leave the codec to be chosen");
    }
    const nb::gil_scoped_release unlocked;
    scan_ = std::make_unique<FlatScan>(view, chosen, wanted, n_threads);
  }

  // A scan of these rows and of more, the caller's own; this one stays as it is.
  BoundFlatScan* grown(AnyMatrix added, int n_threads) const {
    check_threads(n_threads);
    std::unique_ptr<BoundFlatScan> other(new BoundFlatScan(rows_, std::move(added), is_mapped_, name_));
    const Rows view = other->all_rows();
    if (view.n_rows < scan_->rows().n_rows) {
      throw std::invalid_argument("added rows are those of before and more: " +
                                  std::to_string(scan_->rows().n_rows) + " rows cannot become " +
                                  std::to_string(view.n_rows));
    }
    const nb::gil_scoped_release unlocked;
    other->scan_ = std::make_unique<FlatScan>(*scan_, view, n_threads);
    return other.release();
  }

  nb::tuple search(const AnyMatrix& queries, std::int64_t k, int n_threads, const std::optional<IdVector>& exclude,
                   const std::optional<WordVector>& allowed) {
    const Rows view = check_queries(queries, n_threads, exclude, allowed);
    const std::uint64_t* words = allowed ? allowed->data() : nullptr;
    const std::int64_t n_allowed = count_allowed(words);
    if (k < 1 || k > n_allowed - (exclude && any_excluded(*exclude, words) ? 1 : 0)) {
      throw std::invalid_argument("k = " + std::to_string(k) + " neighbours were asked of " +
                                  std::to_string(n_allowed) + " rows");
    }
    double* distances = nullptr;
    std::int64_t* ids = nullptr;
    const std::size_t n_queries = static_cast<std::size_t>(view.n_rows), width = static_cast<std::size_t>(k);
    auto distance_array = new_array<double>({n_queries, width}, distances);
    auto id_array = new_array<std::int64_t>({n_queries, width}, ids);
    const std::int64_t* excluded = exclude ? exclude->data() : nullptr;
    Interrupt interrupt(signal_pending);
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = scan_->search(view, k, n_threads, excluded, words, distances, ids, interrupt);
    }
    if (!whole) throw nb::python_error();
    return nb::make_tuple(distance_array, id_array);
  }

  nb::tuple search_radius(const AnyMatrix& queries, double radius, int n_threads,
                          const std::optional<IdVector>& exclude, const std::optional<WordVector>& allowed) {
    const Rows view = check_queries(queries, n_threads, exclude, allowed);
    if (std::isnan(radius)) throw std::invalid_argument("radius is NaN");
    const std::int64_t* excluded = exclude ? exclude->data() : nullptr;
    Interrupt interrupt(signal_pending);
    RadiusAnswer answer;
    bool whole;
    {
      const nb::gil_scoped_release unlocked;
      whole = scan_->search_radius(view, radius, n_threads, excluded, allowed ? allowed->data() : nullptr, answer,
                                   interrupt);
    }
    if (!whole) throw nb::python_error();
    std::int64_t *offsets = nullptr, *ids = nullptr;
    double* distances = nullptr;
    auto offset_array = new_array<std::int64_t>({answer.offsets.size()}, offsets);
    auto distance_array = new_array<double>({answer.neighbors.size()}, distances);
    auto id_array = new_array<std::int64_t>({answer.neighbors.size()}, ids);
    std::copy(answer.offsets.begin(), answer.offsets.end(), offsets);
    for (std::size_t i = 0; i < answer.neighbors.size(); ++i) {
      distances[i] = answer.neighbors[i].distance;
      ids[i] = answer.neighbors[i].id;
    }
    return nb::make_tuple(offset_array, distance_array, id_array);
  }

  nb::dict statistics() const {
    const ScanStatistics statistics = scan_->statistics();
    const double queries = static_cast<double>(std::max<std::int64_t>(1, statistics.n_queries));
    nb::dict result;
    result["candidates_per_query"] = static_cast<double>(statistics.n_candidates) / queries;
    result["exact_per_query"] = static_cast<double>(statistics.n_exact) / queries;
    return result;
  }

  const FlatScan& scan() const { return *scan_; }
  const std::string& name() const { return name_; }

 private:
  BoundFlatScan(AnyMatrix rows, AnyMatrix added, bool is_mapped, const std::string& name)
      : rows_(std::move(rows)), added_(std::move(added)), is_mapped_(is_mapped), name_(name) {}

  Rows all_rows() const {
    Rows view = as_rows(rows_);
    view.is_mapped = is_mapped_;
    if (!added_) return view;
    const Rows more = as_rows(*added_);
    if (more.n_columns != view.n_columns || more.is_double != view.is_double) {
      throw std::invalid_argument("added rows must have the columns and the type of the first");
    }
    view.added = more.data;
    view.n_first = view.n_rows;
    view.n_rows += more.n_rows;
    return view;
  }

  std::int64_t count_allowed(const std::uint64_t* words) const {
    const std::int64_t n_rows = scan_->rows().n_rows;
    if (!words) return n_rows;
    std::int64_t count = 0;
    for (std::int64_t panel = 0; panel < n_rows / panel_rows; ++panel) count += std::popcount(words[panel]);
    const std::int64_t rest = n_rows % panel_rows;
    if (rest) count += std::popcount(words[n_rows / panel_rows] & ((std::uint64_t{1} << rest) - 1));
    return count;
  }

  Rows check_queries(const AnyMatrix& queries, int n_threads, const std::optional<IdVector>& exclude,
                     const std::optional<WordVector>& allowed) const {
    if (allowed && static_cast<std::int64_t>(allowed->shape(0)) != scan_->n_panels()) {
      throw std::invalid_argument("allowed holds " + std::to_string(allowed->shape(0)) + " words of 64 rows for " +
                                  std::to_string(scan_->n_panels()) + " panels");
    }
    check_threads(n_threads);
    const Rows view = as_rows(queries);
    if (view.n_columns != scan_->rows().n_columns) {
      throw std::invalid_argument("queries have " + std::to_string(view.n_columns) + " columns, the rows have " +
                                  std::to_string(scan_->rows().n_columns));
    }
    if (exclude && static_cast<std::int64_t>(exclude->shape(0)) != view.n_rows) {
      throw std::invalid_argument("exclude holds " + std::to_string(exclude->shape(0)) + " ids for " +
                                  std::to_string(view.n_rows) + " queries");
    }
    return view;
  }

  bool any_excluded(const IdVector& exclude, const std::uint64_t* words) const {
    const std::int64_t* ids = exclude.data();
    return std::any_of(ids, ids + exclude.shape(0), [&](std::int64_t id) {
      return id >= 0 && id < scan_->rows().n_rows && (!words || words[id / panel_rows] >> (id % panel_rows) & 1);
    });
  }

  AnyMatrix rows_;
  std::optional<AnyMatrix> added_;
  bool is_mapped_;
  std::string name_;
  std::unique_ptr<FlatScan> scan_;
};

nb::ndarray<nb::numpy, double> pairwise_rows(const AnyMatrix& queries, const AnyMatrix& rows,
                                             const std::string& metric_name, int n_threads) {
  check_threads(n_threads);
  const Rows query_view = as_rows(queries), row_view = as_rows(rows);
  const Metric metric = metric_named(metric_name);
  if (query_view.n_columns != row_view.n_columns) {
    throw std::invalid_argument("queries have " + std::to_string(query_view.n_columns) + " columns, the rows have " +
                                std::to_string(row_view.n_columns));
  }
  double* out = nullptr;
  const std::int64_t n_rows = row_view.n_rows;
  auto result = new_array<double>({static_cast<std::size_t>(query_view.n_rows), static_cast<std::size_t>(n_rows)}, out);
  Interrupt interrupt(signal_pending);
  {
    const nb::gil_scoped_release unlocked;
    std::vector<std::int64_t> ids(static_cast<std::size_t>(n_rows));
    std::iota(ids.begin(), ids.end(), 0);
    run_tasks(query_view.n_rows, n_threads, [&](std::int64_t query) {
      if (interrupt.poll()) return;
      std::vector<double> wide(static_cast<std::size_t>(query_view.n_columns));
      query_view.widen(query, wide.data());
      if (metric == Metric::cosine) {
        const double scale = power_of_two_scale(wide.data(), query_view.n_columns);
        for (double& value : wide) value *= scale;
      }
      ExactDistance exact(row_view, metric, kernels());
      exact.set_query(wide.data());
      exact(ids.data(), n_rows, out + query * n_rows);
    });
  }
  if (interrupt.stopped()) throw nb::python_error();
  return result;
}

}  // namespace

void bind_flat(nb::module_& module) {
  nb::class_<BoundFlatScan>(module, "FlatScan")
      .def(nb::init<AnyMatrix, const std::string&, int, const std::optional<std::string>&, std::optional<AnyMatrix>,
                    bool>(),
           nb::arg("rows").noconvert(), nb::arg("metric"), nb::arg("n_threads") = 1, nb::arg("codec") = nb::none(),
           nb::arg("added").noconvert() = nb::none(), nb::arg("is_mapped") = false)
      .def("grown", &BoundFlatScan::grown, nb::arg("added").noconvert(), nb::arg("n_threads") = 1)
      .def("search", &BoundFlatScan::search, nb::arg("queries").noconvert(), nb::arg("k"), nb::arg("n_threads") = 1,
           nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("search_radius", &BoundFlatScan::search_radius, nb::arg("queries").noconvert(), nb::arg("radius"),
           nb::arg("n_threads") = 1, nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("scan_statistics", &BoundFlatScan::statistics)
      .def_prop_ro("n_rows", [](const BoundFlatScan& self) { return self.scan().rows().n_rows; })
      .def_prop_ro("n_columns", [](const BoundFlatScan& self) { return self.scan().rows().n_columns; })
      .def_prop_ro("metric", [](const BoundFlatScan& self) { return self.name(); })
      .def_prop_ro("codec", [](const BoundFlatScan& self) { return std::string(self.scan().codec().name()); })
      .def_prop_ro("rotated", [](const BoundFlatScan& self) { return self.scan().rotated(); })
      .def_prop_ro("n_renewals", [](const BoundFlatScan& self) { return self.scan().n_renewals(); })
      .def_prop_ro("memory_bytes", [](const BoundFlatScan& self) { return self.scan().memory_bytes(); });

  module.def("flat_memory_bytes", [](std::int64_t n_rows, std::int64_t n_columns,
                                     const std::optional<std::string>& codec) {
    if (n_rows < 0 || n_columns < 1) throw std::invalid_argument("a matrix has 0 or more rows and 1 or more columns");
    return Panels::bytes(n_rows, n_columns, Codec(codec ? codec_named(*codec) : FlatScan::usual_codec(n_columns)));
  }, nb::arg("n_rows"), nb::arg("n_columns"), nb::arg("codec") = nb::none());

  module.def("pairwise_rows", &pairwise_rows, nb::arg("queries").noconvert(), nb::arg("rows").noconvert(),
             nb::arg("metric"), nb::arg("n_threads") = 1);
}

}  // namespace kneighbors
