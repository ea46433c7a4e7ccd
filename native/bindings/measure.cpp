// SPDX-License-Identifier: Apache-2.0
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bindings/bindings.hpp"
#include "measure/metric_scan.hpp"

namespace nb = nanobind;

namespace kneighbors {
namespace {

using WeightVector = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

MeasureSpec spec_of(const std::string& metric, double power, const std::optional<WeightVector>& weights,
                    std::int64_t n_columns) {
  std::vector<double> values;
  if (weights) values.assign(weights->data(), weights->data() + weights->shape(0));
  return measure_named(metric, power, std::move(values), n_columns);
}

ScreenKind screen_named(const std::string& name, const Rows& rows, const MeasureSpec& spec) {
  if (name == "float32" && !spec.of_sets()) return ScreenKind::floats;
  if (name == "int8" && spec.measure == Measure::manhattan && rows.n_columns <= 65536) return ScreenKind::bytes;
  throw std::invalid_argument("screen '" + name + "' does not serve this metric; leave it to be chosen");
}

const char* screen_name(ScreenKind screen) {
  return screen == ScreenKind::bits ? "bits" : screen == ScreenKind::bytes ? "int8" : "float32";
}

void check_threads(int n_threads) {
  if (n_threads < 1) throw std::invalid_argument("n_threads must be at least 1, got " + std::to_string(n_threads));
}

void check_widths(const Rows& queries, const Rows& rows) {
  if (queries.n_columns == rows.n_columns) return;
  throw std::invalid_argument("queries have " + std::to_string(queries.n_columns) + " columns, the rows have " +
                              std::to_string(rows.n_columns));
}

// A scan, and the Python array whose memory it reads.
class BoundMetricScan {
 public:
  BoundMetricScan(AnyMatrix rows, const std::string& metric, double power,
                  const std::optional<WeightVector>& weights, int n_threads, const std::optional<std::string>& screen,
                  std::optional<AnyMatrix> added)
      : rows_(std::move(rows)), added_(std::move(added)), name_(metric) {
    check_threads(n_threads);
    const Rows view = all_rows();
    if (view.n_rows < 1) throw std::invalid_argument("a scan needs at least one row");
    const MeasureSpec spec = spec_of(metric, power, weights, view.n_columns);
    std::optional<ScreenKind> forced;
    if (screen) forced = screen_named(*screen, view, spec);
    const nb::gil_scoped_release unlocked;
    scan_ = std::make_unique<MetricScan>(view, spec, forced, n_threads);
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
    MeasureRadiusAnswer answer;
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
    const MeasureCounts counts = scan_->counts();
    const double queries = static_cast<double>(std::max<std::int64_t>(1, counts.n_queries));
    nb::dict result;
    result["candidates_per_query"] = static_cast<double>(counts.n_candidates) / queries;
    result["exact_per_query"] = static_cast<double>(counts.n_exact) / queries;
    return result;
  }

  const MetricScan& scan() const { return *scan_; }
  const std::string& name() const { return name_; }

 private:
  Rows all_rows() const {
    Rows view = as_rows(rows_);
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
    check_threads(n_threads);
    const Rows view = as_rows(queries);
    check_widths(view, scan_->rows());
    if (exclude && static_cast<std::int64_t>(exclude->shape(0)) != view.n_rows) {
      throw std::invalid_argument("exclude holds " + std::to_string(exclude->shape(0)) + " ids for " +
                                  std::to_string(view.n_rows) + " queries");
    }
    const std::int64_t n_words = (scan_->rows().n_rows + panel_rows - 1) / panel_rows;
    if (allowed && static_cast<std::int64_t>(allowed->shape(0)) != n_words) {
      throw std::invalid_argument("allowed holds " + std::to_string(allowed->shape(0)) + " words of 64 rows, not " +
                                  std::to_string(n_words));
    }
    return view;
  }

  bool any_excluded(const IdVector& exclude, const std::uint64_t* words) const {
    const std::int64_t* ids = exclude.data();
    return std::any_of(ids, ids + exclude.shape(0), [&](std::int64_t id) {
      return id >= 0 && id < scan_->rows().n_rows && (!words || (words[id / 64] >> (id % 64) & 1));
    });
  }

  AnyMatrix rows_;
  std::optional<AnyMatrix> added_;
  std::string name_;
  std::unique_ptr<MetricScan> scan_;
};

nb::ndarray<nb::numpy, double> measured_rows(const AnyMatrix& queries, const AnyMatrix& rows,
                                             const std::string& metric, double power,
                                             const std::optional<WeightVector>& weights, int n_threads) {
  check_threads(n_threads);
  const Rows query_view = as_rows(queries), row_view = as_rows(rows);
  check_widths(query_view, row_view);
  const MeasureSpec spec = spec_of(metric, power, weights, row_view.n_columns);
  double* out = nullptr;
  auto result = new_array<double>(
      {static_cast<std::size_t>(query_view.n_rows), static_cast<std::size_t>(row_view.n_rows)}, out);
  Interrupt interrupt(signal_pending);
  bool whole;
  {
    const nb::gil_scoped_release unlocked;
    whole = measure_rows(query_view, row_view, spec, n_threads, out, interrupt);
  }
  if (!whole) throw nb::python_error();
  return result;
}

}  // namespace

void bind_measure(nb::module_& module) {
  nb::class_<BoundMetricScan>(module, "MetricScan")
      .def(nb::init<AnyMatrix, const std::string&, double, const std::optional<WeightVector>&, int,
                    const std::optional<std::string>&, std::optional<AnyMatrix>>(),
           nb::arg("rows").noconvert(), nb::arg("metric"), nb::arg("power") = 0.0, nb::arg("weights") = nb::none(),
           nb::arg("n_threads") = 1, nb::arg("screen") = nb::none(), nb::arg("added").noconvert() = nb::none())
      .def("search", &BoundMetricScan::search, nb::arg("queries").noconvert(), nb::arg("k"), nb::arg("n_threads") = 1,
           nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("search_radius", &BoundMetricScan::search_radius, nb::arg("queries").noconvert(), nb::arg("radius"),
           nb::arg("n_threads") = 1, nb::arg("exclude") = nb::none(), nb::arg("allowed") = nb::none())
      .def("scan_statistics", &BoundMetricScan::statistics)
      .def_prop_ro("n_rows", [](const BoundMetricScan& self) { return self.scan().rows().n_rows; })
      .def_prop_ro("n_columns", [](const BoundMetricScan& self) { return self.scan().rows().n_columns; })
      .def_prop_ro("metric", [](const BoundMetricScan& self) { return self.name(); })
      .def_prop_ro("screen", [](const BoundMetricScan& self) { return std::string(screen_name(self.scan().panels().screen())); })
      .def_prop_ro("memory_bytes", [](const BoundMetricScan& self) { return self.scan().panels().bytes(); });

  module.def("metric_memory_bytes", [](std::int64_t n_rows, std::int64_t n_columns, const std::string& metric) {
    if (n_rows < 0 || n_columns < 1) throw std::invalid_argument("a matrix has 0 or more rows and 1 or more columns");
    return MeasurePanels::usual_bytes(n_rows, n_columns, measure_named(metric, 1.0, {}, n_columns));
  }, nb::arg("n_rows"), nb::arg("n_columns"), nb::arg("metric"));

  module.def("measure_rows", &measured_rows, nb::arg("queries").noconvert(), nb::arg("rows").noconvert(),
             nb::arg("metric"), nb::arg("power") = 0.0, nb::arg("weights") = nb::none(), nb::arg("n_threads") = 1);
}

}  // namespace kneighbors
