// SPDX-License-Identifier: Apache-2.0
// Takes the bound apart, pair by pair: for a query and a row with the exact distance d, the tile is told that d is
// the farthest allowed (the tightest it may be told), and must keep the row; and no upper bound may lie below d.
// Every metric, codec and instruction set. Usage: bound_check CASES SEED. Exit code 1 and a line per hole.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "kernels/dispatch.hpp"
#include "rows/panels.hpp"
#include "scan/bound.hpp"
#include "scan/exact.hpp"
#include "threads/float_environment.hpp"

using namespace kneighbors;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  int between(int low, int high) { return std::uniform_int_distribution<int>(low, high)(engine_); }
  bool one_in(int n) { return between(1, n) == 1; }
  double normal() { return std::normal_distribution<double>()(engine_); }
  double uniform() { return std::uniform_real_distribution<double>()(engine_); }
  double power(int low, int high) { return std::ldexp(1.0, between(low, high)); }
  double sign() { return one_in(2) ? 1 : -1; }

 private:
  std::mt19937_64 engine_;
};

struct Case {
  int kind, n_rows, n_queries, n_columns;
  bool narrow;  // rows are float32
  std::vector<double> rows, queries;
  std::vector<float> narrow_rows;

  double* row(int i) { return &rows[static_cast<std::size_t>(i) * n_columns]; }
  double* query(int i) { return &queries[static_cast<std::size_t>(i) * n_columns]; }
  Rows row_view() const {
    if (narrow) return {narrow_rows.data(), false, n_rows, n_columns};
    return {rows.data(), true, n_rows, n_columns};
  }
  Rows query_view() const { return {queries.data(), true, n_queries, n_columns}; }
};

double special(Dice& dice) {
  static const double values[] = {0,         -0.0,      1,          -1,       0x1p-149,  -0x1p-149, 0x1p-126,
                                  0x1p-150,  0x1p-1074, 0x1p-537,   0x1p-511, 0x1p-300,  0x1p127,   1e30,
                                  -1e30,     0x1p40,    0x1p59,     0.5,      0x1p-24,   1 + 0x1p-24, 1 + 0x1p-23,
                                  3 * 0x1p-149, 1.5 * 0x1p-149, 0x1.fffffep-1};
  return values[dice.between(0, static_cast<int>(std::size(values)) - 1)];
}

// A shell of rows around a point far from the centre, their distances a hair apart: the screen sees ties.
void fill_shell(Case& c, Dice& dice) {
  const double radius = std::pow(10.0, dice.between(-12, 1)), spread = std::pow(10.0, dice.between(-16, -3));
  std::vector<double> point(c.n_columns), step(c.n_columns);
  for (double& value : point) value = dice.normal() * 10;
  for (int i = 0; i < c.n_rows; ++i) {
    double square = 0;
    for (double& value : step) value = dice.normal(), square += value * value;
    const double length = radius * (1 + spread * dice.normal()) / std::sqrt(square);
    for (int j = 0; j < c.n_columns; ++j) c.row(i)[j] = i % 3 ? point[j] + step[j] * length : dice.normal();
  }
  for (int i = 0; i < c.n_queries; ++i) {
    for (int j = 0; j < c.n_columns; ++j) c.query(i)[j] = point[j] + (i ? radius * 1e-3 * dice.normal() : 0);
  }
}

// Queries orthogonal to a large common offset: all of q.center cancels, its rounding stays. Perhaps tiny or huge.
void fill_orthogonal(Case& c, Dice& dice) {
  const double offset = dice.power(20, 50), row_scale = dice.one_in(2) ? 1 : dice.power(-700, 300);
  const double query_scale = dice.one_in(2) ? 1 : dice.power(-700, 300);
  for (double& value : c.rows) value = (offset + dice.normal()) * row_scale;
  for (int i = 0; i < c.n_queries; ++i) {
    double sum = 0;
    for (int j = 0; j < c.n_columns; ++j) {
      const double value = j == c.n_columns - 1 ? -sum : std::round(dice.normal() * 64) / 64;
      sum += value;
      c.query(i)[j] = value * query_scale;
    }
  }
}

// Half zeros (so the centre is zero), the rest ordinary or a few units of float32's least.
void fill_zeros_and_dust(Case& c, Dice& dice) {
  for (int i = 0; i < c.n_rows; ++i) {
    const int kind = dice.between(0, 3);
    const double size = kind < 2 ? 0 : kind == 2 ? 1 : dice.power(-152, -120);
    for (int j = 0; j < c.n_columns; ++j) c.row(i)[j] = size * dice.sign() * dice.between(1, 3) * dice.uniform();
  }
  for (double& value : c.queries) value = (dice.one_in(2) ? 0.5 : -0.53) * (dice.one_in(2) ? 1 : dice.uniform());
}

