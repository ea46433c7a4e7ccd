// SPDX-License-Identifier: Apache-2.0
#include "tree/query_order.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace kneighbors {

namespace {

constexpr std::int64_t fewest = 64;
constexpr int code_bits = 24;

struct Column {
  std::int64_t index = 0;
  double low = 0, width = -1;
};

double value_of(const Rows& queries, std::int64_t row, std::int64_t column) {
  return queries.is_double ? queries.doubles(row)[column] : static_cast<double>(queries.floats(row)[column]);
}

// The (at most three) columns in which the queries are farthest apart.
std::vector<Column> widest_columns(const Rows& queries) {
  std::vector<Column> columns;
  const std::int64_t step = std::max<std::int64_t>(1, queries.n_rows / 1024);
  for (std::int64_t j = 0; j < queries.n_columns; ++j) {
    double low = std::numeric_limits<double>::infinity(), high = -low;
    for (std::int64_t i = 0; i < queries.n_rows; i += step) {
      low = std::min(low, value_of(queries, i, j));
      high = std::max(high, value_of(queries, i, j));
    }
    columns.push_back({j, low, high - low});
  }
  const std::size_t kept = std::min<std::size_t>(3, columns.size());
  std::partial_sort(columns.begin(), columns.begin() + static_cast<std::ptrdiff_t>(kept), columns.end(),
                    [](const Column& a, const Column& b) { return a.width > b.width; });
  columns.resize(kept);
  return columns;
}

}  // namespace

std::vector<std::int64_t> query_order(const Rows& queries) {
  if (queries.n_rows < fewest) return {};
  const std::vector<Column> columns = widest_columns(queries);
  const int bits = code_bits / static_cast<int>(columns.size());
  const std::size_t n = static_cast<std::size_t>(queries.n_rows);
  struct Coded {
    std::uint32_t code;
    std::int64_t row;
  };
  std::vector<Coded> coded(n), sorted(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t code = 0;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const Column& column = columns[c];
      const double share = (value_of(queries, static_cast<std::int64_t>(i), column.index) - column.low) / column.width;
      // Not a number where the columns' width is nothing or overflows.
      const double cells = share > 0 ? std::min(share, 1.0) * ((1u << bits) - 1) : 0;
      const auto cell = static_cast<std::uint32_t>(cells);
      for (int bit = 0; bit < bits; ++bit) {
        code |= (cell >> bit & 1u) << (bit * static_cast<int>(columns.size()) + static_cast<int>(c));
      }
    }
    coded[i] = {code, static_cast<std::int64_t>(i)};
  }
  // A radix sort of three passes: stable, so equal codes keep their order.
  for (int shift = 0; shift < code_bits; shift += 8) {
    std::array<std::size_t, 257> starts{};
    for (const Coded& item : coded) ++starts[(item.code >> shift & 255u) + 1];
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    for (const Coded& item : coded) sorted[starts[item.code >> shift & 255u]++] = item;
    coded.swap(sorted);
  }
  std::vector<std::int64_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = coded[i].row;
  return order;
}

}  // namespace kneighbors