void fill(Case& c, Dice& dice) {
  const auto both = [&](auto make) {
    for (double& value : c.rows) value = make();
    for (double& value : c.queries) value = make();
  };
  switch (c.kind) {
    case 0: return both([&] { return dice.normal(); });
    case 1: return fill_shell(c, dice);
    case 2: return both([&] { return special(dice); });
    case 3: return both([&] { return dice.one_in(10) ? special(dice) : dice.normal(); });
    case 4:  // rows of all sizes
      for (int i = 0; i < c.n_rows; ++i) {
        const double size = dice.one_in(2) ? 1 : dice.power(c.narrow ? -149 : -600, 60);
        for (int j = 0; j < c.n_columns; ++j) c.row(i)[j] = size * dice.normal();
      }
      for (double& value : c.queries) value = dice.normal() * dice.power(-60, 60);
      return;
    case 5:  // columns of all sizes
      for (int j = 0; j < c.n_columns; ++j) {
        const double size = dice.power(-60, 60);
        for (int i = 0; i < c.n_rows; ++i) c.row(i)[j] = size * dice.normal();
        for (int i = 0; i < c.n_queries; ++i) c.query(i)[j] = size * dice.normal();
      }
      return;
    case 6: return both([&] { return static_cast<double>(dice.between(-2, 2)); });
    case 7: {  // every product rounds the same way
      const double a = 1 + 0x1p-24 * dice.between(0, 3), b = 1 + 0x1p-24 * dice.between(0, 3) + 0x1p-12;
      for (double& value : c.rows) value = a * (1 + 0x1p-23 * dice.between(-2, 2)) * (dice.one_in(4) ? -1 : 1);
      for (double& value : c.queries) value = b * (1 + 0x1p-23 * dice.between(-2, 2));
      return;
    }
    case 8: return fill_zeros_and_dust(c, dice);
    case 9: return fill_orthogonal(c, dice);
    default:  // near the end of float64's range
      for (double& value : c.rows) value = dice.sign() * 1.5 * dice.power(1000, 1023);
      for (double& value : c.queries) value = dice.sign() * 1.5 * dice.power(-1000, 1023);
  }
}

Case make_case(Dice& dice) {
  static const int widths[] = {1, 2, 3, 7, 8, 9, 16, 24, 31, 64, 65, 100, 128, 257};
  Case c{dice.between(0, 10), dice.between(1, 140), dice.one_in(8) ? dice.between(14, 32) : dice.between(1, 13), widths[dice.between(0, 13)],
         dice.one_in(2),      {},                   {},                  {}};
  if (c.kind == 10) c.narrow = false;
  c.rows.resize(static_cast<std::size_t>(c.n_rows) * c.n_columns);
  c.queries.resize(static_cast<std::size_t>(c.n_queries) * c.n_columns);
  fill(c, dice);
  if (c.kind < 9) {  // move and scale it all
    const double offset = dice.one_in(4) ? 0 : dice.sign() * std::pow(10.0, dice.between(0, 15));
    const double wide = c.narrow ? dice.power(-140, 100) : dice.power(-520, 500);
    const double scale = dice.one_in(3) ? wide : dice.power(-20, 20);
    for (double& value : c.rows) value = (value + offset) * scale;
    const double shift = dice.one_in(3) ? 0 : offset, own = dice.one_in(4) ? dice.power(-300, 300) : scale;
    for (double& value : c.queries) value = (value + shift) * own;
  }
  if (dice.one_in(4)) std::memcpy(c.query(0), c.row(dice.between(0, c.n_rows - 1)), sizeof(double) * c.n_columns);
  if (dice.one_in(16)) std::fill_n(c.query(0), c.n_columns, 0.0);
  for (double& value : c.rows) {
    if (c.narrow) value = static_cast<float>(value);
    if (!std::isfinite(value)) value = 1;
  }
  for (double& value : c.queries) {
    if (!std::isfinite(value)) value = 1;
  }
  if (c.narrow) c.narrow_rows.assign(c.rows.begin(), c.rows.end());
  return c;
}

struct Findings {
  long pairs = 0, holes = 0;
  void report(const char* what, const Case& c, Metric metric, const Codec& codec, const char* isa, int query, int row,
              double distance, double given) {
    if (++holes > 20) return;
    std::printf("%s: metric %d, %s of %d bits, %s, kind %d, %d x %d %s, query %d, row %d, distance %.17g, %.17g\n",
                what, static_cast<int>(metric), codec.name(), codec.bits(), isa, c.kind, c.n_rows, c.n_columns,
                c.narrow ? "float32" : "float64", query, row, distance, given);
  }
};

void check(const Case& c, Metric metric, const Codec& codec, const KernelTable& kernels, Findings& findings) {
  const Panels panels(c.row_view(), metric, codec, 1);
  const TileFunction* tiles = codec.kind() == CodecKind::float32     ? kernels.float_tile
                              : codec.bits() <= kernels.code_bits ? kernels.int8_tile
                                                                   : kernels.int8_plain_tile;
  const bool matrix = kernels.matrix.tile && codec.kind() == CodecKind::int8;
  const int n_queries = std::min(c.n_queries, matrix ? matrix_queries : kernels.tile_queries);
  // Matrix registers: query by query, whole registers of 16.
  const std::int64_t query_step = matrix ? matrix_words(panels.n_words()) : 1, word_step = matrix ? 1 : n_queries;
  std::vector<std::uint32_t> packed(static_cast<std::size_t>(
      matrix ? (n_queries + 15) / 16 * 16 * query_step : n_queries * panels.n_words()));
  std::vector<QueryBound> bounds;
  std::vector<double> distances(static_cast<std::size_t>(n_queries) * c.n_rows);
  std::vector<std::int64_t> ids(static_cast<std::size_t>(c.n_rows));
  std::iota(ids.begin(), ids.end(), 0);
  float scales[matrix_queries], weights[matrix_queries], thresholds[matrix_queries];
  std::int32_t starts[matrix_queries];
  for (int q = 0; q < n_queries; ++q) {
    std::vector<double> wide(c.n_columns), placed(c.n_columns);
    c.query_view().widen(q, wide.data());
    const bool has_direction = panels.frame().widen(c.query_view(), q, placed.data(), "query");
    if (metric == Metric::cosine) {
      const double scale = power_of_two_scale(wide.data(), c.n_columns);
      for (double& value : wide) value *= scale;
    }
    bounds.emplace_back(panels, placed.data(), has_direction, &packed[static_cast<std::size_t>(q * query_step)], word_step);
    scales[q] = bounds.back().scale();
    starts[q] = bounds.back().start();
    ExactDistance exact(c.row_view(), metric, kernels);
    exact.set_query(wide.data());
    exact(ids.data(), c.n_rows, &distances[static_cast<std::size_t>(q) * c.n_rows]);
  }
  alignas(64) float scores[matrix_queries * panel_rows], kept[matrix_queries * panel_rows];
  std::uint64_t masks[matrix_queries];
  const TileFunction tile = matrix ? kernels.matrix.tile : tiles[n_queries];
  if (matrix) kernels.matrix.begin(panels.n_words());
  for (std::int64_t panel = 0; panel < panels.n_panels(); ++panel) {
    const TileArguments arguments{packed.data(),       panels.values(panel), panels.base(panel),
                                  panels.error(panel), panels.scale(panel),  weights,
                                  thresholds,          scales,               starts,
                                  panels.n_words(),    n_queries};
    std::fill_n(weights, n_queries, 0.0f);
    std::fill_n(thresholds, n_queries, -std::numeric_limits<float>::infinity());
    tile(arguments, kept, masks);  // everything survives: all scores
    for (int lane = 0; lane < panel_rows && panel * panel_rows + lane < c.n_rows; ++lane) {
      const int row = static_cast<int>(panel) * panel_rows + lane;
      const auto distance = [&](int q) { return distances[static_cast<std::size_t>(q) * c.n_rows + row]; };
      for (int q = 0; q < n_queries; ++q) bounds[q].allow(distance(q), weights[q], thresholds[q]);
      tile(arguments, scores, masks);
      for (int q = 0; q < n_queries; ++q) {
        const double d = distance(q);
        if (std::isnan(d)) continue;  // an inner product that overflows both ways has no order
        ++findings.pairs;
        const float score = kept[q * panel_rows + lane];
        const bool pruned = weights[q] * panels.row_error(row) + score < thresholds[q];
        if (!(masks[q] >> lane & 1) || pruned) {
          findings.report("dropped", c, metric, codec, kernels.name, q, row, d, score);
        }
        const double upper = bounds[q].upper(score, panels.row_base(row), panels.row_error(row));
        if (!(upper >= d)) findings.report("upper bound", c, metric, codec, kernels.name, q, row, d, upper);
      }
    }
  }
  if (matrix) kernels.matrix.end();
}

}  // namespace

int main(int count, char** arguments) {
  const FloatEnvironment environment;
  const long cases = count > 1 ? std::atol(arguments[1]) : 100, seed = count > 2 ? std::atol(arguments[2]) : 1;
  Findings findings;
  for (long number = 0; number < cases; ++number) {
    Dice dice(static_cast<std::uint64_t>(seed) * 1000003 + static_cast<std::uint64_t>(number));
    const Case c = make_case(dice);
    for (const Metric metric : {Metric::squared_euclidean, Metric::inner_product, Metric::cosine}) {
      for (const Codec& codec : {Codec(CodecKind::float32), Codec(CodecKind::int8, 8), Codec(CodecKind::int8, 7)}) {
        for (const KernelTable* kernels : runnable_kernels()) check(c, metric, codec, *kernels, findings);
      }
    }
  }
  std::printf("%ld pairs, %ld holes\n", findings.pairs, findings.holes);
  return findings.holes ? 1 : 0;
}
